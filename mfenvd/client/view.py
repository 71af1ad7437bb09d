"""What the daemon has told so far, kept current: one event at a time, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mfenvd.domain.event import (
    AnyEvent,
    DaemonChanged,
    DaemonInfo,
    MirrorChanged,
    ProjectChanged,
    ProjectInfo,
    ProjectRemoved,
    ResolveProgress,
    Settled,
    Snapshot,
    Status,
    Stopping,
    VerdictChanged,
    VerdictRemoved,
)
from mfenvd.domain.mirror import MirrorStatus
from mfenvd.domain.resolver import Progress
from mfenvd.domain.verdict import Verdict


@dataclass(frozen=True)
class Change:
    """What one event changed, so that a client redraws no more than that.

    Attributes:
        reset: Everything may have changed.
        verdicts: Ids of verdicts that are new or other than before.
        removed: Ids of verdicts that are gone.
        progress: Ids of verdicts whose resolve went on.
        projects: Roots of projects that are new, other or gone.
        settled: Roots of projects that have just become settled.
        stopping: Why the daemon is about to stop; None when it is not.
    """

    reset: bool = False
    verdicts: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    progress: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    stopping: str | None = None


@dataclass
class DaemonView:
    """The current state of everything.

    Attributes:
        daemon: The process as it last described itself (its uptime is that of the snapshot); None before.
        projects: By root.
        verdicts: By `Verdict.id`, in the order in which they became known.
        progress: By `Verdict.id`, only while that verdict is resolving.
        mirror: As it was last told; None before anything was.
        seq: The last event that is included; None before the first.
    """

    daemon: DaemonInfo | None = None
    projects: dict[str, ProjectInfo] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    mirror: MirrorStatus | None = None
    seq: int | None = None

    @property
    def boot(self) -> str | None:
        """Which life of the daemon `seq` belongs to, as the event stream wants it."""
        return None if self.daemon is None else str(self.daemon.started)

    def apply(self, event: AnyEvent) -> Change:
        """Takes `event` in and says what it changed. An event that is included already changes nothing."""
        if isinstance(event, Snapshot):
            return self.start_over(event.status)
        if self.seq is not None and event.seq <= self.seq:
            return Change()
        self.seq = event.seq
        return self._fold(event)

    def start_over(self, status: Status) -> Change:
        """Forgets everything for what `status` says."""
        self.daemon = status.daemon
        self.projects = {project.root: project for project in status.projects}
        self.verdicts = {verdict.id: verdict for verdict in status.verdicts}
        self.progress = {}
        self.mirror = status.mirror
        self.seq = status.seq
        return Change(reset=True)

    def of_project(self, root: str) -> tuple[Verdict, ...]:
        """The verdicts whose source lies in the project at `root`, and in no project further inside."""
        return tuple(verdict for verdict in self.verdicts.values() if self.root_of(verdict) == root)

    def root_of(self, verdict: Verdict) -> str | None:
        """The root of the innermost project that holds the verdict's source; None when none does."""
        holding = [root for root in self.projects if holds(root, verdict.source)]
        return max(holding, key=len, default=None)

    def is_settled(self, root: str) -> bool:
        """Whether the project is known and has nothing queued, running or being read."""
        project = self.projects.get(root)
        if project is None or project.reading:
            return False
        return all(verdict.state.is_final for verdict in self.of_project(root))

    def _fold(self, event: AnyEvent) -> Change:
        match event:
            case VerdictChanged() | VerdictRemoved() | ResolveProgress():
                return self._fold_verdict(event)
            case ProjectChanged() | ProjectRemoved() | Settled():
                return self._fold_project(event)
            case DaemonChanged(daemon=daemon):
                self.daemon = daemon
            case MirrorChanged(mirror=mirror):
                self.mirror = mirror
            case Stopping(reason=reason):
                return Change(stopping=reason)
        return Change()

    def _fold_verdict(self, event: VerdictChanged | VerdictRemoved | ResolveProgress) -> Change:
        match event:
            case VerdictChanged(verdict=verdict):
                self.verdicts[verdict.id] = verdict
                self.progress.pop(verdict.id, None)
                return Change(verdicts=(verdict.id,))
            case VerdictRemoved(id=gone):
                self.progress.pop(gone, None)
                return Change(removed=(gone,)) if self.verdicts.pop(gone, None) else Change()
            case ResolveProgress(ids=ids, progress=progress):
                known = tuple(verdict_id for verdict_id in ids if verdict_id in self.verdicts)
                self.progress.update(dict.fromkeys(known, progress))
                return Change(progress=known)

    def _fold_project(self, event: ProjectChanged | ProjectRemoved | Settled) -> Change:
        match event:
            case ProjectChanged(project=project):
                self.projects[project.root] = project
                return Change(projects=(project.root,))
            case ProjectRemoved(root=root):
                return self._forget(root)
            case Settled(root=root):
                return Change(settled=(root,))

    def _forget(self, root: str) -> Change:
        gone = tuple(verdict.id for verdict in self.of_project(root))
        for verdict_id in gone:
            del self.verdicts[verdict_id]
            self.progress.pop(verdict_id, None)
        self.projects.pop(root, None)
        return Change(projects=(root,), removed=gone)


def holds(root: str, path: str) -> bool:
    """Whether `path` is `root` or below it, both absolute."""
    folder = root.rstrip("/\\")
    return path == root or path.startswith((f"{folder}/", f"{folder}\\"))


def asked_for(path: str, root: str, asked: Sequence[str]) -> bool:
    """Whether a file of the project at `root` is at or below what was asked for.

    What every path of the project depends on, as its configuration, always is.
    """
    return not holds(root, path) or any(holds(each, path) for each in asked) or not path.endswith(".py")
