"""Resolving as part of a team: what a teammate resolved lately is a hint, and who is at it now is waited for a moment.

Nothing depends on it. Without a bucket, or with one that does not answer, everything is resolved here as ever; and what
a hint says is taken only where the index or the channel says the same (`mfenvd/domain/hint.py`).
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mfenvd.domain.hint import Hint, can_be_hinted, hint_key, hint_of
from mfenvd.domain.request import Kind, Request
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.resolver import Context, Progress, Refresher, Resolver
from mfenvd.domain.target import Target

if TYPE_CHECKING:
    from mfenvd.store.hints import Hints
    from mfenvd.store.leases import Leases
    from mfenvd.store.remotes import Remote

_log = logging.getLogger(__name__)

Report = Callable[[Progress], None]

ANSWERS_WITHIN = 2.0
"""Seconds that the bucket has to answer before resolving begins without it."""

_QUIET_FOR = 300.0
"""Seconds for which a bucket that took longer, or did not answer, is not asked again by any process of this user."""

_LAST_WORDS = 2.0
"""Seconds that the end of this process can be held up by what is still to be told."""


def resolvers(*, recalls: bool = False) -> dict[Kind, Resolver]:
    """Those of the resolving room, each as part of the team; `recalls` as there."""
    from mfenvd.resolve import resolvers as room

    return {
        kind: TeamRefresher(resolver, resolver) if isinstance(resolver, Refresher) else TeamResolver(resolver)
        for kind, resolver in room.resolvers(recalls=recalls).items()
    }


class TeamResolver:
    """Resolves as another resolver does, once for a team whose projects have a bucket.

    Args:
        resolver: Who resolves.
        answers_within: Seconds that the bucket has to answer.
    """

    def __init__(self, resolver: Resolver, answers_within: float = ANSWERS_WITHIN) -> None:
        self._resolver, self._answers_within = resolver, answers_within

    def resolve(self, request: Request, target: Target, context: Context, report: Report) -> Outcome:
        """As `domain.resolver.Resolver` says."""
        team = team_of(context) if can_be_hinted(request) else None
        if team is None:
            return self._resolver.resolve(request, target, context, report)
        talk = Talk(team, hint_key(request, target))
        own: Hint | None = None
        try:
            # Who asks for a refresh wants to know what there is now.
            hint = None if context.refresh else talk.hint(self._answers_within)
            outcome = self._hinted(hint, request, target, context, report) if hint else None
            if outcome is None:
                outcome = self._resolver.resolve(request, target, context, report)
                own = hint_of(outcome, time.time())
            return outcome
        finally:
            talk.end(own)

    def _hinted(self, hint: Hint, request: Request, target: Target, context: Context, report: Report) -> Outcome | None:
        """The answer that the hint is, as the index or the channel gives it; None where they do not."""
        outcome = self._resolver.resolve(request, target, msgspec.structs.replace(context, hint=hint), report)
        if hint.is_answered_by(outcome):
            _log.info("%s for %s is as a teammate resolved it", request.id, target)
            return outcome
        _log.info("%s for %s is not as the team's bucket says: it is resolved here", request.id, target)
        return None


class TeamRefresher(TeamResolver):
    """The same, over a resolver that also keeps what it fetched, and fetches it again as `refresher`."""

    def __init__(self, resolver: Resolver, refresher: Refresher) -> None:
        super().__init__(resolver)
        self._refresher = refresher

    def refresh(self, work: Sequence[tuple[Request, Target]], context: Context) -> float:
        """As `domain.resolver.Refresher` says."""
        return self._refresher.refresh(work, context)


class Team(msgspec.Struct, frozen=True):
    """The bucket that a team shares.

    Attributes:
        remote: The bucket.
        max_age: Seconds for which what was resolved counts.
        writes: Whether anything may be told.
        quiet: A file whose age says since when the bucket is left alone; it need not be there.
    """

    remote: Remote
    max_age: float
    writes: bool
    quiet: Path


def team_of(context: Context) -> Team | None:
    """Whom a project's resolutions are shared with; None where there is nobody, or nothing can be shared now.

    Only what is resolved for a trusted project is shared.
    """
    from mfenvd.buckets import bucket_of, mirror_settings, remotes_of, take_credentials
    from mfenvd.store.uploads import mirror_folder

    if not context.trusted:
        return None
    settings = mirror_settings(context)
    bucket = bucket_of(context) if settings.share_resolutions else None
    if bucket is None:
        return None
    remote = remotes_of(bucket)[bucket.url]
    name = hashlib.sha256(f"{bucket.url} {bucket.endpoint}".encode()).hexdigest()
    quiet = mirror_folder(context.cache_dir) / "quiet" / name
    if not remote.is_available or _is_young(quiet):
        return None
    take_credentials(context.surroundings)
    return Team(remote, settings.resolution_age, writes=not bucket.read_only, quiet=quiet)


class Talk:
    """What is heard and told of one request, in a thread of its own: a bucket may take long.

    Args:
        team: Whom with.
        key: Of the request on its target.
    """

    def __init__(self, team: Team, key: str) -> None:
        self._team, self._key = team, key
        self._asked = threading.Event()
        self._by_another = threading.Event()
        self._heard: Future[Hint | None] = Future()
        self._own: Future[Hint | None] = Future()
        self._thread = threading.Thread(target=self._talk, name="team", daemon=True)

    def hint(self, within: float) -> Hint | None:
        """What a teammate resolved; a little later where one is at it just now. None where there is nothing in time.

        Args:
            within: Seconds that the bucket has to answer.
        """
        from mfenvd.store.leases import LONGEST_WAIT

        self._asked.set()
        self._begin()
        with contextlib.suppress(LateError):
            return self._heard.result(within)
        if self._by_another.is_set():
            with contextlib.suppress(LateError):
                return self._heard.result(LONGEST_WAIT)
        else:
            self._be_quiet()
        return None

    def end(self, own: Hint | None) -> None:
        """Tells what was resolved here, if anything was, and that nobody need wait any longer. Does not wait."""
        self._own.set_result(own)
        if own is not None:
            self._begin()

    def _begin(self) -> None:
        if self._thread.ident is None:
            _talking.add(self._thread)
            self._thread.start()

    def _talk(self) -> None:
        from mfenvd.store.hints import Hints
        from mfenvd.store.leases import Leases
        from mfenvd.store.object_errors import ObjectStoreProblem, ReadOnly

        remote = self._team.remote
        try:
            store = remote.store()
            hints, leases = Hints(store), Leases(store)
            hint = self._listen(hints, leases) if self._asked.is_set() else None
            self._heard.set_result(hint)
            own = self._own.result()
            if own is not None and self._is_writable:
                hints.write(self._key, own)
                remote.worked(written=True)
            if self._asked.is_set() and hint is None and self._is_writable:
                leases.give_back(self._key)
        except ObjectStoreProblem as problem:
            _log.info("not shared with the team: %s", problem)
            remote.failed(problem)
            if not isinstance(problem, ReadOnly):
                self._be_quiet()
        except Exception:  # noqa: BLE001 - nothing depends on it
            _log.info("what %s answers was not understood", remote.url, exc_info=True)
        finally:
            if not self._heard.done():
                self._heard.set_result(None)
            _talking.discard(threading.current_thread())

    def _listen(self, hints: Hints, leases: Leases) -> Hint | None:
        """What a teammate resolved, or resolves just now. None where it is for this workstation to do."""
        hint: Hint | None = None

        def is_told() -> bool:
            nonlocal hint
            hint = hints.read(self._key, self._team.max_age)
            return hint is not None

        if not is_told() and self._is_writable and not leases.take(self._key):
            self._by_another.set()
            leases.wait(self._key, is_told)
        self._team.remote.worked()
        return hint

    def _be_quiet(self) -> None:
        with contextlib.suppress(OSError):
            self._team.quiet.parent.mkdir(parents=True, exist_ok=True)
            self._team.quiet.touch()

    @property
    def _is_writable(self) -> bool:
        return self._team.writes and self._team.remote.is_writable


def _is_young(file: Path) -> bool:
    with contextlib.suppress(OSError):
        return 0 <= time.time() - file.stat().st_mtime < _QUIET_FOR
    return False


_talking: set[threading.Thread] = set()


@atexit.register
def _finish() -> None:
    """Lets those who still talk have their last words."""
    deadline = time.monotonic() + _LAST_WORDS
    for thread in tuple(_talking):
        thread.join(max(0.0, deadline - time.monotonic()))
