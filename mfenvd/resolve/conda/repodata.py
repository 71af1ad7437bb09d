"""Package lists of channels: fetched once, shared by all processes through the cache folder, parsed once per process.

py-rattler keeps what it fetched (sharded repodata, zst or plain, whichever the channel has) below the cache folder and
asks again conditionally. When a list was last asked for is noted beside it, for all processes: within `FRESH_FOR` of
that nobody goes to the network.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from rattler import Channel, Gateway, RepoDataRecord, SourceConfig, Subdir

from mfenvd.awaiting import awaited
from mfenvd.resolve.conda.absent import has_list, write_empty_list
from mfenvd.resolve.conda.access import Access
from mfenvd.resolve.conda.errors import ChannelProblem, ChannelUnreachable, Unsolvable
from mfenvd.resolve.conda.lists import FRESH_FOR, NOARCH, Place, Stamps, is_remote, places_of, seconds_from
from mfenvd.resolve.conda.mapped import give_back
from mfenvd.resolve.conda.question import Question
from mfenvd.resolve.conda.solving import solve

_AGAIN_AFTER = 600.0
"""Seconds after which a request that cannot be met is tried again with the newest lists, as Metaflow has it done."""

_QUIET_FOR = 60.0
"""Seconds for which a channel that did not answer is not asked again."""

_ANSWER_WITHIN = (10.0, 15.0)
"""Seconds to connect, and until the first byte: what does not answer by then is given up."""

_KEPT = 2
"""Accesses (in practice: projects with other channels) whose parsed lists one process keeps."""

_NOT_THERE = 0.0
"""Stands for the time of a list that there is none of."""


class Answer(msgspec.Struct, frozen=True):
    """What was solved, and from how old lists.

    Attributes:
        records: Sorted by name.
        stale: Channels that do not answer now, and when (seconds since 1970) they last did.
    """

    records: tuple[RepoDataRecord, ...]
    stale: tuple[tuple[str, float], ...] = ()


class _Opened(msgspec.Struct):
    """A gateway with what it holds: once loaded, a list is not looked at again."""

    gateway: Gateway
    offline: bool
    loaded: dict[Place, float] = msgspec.field(default_factory=dict)


class Repodata:
    """The package lists of one access. One per process: see `repodata_for`.

    Args:
        folder: Where all processes keep them.
        access: The way to the channels.
        fresh_for: Seconds for which a fetched list is taken as it is.
    """

    def __init__(self, folder: Path, access: Access, fresh_for: float = FRESH_FOR) -> None:
        self._lists = folder / "repodata"
        self._stamps = Stamps(folder)
        self._access = access
        self._fresh_for = fresh_for
        self._opened: _Opened | None = None
        self._quiet_until = 0.0
        self._lock = threading.Lock()

    @property
    def channels(self) -> tuple[str, ...]:
        """URLs without credentials, in order of priority."""
        return self._access.channels

    def solve(self, question: Question, *, refresh: bool = False, again: bool = True) -> Answer:
        """The packages that answer `question`.

        Args:
            question: What to solve for; its channels are among those of the access.
            refresh: Ask the channels again even where the lists are fresh.
            again: Try what cannot be met once more with newer lists.

        Raises:
            CondaProblem: As `solving.solve`. A channel that does not answer is none as long as there is an older list.
        """
        places = places_of(question.channels, question.subdirs)
        try:
            return self._solve(question, places, refresh=refresh)
        except Unsolvable:
            if refresh or not again or not self._is_older(places, _AGAIN_AFTER):
                raise
            return self._solve(question, places, refresh=True)

    def old(self, question: Question) -> tuple[tuple[str, float], ...]:
        """The channels of `question` that do not answer now, and when (seconds since 1970) they last did.

        Only those whose lists are so old that a request that cannot be met is tried again with newer ones.
        """
        return self._stale(places_of(question.channels, question.subdirs), _AGAIN_AFTER) if self._is_quiet else ()

    def age(self, subdir: str) -> float:
        """Seconds since the lists for `subdir` and noarch were last asked for; infinite when one never was."""
        stamps = [self._stamps.of(place) for place in places_of(self.channels, (subdir, NOARCH)) if is_remote(place[0])]
        return max((seconds_from(stamp) if stamp is not None else float("inf") for stamp in stamps), default=0.0)

    def gateway(self, subdirs: Sequence[str], *, refresh: bool = False) -> Gateway:
        """For looking up what is in `subdirs`; what it fetches for that is not noted.

        Args:
            subdirs: In which to look.
            refresh: Go to the network even where the lists are fresh: of lists in shards, only those of packages that
                were asked for are there. A channel that did not answer a moment ago is left alone all the same.
        """
        return self._open(places_of(self.channels, subdirs), refresh=refresh and not self._is_quiet).gateway

    def _solve(self, question: Question, places: Sequence[Place], *, refresh: bool) -> Answer:
        opened = self._open(places, refresh=refresh)
        try:
            if not opened.offline:
                self._check_answers(place for place in places if place not in opened.loaded)
            records = solve(question, opened.gateway)
        except ChannelUnreachable as problem:
            return self._solve_offline(question, places, problem)
        except Unsolvable:
            self._note(opened, places)
            raise
        except ChannelProblem:
            self._opened = None
            if not opened.offline:
                raise
            return self._solve(question, places, refresh=True)
        self._note(opened, places)
        return Answer(records, self._stale(places, self._fresh_for) if self._is_quiet else ())

    def _solve_offline(self, question: Question, places: Sequence[Place], problem: ChannelUnreachable) -> Answer:
        """With older lists, if there are any."""
        self._opened = None
        if any(self._stamps.of(place) is None for place in places if is_remote(place[0])):
            raise problem
        self._quiet_until = time.time() + _QUIET_FOR
        opened = self._open(places, refresh=False)
        try:
            records = solve(question, opened.gateway)
        except ChannelProblem:
            self._quiet_until = 0.0
            raise problem from None
        self._note(opened, places)
        return Answer(records, self._stale(places, self._fresh_for))

    def _open(self, places: Sequence[Place], *, refresh: bool) -> _Opened:
        with self._lock:
            stamps = {place: self._stamps.of(place) for place in places}
            if self._opened is not None and not refresh and self._serves(self._opened, stamps):
                return self._opened
            offline = not refresh and all(self._is_fresh(place, stamp) for place, stamp in stamps.items())
            config = SourceConfig(cache_action="force-cache-only" if offline else "cache-or-fetch")
            gateway = Gateway(self._lists, default_config=config, client=self._access.client())
            self._opened = _Opened(gateway, offline)
            return self._opened

    def _serves(self, opened: _Opened, stamps: dict[Place, float | None]) -> bool:
        for place, stamp in stamps.items():
            fresh = self._is_fresh(place, stamp)
            if place in opened.loaded:
                if not fresh or opened.loaded[place] != (stamp or _NOT_THERE):
                    return False
            elif is_remote(place[0]) and fresh is not opened.offline:
                return False
        return True

    def _note(self, opened: _Opened, places: Sequence[Place]) -> None:
        """That `places` are loaded and, where they were fetched, when."""
        new = [place for place in places if place not in opened.loaded]
        if new:
            give_back()
        if not opened.offline:
            self._remember_absent(opened, new)
        with self._lock:
            for place in new:
                if not opened.offline and is_remote(place[0]):
                    self._stamps.write(place)
                opened.loaded[place] = self._stamps.of(place) or _NOT_THERE

    def _remember_absent(self, opened: _Opened, places: Iterable[Place]) -> None:
        for channel, subdir in places:
            if is_remote(channel) and not has_list(self._lists, channel, subdir):
                names = awaited(_names(opened.gateway, channel, subdir))
                if not names:
                    write_empty_list(self._lists, channel, subdir)

    def _check_answers(self, places: Iterable[Place]) -> None:
        """Gives up on servers that accept a request and then keep silent: py-rattler would wait for very long."""
        mirrors = dict(self._access.mirrors)
        channels = dict.fromkeys(channel for channel, _ in places if urlsplit(channel).scheme in {"http", "https"})
        single = [channel for channel in channels if len(mirrors.get(channel, ("",))) == 1]
        if not single:
            return
        with ThreadPoolExecutor(len(single)) as pool:
            silent = list(pool.map(self._is_silent, (mirrors.get(channel, (channel,))[0] for channel in single)))
        for channel, is_silent in zip(single, silent, strict=True):
            if is_silent:
                raise ChannelUnreachable(channel, f"no answer within {_ANSWER_WITHIN[1]:g} seconds")

    def _is_silent(self, url: str) -> bool:
        import requests

        access = self._access
        proxies = {"http": access.http_proxy or "", "https": access.https_proxy or ""}
        with requests.Session() as session:
            session.trust_env = False
            try:
                session.head(
                    f"{url}/{NOARCH}/repodata.json.zst",
                    timeout=_ANSWER_WITHIN,
                    allow_redirects=False,
                    proxies=proxies,
                    verify=access.ca_bundle or True,
                )
            except requests.Timeout:
                return True
            except (requests.RequestException, OSError):
                # Whatever else is wrong, py-rattler says it better.
                return False
        return False

    @property
    def _is_quiet(self) -> bool:
        return time.time() < self._quiet_until

    def _is_fresh(self, place: Place, stamp: float | None) -> bool:
        return self._is_quiet or self._stamps.is_fresh(place, stamp, self._fresh_for)

    def _is_older(self, places: Sequence[Place], seconds: float) -> bool:
        stamps = [stamp for place in places if is_remote(place[0]) and (stamp := self._stamps.of(place)) is not None]
        return any(seconds_from(stamp) > seconds for stamp in stamps) and not self._is_quiet

    def _stale(self, places: Sequence[Place], older_than: float) -> tuple[tuple[str, float], ...]:
        stamps = [(channel, self._stamps.of((channel, subdir))) for channel, subdir in places if is_remote(channel)]
        found: dict[str, float] = {}
        for channel, stamp in stamps:
            if stamp is not None and seconds_from(stamp) >= older_than:
                found[channel] = min(stamp, found.get(channel, stamp))
        return tuple(found.items())


_known: dict[str, Repodata] = {}
_known_lock = threading.Lock()


def repodata_for(cache_dir: Path, access: Access) -> Repodata:
    """This process's package lists for `access`, whose parsed form is kept from call to call.

    Args:
        cache_dir: mfenv's cache folder.
        access: The way to the channels.
    """
    folder = cache_dir / "channels"
    key = f"{folder} {access.key}"
    with _known_lock:
        found = _known.pop(key, None) or Repodata(folder, access)
        _known[key] = found
        while len(_known) > _KEPT:
            del _known[next(iter(_known))]
    return found


async def _names(gateway: Gateway, channel: str, subdir: str) -> Sequence[object]:
    return await gateway.names([Channel(channel)], [Subdir(subdir)], channel_relations="disabled")
