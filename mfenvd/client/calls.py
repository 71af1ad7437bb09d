"""The daemon's calls as values: what is sent, and how its answer is read. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

import msgspec

from mfenvd.client.errors import RequestRefusedError, UnexpectedAnswerError
from mfenvd.domain.availability import Availability
from mfenvd.domain.event import AnyEvent, DaemonInfo, Hello, ProjectInfo, Status
from mfenvd.domain.history import History
from mfenvd.domain.mirror import MirrorStatus
from mfenvd.domain.surroundings import Surroundings

T = TypeVar("T")

HOST = "mfenvd"
"""The Host header; a socket needs none, HTTP/1.1 does."""

EVENTS_PATH = "/v1/events"


class Queued(msgspec.Struct, frozen=True):
    """How many resolves were queued, or cancelled."""

    jobs: int


class Nothing(msgspec.Struct, frozen=True):
    """An answer that only says that it was done."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request to the daemon and the type of its answer."""

    method: str
    path: str
    answer: type[T]
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def target(self) -> str:
        """Path and query as they stand in the request line."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def payload(self) -> bytes | None:
        return None if self.body is None else msgspec.json.encode(self.body)

    def read(self, status: int, content: bytes) -> T:
        """The answer's value.

        Raises:
            RequestRefusedError: The daemon said no.
            UnexpectedAnswerError: It is not what the daemon answers to this call.
        """
        if status >= 400:
            raise refusal(status, content)
        try:
            return msgspec.json.decode(content, type=self.answer)
        except msgspec.DecodeError as error:
            raise UnexpectedAnswerError(str(error)) from error


def hello() -> Call[Hello]:
    return Call("GET", "/v1/hello", Hello)


def status(project: str | None = None) -> Call[Status]:
    """Everything; with `project`, only the verdicts of the project with that root."""
    return Call("GET", "/v1/status", Status, query={"project": project} if project else {})


def history(id_: str) -> Call[History]:
    """What is known of the verdict with that id besides itself."""
    return Call("GET", "/v1/history", History, query={"id": id_})


def add_project(root: str, surroundings: Surroundings) -> Call[ProjectInfo]:
    """Watch the folder `root` (absolute), or renew what is known of its shell."""
    return Call("POST", "/v1/projects", ProjectInfo, body={"root": root, "surroundings": surroundings})


def remove_project(root: str) -> Call[Nothing]:
    return Call("DELETE", "/v1/projects", Nothing, body={"root": root})


def set_trust(root: str, *, trusted: bool) -> Call[ProjectInfo]:
    return Call("POST", "/v1/trust", ProjectInfo, body={"root": root, "trusted": trusted})


def resolve_again(root: str, ids: Sequence[str] | None = None, *, replace: bool = False) -> Call[Queued]:
    """Resolve the verdicts `ids` of a project anew, all of them when None, asking the indexes again.

    With `replace`, what Metaflow's manifests hold gives way to what is found.
    """
    body: dict[str, object] = {"root": root, "ids": None if ids is None else list(ids), "refresh": True}
    if replace:
        body["replace"] = True
    return Call("POST", "/v1/resolve", Queued, body=body)


def cancel(root: str, ids: Sequence[str] | None = None) -> Call[Queued]:
    """End the resolves behind the verdicts `ids` of a project, all of them when None; answers how many there were."""
    return Call("POST", "/v1/cancel", Queued, body={"root": root, "ids": None if ids is None else list(ids)})


def daemon() -> Call[DaemonInfo]:
    """The process alone, as it is now."""
    return Call("GET", "/v1/daemon", DaemonInfo)


def wheels(package: str, project: str, limit: int | None = None, *, conda: bool = False) -> Call[Availability]:
    """For what there are wheels of `package` (a name, or a requirement) on the indexes of the project at that root.

    At most `limit` versions, the newest; None for all. With `conda`, what conda's channels have of a match spec.
    """
    more = {} if limit is None else {"limit": str(limit)}
    more |= {"conda": "true"} if conda else {}
    return Call("GET", "/v1/wheels", Availability, query={"name": package, "project": project, **more})


def mirror() -> Call[MirrorStatus]:
    """How the mirror fares."""
    return Call("GET", "/v1/mirror", MirrorStatus)


def steer_mirror(*, paused: bool) -> Call[MirrorStatus]:
    """Pause the mirror, or have it go on; going on also tries at once what failed."""
    return Call("POST", "/v1/mirror", MirrorStatus, body={"paused": paused})


def stop(*, drain: bool = True) -> Call[Nothing]:
    """Stop; with `drain`, after what is running has finished."""
    return Call("POST", "/v1/stop", Nothing, body={"drain": drain})


def events_target(since: int | None, boot: str | None) -> str:
    """Path and query of the event stream that continues after `since` of the daemon's life `boot`."""
    query = {"since": since, "boot": boot}
    given = {name: value for name, value in query.items() if value is not None}
    return f"{EVENTS_PATH}?{urlencode(given)}" if given else EVENTS_PATH


class _Refusal(msgspec.Struct):
    message: str
    fix: str | None = None


class _RefusalBody(msgspec.Struct):
    error: _Refusal


def refusal(status_code: int, content: bytes) -> RequestRefusedError:
    """The daemon's "no" as an error, also where it was not put in the daemon's own form."""
    try:
        told = msgspec.json.decode(content, type=_RefusalBody).error
    except msgspec.DecodeError:
        return RequestRefusedError(status_code, f"mfenvd answered with status {status_code}.", None)
    return RequestRefusedError(status_code, told.message, told.fix)


class _Tagged(msgspec.Struct):
    type: str
    seq: int


_EVENT: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_KNOWN_TYPES = frozenset(kind.__struct_config__.tag for kind in AnyEvent.__args__)


def read_event(line: bytes) -> AnyEvent | None:
    """The event on a line of the stream; None for a heartbeat and for a kind of a later version.

    Raises:
        UnexpectedAnswerError: The line is no event.
    """
    if not line.strip():
        return None
    try:
        return _EVENT.decode(line)
    except msgspec.DecodeError as error:
        if _is_unknown_kind(line):
            return None
        raise UnexpectedAnswerError(str(error)) from error


def _is_unknown_kind(line: bytes) -> bool:
    try:
        return msgspec.json.decode(line, type=_Tagged).type not in _KNOWN_TYPES
    except msgspec.DecodeError:
        return False
