"""What users are told when conda packages do not resolve, or channels do not answer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.target import Target
from mfenvd.resolve.conda.errors import (
    ChannelProblem,
    ChannelRefuses,
    ChannelUnreachable,
    ChannelUnreadable,
    InvalidSpec,
    NoSuchChannel,
    SolveTookTooLong,
)
from mfenvd.resolve.conda.wording import Chain, elsewhere, few, listed, needed_by, side, told

_MOST_VERSIONS = 40


class Supply(msgspec.Struct, frozen=True):
    """What there is of a package.

    Attributes:
        versions: For the target's arch, the newest first.
        nearest: The one of them to ask for instead; None when there are none.
        archs: Other archs that have what is asked for, with the versions that match.
    """

    versions: tuple[str, ...]
    nearest: str | None = None
    archs: dict[Arch, tuple[str, ...]] = msgspec.field(default_factory=dict)


class Wanted(msgspec.Struct, frozen=True):
    """A package and the Python that is asked for beside it: its name, and both as match specs."""

    name: str
    spec: str
    python: str


def channel_finding(problem: ChannelProblem) -> Finding:
    """The finding for whatever `problem` is."""
    host = problem.channel.partition("://")[2].partition("/")[0] or problem.channel
    code, fix = {
        ChannelUnreachable: (
            Code.CHANNEL_UNREACHABLE,
            "Check the network, the proxy and the channel's URL; a running daemon tries again by itself.",
        ),
        ChannelRefuses: (
            Code.CHANNEL_REFUSES,
            f"Renew the credentials for {host} in `.condarc` or netrc, or in the shell and run `mfenv up` again.",
        ),
        ChannelUnreadable: (
            Code.CHANNEL_UNREADABLE,
            "Open the channel's /noarch/repodata.json in a browser; if the channel is yours, index it again.",
        ),
        NoSuchChannel: (
            Code.NO_SUCH_CHANNEL,
            "Check the channel's name or URL, and `channel_alias` in `.condarc`; a channel has a folder noarch.",
        ),
    }[type(problem)]
    return Finding(
        code=code,
        severity=Severity.ERROR,
        message=str(problem),
        fix=fix,
        data={"channel": problem.channel, "detail": problem.detail},
    )


def stale(channel: str, since: float) -> Finding:
    """Package lists of `channel` as of `since` (seconds since 1970) were used, as it does not answer now."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(since))
    return Finding(
        code=Code.CHANNEL_UNREACHABLE,
        severity=Severity.NOTICE,
        message=f"The conda channel {channel} does not answer; what it listed at {when} was used.",
        fix="Nothing needs to be done; newer packages are seen once it answers again.",
        data={"channel": channel, "since": since},
    )


def invalid_spec(problem: InvalidSpec) -> Finding:
    return Finding(
        code=Code.BAD_REQUIREMENT,
        severity=Severity.ERROR,
        message=str(problem),
        fix="Write a version as `1.5.0`, `1.5.*`, `>=3.8,<3.9` or `2.5.1=cuda*`.",
        data={"requirement": problem.spec},
    )


def took_too_long(problem: SolveTookTooLong) -> Finding:
    return Finding(
        code=Code.SOLVE_TOOK_TOO_LONG,
        severity=Severity.ERROR,
        message=str(problem),
        fix="Pin the versions of the largest packages: the fewer there are to choose from, the sooner it is known.",
        data={"seconds": problem.seconds},
    )


def no_such_package(chain: Chain, channels: Sequence[str], nearest: str | None) -> Finding:
    name = chain[-1]
    fix = f"Did you mean `{nearest}`? Otherwise add the channel that has it." if nearest else None
    return Finding(
        code=Code.NO_SUCH_PACKAGE,
        severity=Severity.ERROR,
        message=f"There is no package {name} in {listed(channels)}.{needed_by(chain)}",
        package=name,
        chain=chain,
        fix=fix or "Check the spelling, or add the channel that has it (`channel::package`, `.condarc`).",
        data={"channels": list(channels), "nearest": nearest},
    )


def not_for_arch(name: str, target: Target, archs: Mapping[Arch, Sequence[str]]) -> Finding:
    """The channels have `name`, but for other archs only."""
    return Finding(
        code=Code.NOT_FOR_ARCH,
        severity=Severity.ERROR,
        message=f"{name} does not exist for {target.arch}: it is there for {elsewhere(archs)}.",
        package=name,
        chain=(name,),
        fix=f"Leave {name} out on {target.arch}, or run the step on {' or '.join(archs)}.",
        data={"archs": {str(arch): list(versions) for arch, versions in archs.items()}},
    )


def no_such_version(name: str, spec: str, target: Target, supply: Supply) -> Finding:
    """There are versions of `name` for the target's arch, but not what `spec` asks for."""
    other = f" It is there for {elsewhere(supply.archs)}." if supply.archs else ""
    return Finding(
        code=Code.NO_SUCH_VERSION,
        severity=Severity.ERROR,
        message=f"There is no {spec} for {target.arch}: the newest that exists is {supply.versions[0]}.{other}",
        package=name,
        chain=(name,),
        fix=f"`{name} =={supply.nearest}` is the nearest version for {target.arch}.",
        detail=(f"versions for {target.arch}: {', '.join(supply.versions[:_MOST_VERSIONS])}",),
        data={
            "nearest": supply.nearest,
            "newest": supply.versions[0],
            "archs": {str(arch): list(versions) for arch, versions in supply.archs.items()},
        },
    )


