"""What users are told when PyPI packages do not resolve, or resolve to something worth knowing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from packaging.utils import canonicalize_name

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.redact import redact
from mfenvd.domain.target import Target
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.pypi.sources import Source
from mfenvd.resolve.pypi.standins import Installed
from mfenvd.resolve.pypi.wording import (
    Chain,
    because,
    cut,
    glibc_of,
    needed_by,
    only_sdist,
    side,
)


def not_across_archs(source: Source, offenders: Sequence[Source], nearest: str | None, target: Target) -> Finding:
    """`source` is one of `offenders`; all are named, as in the error that Metaflow's users know."""
    listed = ", ".join(offender.shown for offender in offenders)
    if nearest is not None:
        fix = f"`{source.name}=={nearest}` has a wheel for {target.arch}."
    elif source.file is not None:
        fix = f"Publish a wheel of {source.name} on an index of your own, or run the step on this architecture only."
    else:
        fix = f"Name a version of {source.name} that has a wheel, or run the step on this architecture only."
    return Finding(
        code=Code.NON_WHEEL_ACROSS_ARCHS,
        severity=Severity.ERROR,
        message="Cannot resolve environment across architectures as it depends on local files or non-wheel packages: "
        + listed,
        package=source.name,
        chain=source.chain,
        fix=fix,
        detail=(only_sdist(source.file),) if source.file is not None else (),
        data={"requirement": source.shown, "offenders": [offender.shown for offender in offenders]},
    )


def not_in_mixed(source: Source, offenders: Sequence[Source], nearest: str | None, target: Target) -> Finding:
    """Likewise beside conda packages, where the target's arch makes no difference."""
    finding = not_across_archs(source, offenders, nearest, target)
    fix = (
        f"`{source.name}=={nearest}` has a wheel for {target.arch}."
        if nearest is not None
        else (
            f"Name a version of {source.name} that has a wheel, publish a wheel of it on an index of your own, or take "
            "all packages from PyPI: without conda packages it is built on its own architecture."
        )
    )
    return msgspec.structs.replace(
        finding,
        code=Code.NON_WHEEL_IN_MIXED,
        message=f"{finding.message} (in a mixed environment on the same architecture too: conda-lock, which Metaflow "
        "uses for these, does not build packages from source)",
        fix=fix,
    )


def bad_address(name: str, url: str, reason: str) -> Finding:
    """What is at `url`, the address that the requirement on `name` gives, cannot be used; `reason` says what it is."""
    return Finding(
        code=Code.BAD_ADDRESS,
        severity=Severity.ERROR,
        message=f"{name} cannot be had from {url}: {reason}.",
        package=canonicalize_name(name),
        chain=(canonicalize_name(name),),
        fix=f"Correct the address, or ask for {name} by its version.",
        data={"url": url, "reason": reason},
    )


def build_needs_trust(source: Source) -> Finding:
    return Finding(
        code=Code.BUILD_NEEDS_TRUST,
        severity=Severity.ERROR,
        message=f"{source.shown} is not a wheel: building it runs its code, and this project is not trusted.",
        package=source.name,
        chain=source.chain,
        fix="Run `mfenv trust` in the project (for one command: add `--trust`), once you trust it.",
        data={"requirement": source.shown},
    )


def build_failed(source: Source, reason: str, output: Sequence[str]) -> Finding:
    """`output` is the end of what the build printed."""
    return Finding(
        code=Code.BUILD_FAILED,
        severity=Severity.ERROR,
        message=f"{source.shown} could not be built into a wheel: {redact(reason)}",
        package=source.name,
        chain=source.chain,
        fix="Do what the build's output says, or find a wheel.",
        detail=tuple(map(redact, output)),
        data={"requirement": source.shown},
    )


def no_such_package(chain: Chain, places: Sequence[str]) -> Finding:
    where = ", ".join(places) or "the configured folders"
    return Finding(
        code=Code.NO_SUCH_PACKAGE,
        severity=Severity.ERROR,
        message=f"There is no package {chain[-1]} in {where}.{needed_by(chain)}",
        package=chain[-1],
        chain=chain,
        fix="Check the spelling, or add the index that has it (`extra-index-url` in pip's configuration).",
        data={"indexes": list(places)},
    )


def conflict(name: str | None, clashing: Sequence[tuple[Chain, str]], words: str) -> Finding:
    """Requirements that exclude each other.

    Args:
        name: The package that they are about; None when it is not known.
        clashing: For each side the chain to the package and its specifier; a chain of one is the request itself.
        words: The solver's own.
    """
    sides = [side(chain, specifier) for chain, specifier in clashing]
    message = (
        f"No version of {name} satisfies all of: {'; '.join(sides)}."
        if name and sides
        else ("No set of versions satisfies all requirements together.")
    )
    loosest = " or ".join(dict.fromkeys(f"`{chain[0]}`" for chain, _ in clashing))
    return Finding(
        code=Code.CONFLICT,
        severity=Severity.ERROR,
        message=message,
        package=name,
        chain=clashing[0][0] if clashing else (),
        fix=f"Loosen the requirement on {loosest}." if loosest else "Loosen one of the requirements in the details.",
        detail=cut(redact(words).splitlines()),
        data={"chains": [list(chain) for chain, _ in clashing], "specifiers": [spec for _, spec in clashing]},
    )


