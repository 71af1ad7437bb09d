"""What conda channels have of a package, for every arch: what `mfenv wheels --conda` shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from rattler import Channel, MatchSpec, RepoDataRecord, Subdir, Version, VersionSpec
from rattler.exceptions import GatewayError, InvalidMatchSpecError, InvalidVersionSpecError

from mfenvd.awaiting import awaited
from mfenvd.condarc.configuration import CondaConfiguration
from mfenvd.domain.arch import Arch
from mfenvd.domain.redact import without_channel_credentials
from mfenvd.resolve.conda.access import access_to
from mfenvd.resolve.conda.catalog import Catalog
from mfenvd.resolve.conda.channel_failures import channel_problem
from mfenvd.resolve.conda.errors import CondaProblem, InvalidSpec
from mfenvd.resolve.conda.lists import NOARCH
from mfenvd.resolve.conda.names import spec_name
from mfenvd.resolve.conda.repodata import repodata_for

_MINORS = tuple(range(6, 16))
"""Of the Pythons that are named: 3.6 to 3.15."""

_NEVER_MADE = 999
"""What allows 3.999 allows every Python that is newer than those that are named."""

_ABI = re.compile(r"\*_cp3\d+(?P<threading>t?)")
_LOWEST = re.compile(r"(?:>=|==|>|=)?\s*(?P<version>\d+(?:\.\d+)*)")


class NoSuchCondaPackage(CondaProblem):
    """The channels have no package of that name, or no version that matches.

    Attributes:
        nearest: A name or version that there is; None when none is near.
    """

    def __init__(self, name: str, spec: str, channels: Sequence[str], nearest: str | None) -> None:
        self.nearest = nearest
        where = " or ".join(map(without_channel_credentials, channels))
        what = f"There is no {name} that matches `{spec}`" if spec else f"There is no conda package {name}"
        super().__init__(f"{what} in {where}.")


class CondaBuild(msgspec.Struct, frozen=True):
    """One file.

    Attributes:
        subdir: An arch, or `noarch`.
        build: Its build string.
        number: Of builds that are else the same, the highest is chosen.
        channel: Its URL without credentials.
        pythons: The Pythons that it is for, as `3.11` (`3.13t`: free-threaded), oldest first; None for any or none.
        newer: Whether it is for every Python that is newer than the last of `pythons`, too.
        glibc: Oldest GLIBC that it asks for itself; None when it asks for none.
        macos: Likewise.
        cuda: Likewise of the driver's CUDA; `any` when any will do.
        size: Bytes; None where the channel says none.
    """

    subdir: str
    build: str
    number: int
    channel: str
    pythons: tuple[str, ...] | None = None
    newer: bool = False
    glibc: str | None = None
    macos: str | None = None
    cuda: str | None = None
    size: int | None = None


class CondaVersion(msgspec.Struct, frozen=True):
    """One version with its builds, by subdir, then by build."""

    version: str
    builds: tuple[CondaBuild, ...]


class CondaAvailability(msgspec.Struct, frozen=True):
    """What there is of a package.

    Attributes:
        name: As conda has it.
        channels: That were looked in: URLs without credentials.
        rows: The newest version first.
        versions: How many versions match in all.
    """

    name: str
    channels: tuple[str, ...]
    rows: tuple[CondaVersion, ...]
    versions: int


def conda_availability(  # noqa: PLR0913 - the options of one command
    package: str,
    channels: Sequence[str],
    configuration: CondaConfiguration,
    cache_dir: Path,
    *,
    archs: Sequence[Arch] = tuple(Arch),
    limit: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> CondaAvailability:
    """The builds of `package` (`numpy`, `numpy=1.26`, `channel::numpy>=2`), those for every arch included.

    Args:
        package: A match spec.
        channels: Names or URLs in order of priority; that of `channel::name` comes first.
        configuration: conda's.
        cache_dir: mfenv's cache folder.
        archs: To look for.
        limit: How many versions, the newest first; None means all.
        environ: The shell's variables, for channels in S3.

    Raises:
        CondaProblem: `package` is no match spec, a channel gives no answer, or there is no such package.
    """
    channel, _, bare = package.rpartition("::")
    try:
        spec = MatchSpec(bare)
    except InvalidMatchSpecError as error:
        raise InvalidSpec(package, str(error)) from error
    access = access_to((channel,) if channel else tuple(channels), configuration, environ)
    repodata = repodata_for(cache_dir, access)
    subdirs = (*map(str, archs), NOARCH)
    gateway = repodata.gateway(subdirs)
    name = spec_name(bare)
    sources = [Channel(url) for url in access.channels]
    query = gateway.query(sources, map(Subdir, subdirs), [name], recursive=False, channel_relations="disabled")
    try:
        records = [record for found in awaited(query) for record in found]
    except GatewayError as error:
        raise channel_problem(str(error), access.channels, subdirs, gateway) from error
    matching = [record for record in records if spec.matches(record)]
    if not matching:
        nearest = _newest(records) or Catalog(repodata, access.channels).nearest_name(name, next(iter(archs)))
        raise NoSuchCondaPackage(name, bare.strip() if records else "", access.channels, nearest)
    by_version: dict[Version, list[RepoDataRecord]] = {}
    for record in matching:
        by_version.setdefault(record.version, []).append(record)
    order = {subdir: index for index, subdir in enumerate(subdirs)}
    return CondaAvailability(
        name=name,
        channels=tuple(map(without_channel_credentials, access.channels)),
        rows=tuple(
            CondaVersion(str(version), _builds(by_version[version], order))
            for version in sorted(by_version, reverse=True)[:limit]
        ),
        versions=len(by_version),
    )


def _newest(records: Iterable[RepoDataRecord]) -> str | None:
    newest = max((record.version for record in records), default=None)
    return str(newest) if newest is not None else None


def _builds(records: Iterable[RepoDataRecord], order: dict[str, int]) -> tuple[CondaBuild, ...]:
    """A file that a channel has as `.conda` and `.tar.bz2` counts once; of channels, the first that has a build."""
    builds: dict[tuple[str, str], CondaBuild] = {}
    for record in records:
        build = _build(record)
        builds.setdefault((build.subdir, build.build), build)
    return tuple(sorted(builds.values(), key=lambda build: (order[build.subdir], build.pythons or (), build.build)))


def _build(record: RepoDataRecord) -> CondaBuild:
    needs = [(spec_name(spec), spec) for spec in record.depends]
    of_python = _of_python(needs)
    return CondaBuild(
        subdir=record.subdir,
        build=str(record.build),
        number=record.build_number,
        channel=without_channel_credentials(record.channel).rstrip("/"),
        pythons=_pythons(needs, of_python) if of_python else None,
        newer=bool(of_python) and all(_allows(spec, _NEVER_MADE) for spec in of_python),
        glibc=_lowest(needs, "__glibc"),
        macos=_lowest(needs, "__osx"),
        cuda=_lowest(needs, "__cuda"),
        size=record.size,
    )


def _of_python(needs: Sequence[tuple[str, str]]) -> list[VersionSpec]:
    """What dependencies on Python and its ABI allow; empty where any will do."""
    specs = [_versions(spec) for name, spec in needs if name in {"python", "python_abi"}]
    return [spec for spec in specs if spec is not None]


def _pythons(needs: Sequence[tuple[str, str]], allowed: Sequence[VersionSpec]) -> tuple[str, ...]:
    """The minor versions that all of `allowed` allow."""
    threading = any(found["threading"] for name, spec in needs if name == "python_abi" for found in _ABI.finditer(spec))
    # An upper bound such as `<3.12.0a0` leaves out every 3.12; a lower one such as `>=3.9.10` only some of 3.9.
    minors = [minor for minor in _MINORS if all(_allows(spec, minor) for spec in allowed)]
    return tuple(f"3.{minor}{'t' if threading else ''}" for minor in minors)


def _allows(spec: VersionSpec, minor: int) -> bool:
    return any(spec.matches(Version(f"3.{minor}{patch}")) for patch in ("", ".0", ".99"))


def _versions(spec: str) -> VersionSpec | None:
    """The versions of `python >=3.11,<3.12.0a0`; None where any will do."""
    parts = spec.split()
    if len(parts) < 2:
        return None
    try:
        return VersionSpec(parts[1])
    except InvalidVersionSpecError:
        return None


def _lowest(needs: Sequence[tuple[str, str]], virtual: str) -> str | None:
    """The highest lower bound on a virtual package; `any` where it must only be there."""
    specs = [spec.partition(" ")[2] for name, spec in needs if name == virtual]
    if not specs:
        return None
    found = [match["version"] for spec in specs if (match := _LOWEST.match(spec))]
    return max(found, key=Version) if found else "any"
