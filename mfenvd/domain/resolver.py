"""The one seam between the engine and whatever resolves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from mfenvd.domain.hint import Hint
from mfenvd.domain.request import Request
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target


class Progress(msgspec.Struct, frozen=True):
    """How far a resolve is: `stage` as a short phrase, `done` of `total` steps (total None when unknown)."""

    stage: str
    done: int = 0
    total: int | None = None


class Context(msgspec.Struct, frozen=True):
    """What a resolver may use besides the request and the target.

    Attributes:
        cache_dir: Absolute path of mfenv's cache folder, shared by all resolvers and processes.
        surroundings: The project's variables (index configuration, proxies, credentials) and interpreter.
        root: Folder that relative paths in requirements are relative to.
        local_arch: The conda subdir of this machine.
        trusted: Whether code of the project may run (building a package from source runs it).
        refresh: Ask the indexes again even where a fresh answer is cached.
        hint: The only versions that may be chosen; None for all of them. Whether they are an answer is what counts
            then: nobody looks for the reason where they are none.
    """

    cache_dir: str
    surroundings: Surroundings
    root: str
    local_arch: str
    trusted: bool = False
    refresh: bool = False
    hint: Hint | None = None


class Resolver(Protocol):
    """Resolves requests of one kind. Blocking, and safe to call from several processes at once."""

    def resolve(
        self, request: Request, target: Target, context: Context, report: Callable[[Progress], None]
    ) -> Outcome:
        """The locked packages for `request` on `target`, or the findings that say why there are none.

        Never raises for what a user, an index or the network can cause: those are findings.
        """
        ...


@runtime_checkable
class Refresher(Protocol):
    """A resolver that also keeps what it fetched for a while, and can fetch it again before that while ends."""

    def refresh(self, work: Sequence[tuple[Request, Target]], context: Context) -> float:
        """Fetches again what is cached for `work` and will soon be too old; leaves alone what is not.

        Called now and then while a project is being worked on, for all work of this resolver's kind that the project
        wants, in a process of its own that ends afterwards and gives way to everything else: a resolve may go on at
        the same time in another one. May be killed at any moment. Blocking. What cannot be reached now is left for
        the next call; whatever is raised is logged, and the next call comes an hour later.

        Returns:
            Seconds until the next call is worth its while.
        """
        ...
