"""What the daemon tells its clients: one JSON object per line, each with a sequence number."""

from __future__ import annotations

import msgspec

from mfenvd.domain.finding import Finding
from mfenvd.domain.mirror import MirrorStatus
from mfenvd.domain.resolver import Progress
from mfenvd.domain.verdict import Verdict

PROTOCOL = 1
CAPABILITIES = ("status", "events", "projects", "trust", "resolve", "cancel", "wheels", "history", "mirror", "stop")


class Hello(msgspec.Struct, frozen=True):
    """Who answers: sent on `GET /v1/hello`."""

    version: str
    pid: int
    name: str = "mfenvd"
    protocol: int = PROTOCOL
    capabilities: tuple[str, ...] = CAPABILITIES


class DaemonInfo(msgspec.Struct, frozen=True):
    """The process: uptime in seconds, memory in bytes, every path it uses, and what concerns no single project."""

    pid: int
    version: str
    socket: str
    uptime: float
    started: float = 0.0
    memory: int = 0
    workers: int = 0
    queued: int = 0
    running: int = 0
    log: str = ""
    state_dir: str = ""
    cache_dir: str = ""
    findings: tuple[Finding, ...] = ()


class ProjectInfo(msgspec.Struct, frozen=True):
    """A registered folder. `environ` has the values of secrets hidden."""

    root: str
    trusted: bool
    cwd: str
    interpreter: str | None = None
    python: str | None = None
    environ: dict[str, str] = msgspec.field(default_factory=dict)
    present: bool = True
    reading: bool = False
    flows: int = 0
    findings: tuple[Finding, ...] = ()


class Status(msgspec.Struct, frozen=True):
    """Everything at one moment; `seq` is the last event that it includes."""

    daemon: DaemonInfo
    projects: tuple[ProjectInfo, ...]
    verdicts: tuple[Verdict, ...]
    seq: int = 0
    mirror: MirrorStatus = MirrorStatus()


class Event(msgspec.Struct, frozen=True, tag_field="type"):
    """Base of all events; `seq` grows by one per event and starts anew with the daemon."""

    seq: int


class Snapshot(Event, frozen=True, tag="snapshot"):
    """First line of a stream that cannot continue from `since`: the client starts over from here."""

    status: Status


class VerdictChanged(Event, frozen=True, tag="verdict"):
    verdict: Verdict


class VerdictRemoved(Event, frozen=True, tag="verdict-removed"):
    """The step or target is gone; `id` is `Verdict.id`."""

    id: str


class ResolveProgress(Event, frozen=True, tag="progress"):
    """How far the resolve behind the verdicts `ids` is."""

    ids: tuple[str, ...]
    progress: Progress


class ProjectChanged(Event, frozen=True, tag="project"):
    project: ProjectInfo


class ProjectRemoved(Event, frozen=True, tag="project-removed"):
    root: str


class Settled(Event, frozen=True, tag="settled"):
    """Nothing is queued or running any more in the project at `root`."""

    root: str


class DaemonChanged(Event, frozen=True, tag="daemon"):
    """What concerns no single project is another (`findings`)."""

    daemon: DaemonInfo


class MirrorChanged(Event, frozen=True, tag="mirror"):
    """How the mirror fares; told at most twice a second."""

    mirror: MirrorStatus


class Stopping(Event, frozen=True, tag="stopping"):
    reason: str


AnyEvent = (
    Snapshot
    | VerdictChanged
    | VerdictRemoved
    | ResolveProgress
    | ProjectChanged
    | ProjectRemoved
    | Settled
    | DaemonChanged
    | MirrorChanged
    | Stopping
)
