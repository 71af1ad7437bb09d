"""What channels have of a package, for telling why a request cannot be met."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rapidfuzz import fuzz, process, utils
from rattler import Channel, MatchSpec, RepoDataRecord, Subdir, Version
from rattler.exceptions import GatewayError

from mfenvd.awaiting import awaited
from mfenvd.domain.arch import Arch
from mfenvd.resolve.conda.lists import NOARCH
from mfenvd.resolve.conda.repodata import Repodata

_NAMED_VERSION = re.compile(r"\d[0-9A-Za-z.!+_]*")

_ALIKE = 75
"""Of 100: from here on a name may be what was meant."""


class Catalog:
    """Looks packages up for one diagnosis, each once. What a channel keeps back counts as not there.

    Args:
        repodata: Of the channels to look in.
        channels: Theirs, in order of priority.
    """

    def __init__(self, repodata: Repodata, channels: Sequence[str]) -> None:
        self._repodata = repodata
        self._channels = tuple(channels)
        self._records: dict[tuple[str, Arch], tuple[RepoDataRecord, ...]] = {}

    def records(self, name: str, arch: Arch) -> tuple[RepoDataRecord, ...]:
        """All of package `name` for `arch`, those for every arch included."""
        key = (name, arch)
        if key not in self._records:
            self._records[key] = self._looked_up(name, arch)
        return self._records[key]

    def _looked_up(self, name: str, arch: Arch) -> tuple[RepoDataRecord, ...]:
        for refresh in (False, True):
            try:
                return tuple(awaited(self._query(name, arch, refresh=refresh)))
            except GatewayError:
                continue
        return ()

    def archs(self, spec: MatchSpec, *, but: Arch) -> dict[Arch, tuple[str, ...]]:
        """The archs besides `but` that have what `spec` asks for, each with the versions that match."""
        name = spec.name.normalized
        found = {}
        for arch in Arch:
            matching = (
                [record for record in self.records(name, arch) if spec.matches(record)] if arch is not but else []
            )
            if matching:
                found[arch] = newest_first(matching)
        return found

    def nearest_name(self, name: str, arch: Arch) -> str | None:
        """The name of a package that `name` may be a slip of; None when none is near."""
        try:
            names = awaited(self._names(arch))
        except GatewayError:
            return None
        found = process.extractOne(
            name, sorted(names), scorer=fuzz.ratio, processor=utils.default_process, score_cutoff=_ALIKE
        )
        return found[0] if found else None

    async def _query(self, name: str, arch: Arch, *, refresh: bool) -> list[RepoDataRecord]:
        subdirs = (str(arch), NOARCH)
        found = await self._repodata.gateway(subdirs, refresh=refresh).query(
            [Channel(url) for url in self._channels],
            map(Subdir, subdirs),
            [name],
            recursive=False,
            channel_relations="disabled",
        )
        return [record for records in found for record in records]

    async def _names(self, arch: Arch) -> list[str]:
        subdirs = (str(arch), NOARCH)
        found = await self._repodata.gateway(subdirs).names(
            [Channel(url) for url in self._channels], map(Subdir, subdirs), channel_relations="disabled"
        )
        return [name.normalized for name in found if not name.normalized.startswith("__")]


def newest_first(records: Iterable[RepoDataRecord]) -> tuple[str, ...]:
    """The versions of `records`, each once."""
    found = {record.version: str(record.version) for record in records}
    return tuple(found[version] for version in sorted(found, reverse=True))


def nearest_version(spec: MatchSpec, versions: Sequence[str]) -> str | None:
    """The one of `versions` to ask for instead; None when there are none.

    The newest that is not above the highest that `spec` names, else the oldest above.
    """
    if not versions:
        return None
    ordered = sorted(versions, key=Version)
    named = [Version(text.rstrip(".*")) for text in _NAMED_VERSION.findall(spec.version or "")]
    if not named:
        return ordered[-1]
    below = [version for version in ordered if Version(version) <= max(named)]
    return below[-1] if below else ordered[0]
