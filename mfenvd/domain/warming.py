"""Leaving an environment where Metaflow looks: the work and its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from mfenvd.domain.finding import Finding
from mfenvd.domain.identity import AnyIdentity, Identity, RequestIdentity
from mfenvd.domain.mirror import Bucket
from mfenvd.domain.request import Indexes, Request
from mfenvd.domain.resolution import Resolution
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.state import State


class WarmTask(msgspec.Struct, frozen=True):
    """One of Metaflow's environments with what was resolved for it.

    Attributes:
        identity: What Metaflow calls it.
        conda: By each of its conda platforms; of a mixed environment all of its packages.
        wheels: For where it runs; None for a `@conda` or mixed environment.
        context: Of the resolutions.
        replace: Whether what the manifest holds already gives way.
        indexes: Those that its source names for the wheels. URLs may hold credentials.
        requests: What the resolutions answer.
    """

    identity: AnyIdentity
    conda: dict[str, Resolution]
    wheels: Resolution | None
    context: Context
    replace: bool = False
    indexes: Indexes = Indexes()
    requests: tuple[Request, ...] = ()

    @property
    def of_core(self) -> Identity:
        """The identity, in the words of Metaflow core.

        Raises:
            TypeError: It is the extension's.
        """
        if not isinstance(self.identity, Identity):
            raise TypeError(self.identity)
        return self.identity

    @property
    def of_extension(self) -> RequestIdentity:
        """The identity, in the words of metaflow-netflixext.

        Raises:
            TypeError: It is core's.
        """
        if not isinstance(self.identity, RequestIdentity):
            raise TypeError(self.identity)
        return self.identity


class Warmth(msgspec.Struct, frozen=True):
    """How far it is: `warm`, `cached` or `resolved` with the findings that say what is missing.

    Attributes:
        state: `warm` only when the checks that Metaflow makes were made, and each lets it do nothing.
        findings: What is wrong or worth knowing.
        watched: Absolute paths of the files whose change may undo it.
        passing: Whether it is worth trying again later.
        awaits: Where packages of it are queued to go; None when nothing is.
    """

    state: State
    findings: tuple[Finding, ...] = ()
    watched: tuple[str, ...] = ()
    passing: bool = False
    awaits: Bucket | None = None


class Warmer(Protocol):
    """Lays environments out. Blocking, and safe to call from several processes at once."""

    def load(self) -> None:
        """Loads what `warm` takes time to load, while there is nothing else to do."""
        ...

    def warm(self, task: WarmTask, report: Callable[[Progress], None]) -> Warmth:
        """Makes `task`'s environment ready, as far as it is not. Never raises for what a user or a disk can cause."""
        ...

    def fetch(self, task: WarmTask) -> None:
        """Fetches what an environment is made of that is resolved already; the rest of `task` is missing still."""
        ...

    def tidy(self, context: Context, *, removes: bool) -> None:
        """Does what nobody waits for, at low priority: bytecode, and if it `removes`, what nobody wants any more."""
        ...
