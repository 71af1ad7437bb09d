"""What users are told of a package of which no file can be used."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from packaging.specifiers import SpecifierSet

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.target import Target
from mfenvd.resolve.explain import Rejection, archs_with_wheels, nearest_version
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.pypi.wording import MOST_LINES, Chain, because, cut, dotted, needed_by, place


class Case(msgspec.Struct, frozen=True):
    """A package of which no file can be used.

    Attributes:
        subject: Name and specifier.
        chain: Canonical names from the root requirement to the package, both included.
        files: All that the indexes have of it.
        allowed: Those that the specifier admits, the newest first.
        nearest: The version to write instead; None when none has a wheel that fits.
        target: Where.
        rejected: Why each of the allowed wheels does not fit.
    """

    subject: str
    chain: Chain
    files: tuple[DistFile, ...]
    allowed: tuple[DistFile, ...]
    nearest: str | None
    target: Target
    rejected: tuple[Rejection, ...] = ()

    @property
    def name(self) -> str:
        return self.chain[-1]


def wheel_gap(case: Case) -> Finding:
    """No wheel fits."""
    fix = _use_instead(case) or _elsewhere(case)
    return _misfit(
        Code.WHEEL_GAP, f"{case.subject} has no wheel for {place(case.target)}: {_nearest(case)}.", case, fix
    )


def glibc_mismatch(case: Case) -> Finding:
    """Likewise, where a newer GLIBC is all that is missing."""
    needed = min(reason.glibc for reason in case.rejected if reason.glibc is not None and len(reason.axes) == 1)
    image = f"an image with GLIBC {dotted(needed)} or newer"
    use = _use_instead(case)
    return _misfit(
        Code.GLIBC_MISMATCH,
        f"Every wheel of {case.subject} for {case.target.arch} with Python {case.target.python} needs GLIBC "
        f"{dotted(needed)} or newer, and the target has {case.target.glibc}.",
        case,
        f"{use.removesuffix('.')}; or use {image}." if use else f"Use {image}.",
        needs_glibc=dotted(needed),
        has_glibc=case.target.glibc,
    )


def python_excluded(case: Case) -> Finding:
    """Every allowed file says that it is not for the target's Python."""
    wants = next((file.requires_python for file in case.allowed if file.requires_python), "")
    finding = _finding(
        Code.PYTHON_EXCLUDED,
        f"{case.subject} does not support Python {case.target.python_full}: it wants {wants}.",
        case,
        fix=_use_instead(case) or f"Use a Python that is {wants}.",
        requires_python=wants,
    )
    return _detailed(finding, [f"{file.filename}: Python {file.requires_python}" for file in case.allowed])


def no_such_version(case: Case) -> Finding:
    versions = [str(version) for version in sorted({file.parsed_version for file in case.files}, reverse=True)]
    listed = ", ".join(versions[:MOST_LINES]) + (", …" if len(versions) > MOST_LINES else "")
    finding = _finding(
        Code.NO_SUCH_VERSION,
        f"There is no version {case.subject}: the newest that exists is {versions[0]}.",
        case,
        fix=f"`{case.name}=={case.nearest}` is the nearest version with a wheel for {place(case.target)}."
        if case.nearest
        else f"{case.name} has no version with a wheel for {place(case.target)}: leave it out.",
        newest=versions[0],
    )
    return _detailed(finding, [f"versions that exist: {listed}"])


def withdrawn_only(case: Case, reason: str) -> Finding:
    """Every allowed version was withdrawn, and none is pinned."""
    return _finding(
        Code.YANKED,
        f"Every version of {case.subject} was withdrawn by its authors{because(reason)}.",
        case,
        fix=f"`{case.name}=={case.nearest}` is the nearest version that was not." if case.nearest else None,
        reason=reason,
    )


def hash_mismatch(case: Case, hashes: Sequence[str]) -> Finding:
    finding = _finding(
        Code.HASH_MISMATCH,
        f"No file of {case.subject} for {place(case.target)} has a hash that it must have ({len(hashes)} given).",
        case,
        fix="Generate the hashes again for all platforms; if a file changed at the index, find out why first.",
        hashes=list(hashes),
    )
    return _detailed(finding, [f"{file.filename}: sha256:{file.sha256 or 'not given'}" for file in case.allowed])


def _misfit(code: Code, message: str, case: Case, fix: str, **facts: object) -> Finding:
    sdist = any(not file.is_wheel for file in case.allowed)
    wheels = [{"filename": r.filename, "axes": list(map(str, r.axes)), "needs": r.needs} for r in case.rejected]
    if sdist:
        message += " There is a source distribution, which Metaflow does not build."
    finding = _finding(code, message, case, fix=fix, sdist=sdist, wheels=wheels[:MOST_LINES], **facts)
    return _detailed(finding, list(map(str, case.rejected)))


def _finding(code: Code, message: str, case: Case, *, fix: str | None, **facts: object) -> Finding:
    return Finding(
        code=code,
        severity=Severity.ERROR,
        message=message + needed_by(case.chain),
        package=case.name,
        chain=case.chain,
        fix=fix,
        data={"nearest": case.nearest, **facts},
    )


def _detailed(finding: Finding, lines: Sequence[str]) -> Finding:
    return msgspec.structs.replace(finding, detail=cut(lines))


def _use_instead(case: Case) -> str | None:
    """`torch==2.2.2` is the last with a wheel for osx-64."""
    if case.nearest is None:
        return None
    is_last = case.nearest == nearest_version(case.files, SpecifierSet(), case.target)
    word = "last" if is_last else "nearest"
    return f"`{case.name}=={case.nearest}` is the {word} with a wheel for {place(case.target)}."


def _elsewhere(case: Case) -> str:
    archs = archs_with_wheels(case.files)
    if case.target.arch in archs:
        return f"Use another Python: {case.name} has wheels for {case.target.arch}, none for {case.target.python}."
    if archs:
        return f"Ask for {case.name} only where it has wheels: {', '.join(map(str, archs))}."
    return f"Leave {case.name} out, or publish a wheel of it on an index of your own."


def _latest_python(filename: str) -> int:
    """The latest `cpXY` that the wheel is named for, as `311`; 0 for one that names none."""
    interpreters = filename.split("-")[-3].split(".")
    return max((int(name[2:]) for name in interpreters if name[2:].isdecimal()), default=0)


def _nearest(case: Case) -> str:
    """What the wheel that comes nearest would need: the fewest axes, the latest Python among equals."""
    if not case.rejected:
        return "it has none at all"
    nearest = min(case.rejected, key=lambda reason: (len(reason.axes), -_latest_python(reason.filename)))
    return f"the nearest, {nearest.filename}, needs {nearest.needs}"