def installed_excludes(installed: Installed, clashing: Sequence[tuple[Chain, str]], words: str) -> Finding:
    """What wheels need does not go with a package that is there already.

    Args:
        installed: That package.
        clashing: For each requirement the chain to it and its specifier.
        words: The solver's own.
    """
    name = clashing[0][0][-1]
    sides = "; ".join(side(chain, specifier) for chain, specifier in clashing)
    wanted = ",".join(dict.fromkeys(specifier for _, specifier in clashing))
    return Finding(
        code=Code.CONDA_EXCLUDES_WHEEL,
        severity=Severity.ERROR,
        message=f"{installed.shown} excludes {sides}.",
        package=name,
        chain=clashing[0][0],
        fix=f"Ask conda for {installed.package} {wanted}, or loosen the requirement on `{clashing[0][0][0]}`.",
        detail=cut(redact(words).splitlines()),
        data={"chains": [list(chain) for chain, _ in clashing], "specifiers": [spec for _, spec in clashing]},
    )


def extras_unknown(installed: Installed, name: str, extras: Sequence[str]) -> Finding:
    """What extras of an installed package need was not found, as the index does not have that version."""
    listed = ",".join(extras)
    return Finding(
        code=Code.EXTRAS_UNKNOWN,
        severity=Severity.WARNING,
        message=f"What {name}[{listed}] needs besides is not known: it comes from conda, and no index has a wheel of "
        f"version {installed.version}.",
        package=name,
        chain=(name,),
        fix=f"Name the packages that you need {name}[{listed}] for.",
        data={"extras": list(extras)},
    )


def withdrawn(file: DistFile, chain: Chain, nearest: str | None) -> Finding:
    """A pin chose `file` although it was withdrawn."""
    return Finding(
        code=Code.YANKED,
        severity=Severity.WARNING,
        message=f"{file.name} {file.version} was withdrawn by its authors{because(file.yanked or '')}.",
        package=file.name,
        chain=chain,
        fix=f"`{file.name}=={nearest}` is the nearest version that was not." if nearest else None,
        data={"version": file.version, "reason": file.yanked or "", "nearest": nearest},
    )


def held_back(chain: Chain, chosen: DistFile, newer: DistFile, target: Target, *, metaflow_too: bool) -> Finding:
    """The target's GLIBC is why `chosen` was taken.

    Args:
        chain: To the package.
        chosen: Its wheel.
        newer: Of a newer version, the wheel that asks for the least.
        target: Where.
        metaflow_too: Metaflow would take that version.
    """
    needs = glibc_of(newer, target)
    metaflow = f" Metaflow itself would pick {newer.version}." if metaflow_too else ""
    reason = "" if metaflow_too else " to make it visible"
    return Finding(
        code=Code.GLIBC_HELD_BACK,
        severity=Severity.WARNING,
        message=f"{newer.name} {newer.version} needs GLIBC {needs} and the target has {target.glibc}: "
        f"{chosen.version} is used.{metaflow}",
        package=newer.name,
        chain=chain,
        fix=f"Pin `{newer.name}=={chosen.version}`{reason}, or use an image with GLIBC {needs} or newer.",
        detail=(newer.filename,),
        data={
            "chosen": chosen.version,
            "newest": newer.version,
            "needs_glibc": needs,
            "has_glibc": target.glibc,
            "metaflow_picks_newest": metaflow_too,
        },
    )


def metaflow_picks_too_new(chain: Chain, chosen: DistFile, picked: DistFile, target: Target) -> Finding:
    """Metaflow would take `picked`, whatever the image's GLIBC is."""
    needs = glibc_of(picked, target)
    same = picked.parsed_version == chosen.parsed_version
    would = "may pick another wheel of it" if same else f"would pick {picked.version}"
    image = f"an image with GLIBC {needs} or newer"
    return Finding(
        code=Code.METAFLOW_PICKS_TOO_NEW,
        severity=Severity.WARNING,
        message=f"mfenv resolves {chosen.name} to {chosen.version}; Metaflow itself {would}, which needs "
        f"GLIBC {needs}, and the target has {target.glibc}.",
        package=chosen.name,
        chain=chain,
        fix=f"Use {image}." if same else f"Pin `{chosen.name}=={chosen.version}`, or use {image}.",
        detail=(picked.filename,),
        data={
            "chosen": chosen.version,
            "picked": picked.version,
            "wheel": picked.filename,
            "needs_glibc": needs,
            "has_glibc": target.glibc,
        },
    )


def not_understood(text: str) -> Finding:
    """A requirement that is not PEP 508 reached the resolver."""
    return Finding(
        code=Code.BAD_REQUIREMENT,
        severity=Severity.ERROR,
        message=redact(text),
        fix="Write it as PEP 508 says: `name[extra]>=1.0; marker`.",
    )


def uv_missing(text: str) -> Finding:
    return Finding(
        code=Code.TOOL_MISSING,
        severity=Severity.ERROR,
        message=f"PyPI environments cannot be resolved, as uv is missing: {text}",
        fix="Install mfenv again: `pip install --force-reinstall mfenv`.",
    )


def uv_failed(words: str) -> Finding:
    """The solver stopped for a reason that is neither the requirements nor an index."""
    lines = redact(words).splitlines() or ["no output"]
    return Finding(
        code=Code.INTERNAL_ERROR,
        severity=Severity.ERROR,
        message=f"uv failed: {lines[0].removeprefix('error: ')}",
        fix="Run it again; if it stays, report it with the details.",
        detail=cut(lines),
    )