def no_such_python(spec: str, target: Target, supply: Supply) -> Finding:
    there = supply.versions
    return Finding(
        code=Code.NO_SUCH_PYTHON,
        severity=Severity.ERROR,
        message=f"The channels have no {spec} for {target.arch}{f': {few(there)} are there' if there else ''}.",
        package="python",
        chain=("python",),
        fix=f"Ask for Python {supply.nearest}, the nearest for {target.arch}."
        if supply.nearest
        else "Add a channel that has Python, as conda-forge.",
        detail=(f"versions for {target.arch}: {', '.join(there[:_MOST_VERSIONS])}",) if there else (),
        data={"nearest": supply.nearest, "versions": list(there)},
    )


def kept_out(name: str, spec: str, first: tuple[str, Sequence[str]], place: str) -> Finding:
    """The channel at `place` has what `spec` asks for; an earlier one, `first`, has other versions of it."""
    channel, versions = first
    return Finding(
        code=Code.CHANNEL_PRIORITY,
        severity=Severity.ERROR,
        message=f"{spec} is in {place}, but {channel} has {name} too ({few(versions)}) and comes first; with strict "
        "channel priority it is the only one that counts.",
        package=name,
        chain=(name,),
        fix=f'Name the channel (`"{place}::{name}"`), or set `channel_priority: flexible` in `.condarc`.',
        data={"channel": place, "first": channel, "versions": list(versions)},
    )


def glibc_mismatch(spec: str, chain: Chain, needed: str, target: Target, nearest: str | None) -> Finding:
    """What `spec` asks for comes down to a package, `chain`'s last, that needs a newer GLIBC."""
    root = chain[0]
    use = f"`{root} =={nearest}` works here; or use" if nearest else "Use"
    return _system(
        Code.GLIBC_MISMATCH,
        f"{spec} needs GLIBC {needed} or newer on {target.arch}, and the target has {target.glibc}.{needed_by(chain)}",
        chain,
        f"{use} an image with GLIBC {needed} or newer.",
        needs_glibc=needed,
        has_glibc=target.glibc,
    )


def macos_mismatch(spec: str, chain: Chain, needed: str, target: Target, nearest: str | None) -> Finding:
    use = f"`{chain[0]} =={nearest}` works here; or set" if nearest else "Set"
    return _system(
        Code.MACOS_MISMATCH,
        f"{spec} needs macOS {needed} or newer on {target.arch}, and the target has {target.macos}.{needed_by(chain)}",
        chain,
        f'{use} `[tool.mfenv.targets.{target.arch}] macos = "{needed}"` where the Macs are that new.',
        needs_macos=needed,
        has_macos=target.macos,
    )


def cuda_missing(spec: str, chain: Chain, needed: str | None, target: Target) -> Finding:
    wanted = f"a GPU with CUDA {needed} or newer" if needed else "a GPU (CUDA)"
    has = f"CUDA {target.cuda}" if target.cuda else "none"
    return _system(
        Code.CUDA_MISSING,
        f"{spec} needs {wanted} on {target.arch}, and the target has {has}.{needed_by(chain)}",
        chain,
        f'Say `[tool.mfenv.targets.{target.arch}] cuda = "{needed or "12.4"}"` or ask for a GPU '
        "(`@resources(gpu=1)`), or choose a CPU build.",
        needs_cuda=needed,
        has_cuda=target.cuda,
    )


def python_excluded(wanted: Wanted, pythons: Sequence[str], target: Target, nearest: str | None) -> Finding:
    """No build is for the Python that is asked for; `pythons` are those that there are builds for."""
    name = wanted.name
    if nearest:
        fix = f"`{name} =={nearest}` works here."
    else:
        fix = f"Use Python {pythons[-1]}." if pythons else f"Leave {name} out."
    return Finding(
        code=Code.PYTHON_EXCLUDED,
        severity=Severity.ERROR,
        message=f"{wanted.spec} does not support {wanted.python} on {target.arch}: it is built for Python "
        f"{', '.join(pythons)}.",
        package=name,
        chain=(name,),
        fix=fix,
        data={"pythons": list(pythons), "nearest": nearest},
    )


def conflict(sides: Sequence[Sequence[str]], names: Sequence[Chain], words: str) -> Finding:
    """Requirements that exclude each other.

    Args:
        sides: The chains that clash first, as match specs, each from what is asked for; the first one's end is what the
            second one is about.
        names: Likewise, as names.
        words: The solver's own, about what clashes alone.
    """
    package = names[0][-1]
    lacking = "the target does not have that" if package.startswith("__") else "no such package is there"
    if len(sides) > 1:
        message = f"These exclude each other: {'; '.join(map(side, sides))}."
    elif len(sides[0]) > 1:
        message = f"This cannot be met: {side(sides[0])}, and {lacking}."
    else:
        message = f"{side(sides[0])} cannot be installed, whatever else is asked for."
    loosest = " or ".join(dict.fromkeys(f"`{chain[0]}`" for chain in names))
    return Finding(
        code=Code.CONFLICT,
        severity=Severity.ERROR,
        message=message,
        package=package,
        chain=names[0],
        fix=f"Loosen the requirement on {loosest}.",
        detail=told(words),
        data={"chains": [list(chain) for chain in names], "specs": [list(specs) for specs in sides]},
    )


def _system(code: Code, message: str, chain: Chain, fix: str, **data: str | None) -> Finding:
    return Finding(
        code=code,
        severity=Severity.ERROR,
        message=message,
        package=chain[-1],
        chain=chain,
        fix=fix,
        data={"chain": list(chain), **data},
    )
