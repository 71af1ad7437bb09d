"""Each project's share of the work: what it wants, what waits, what runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mfenvd.domain.job import Job
from mfenvd.domain.resolver import Progress


class Observer(Protocol):
    """A project, as the scheduler knows it."""

    def job_changed(self, key: str) -> None:
        """The state or the outcome of the job is another one."""

    def job_progressed(self, key: str, progress: Progress) -> None:
        """The job goes on; told at most five times a second."""


@dataclass(eq=False)
class Running:
    """A job in a worker."""

    job: Job
    task: asyncio.Task[None]
    last_told: float = 0.0
    progress: Progress | None = None
    timer: asyncio.TimerHandle | None = None


@dataclass(eq=False)
class Share:
    """One project's part: what it wants in the plan's order, and how far each job is.

    Attributes:
        observer: The project.
        limit: How many of its jobs may run at once.
        basis: What its outcomes have to rest on (`secrets.basis`).
        wanted: By key.
        queued: Keys, the next one first; True where the indexes are to be asked again.
        served: The turn at which it last had one of its jobs started.
        used: When it last said what it wants, in seconds since the epoch.
    """

    observer: Observer
    limit: int
    basis: str = ""
    wanted: dict[str, Job] = field(default_factory=dict)
    queued: dict[str, bool] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    retries: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    served: int = 0
    used: float = 0.0

    def next(self) -> str | None:
        """The queued job whose turn it is; None when nothing may start."""
        return next(iter(self.queued), None) if len(self.running) < self.limit else None

    def queue(self, jobs: Mapping[str, bool]) -> None:
        """Queues wanted jobs too, for the local arch before the others, else in the plan's order."""
        together = {**self.queued, **{key: jobs[key] or self.queued.get(key, False) for key in jobs}}
        order = sorted(
            (key for key in self.wanted if key in together),
            key=lambda key: self.wanted[key].target.arch != self.wanted[key].context.local_arch,
        )
        self.queued = {key: together[key] for key in order}


def stop(running: Running) -> None:
    """Ends it at once."""
    if running.timer:
        running.timer.cancel()
    running.task.cancel()
