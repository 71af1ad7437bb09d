"""Calls the daemon and waits: for commands, which have nothing else to do. Light to import."""

from __future__ import annotations

import io
import socket as sockets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import TypeVar

from mfenvd.client import calls
from mfenvd.client.errors import (
    ConnectionLostError,
    DaemonNotRunningError,
    DaemonUnresponsiveError,
    OtherProtocolError,
    SocketPathTooLongError,
    SocketRefusedError,
)
from mfenvd.domain.event import PROTOCOL, AnyEvent, Hello, ProjectInfo, Status
from mfenvd.domain.mirror import MirrorStatus
from mfenvd.domain.surroundings import Surroundings

T = TypeVar("T")

TIMEOUT = 10.0
"""Seconds; the daemon answers within 50 ms, so this only ends when it is stuck or the machine sleeps."""

SILENCE = 50.0
"""Seconds without an event or one of the heartbeats that come every 15 s."""


class Connection:
    """The daemon behind a socket. Each call is a connection of its own; nothing is held open between them."""

    def __init__(self, socket: Path, *, timeout: float = TIMEOUT) -> None:
        self.socket = socket
        self._timeout = timeout

    def hello(self) -> Hello:
        """Who answers, whatever its protocol."""
        return self.call(calls.hello())

    def greet(self) -> Hello:
        """Who answers, once it is known to speak as we do.

        Raises:
            OtherProtocolError: A daemon of a version that speaks differently.
            ClientError: As for every call: not running, no permission, no answer in time.
        """
        found = self.hello()
        if found.protocol != PROTOCOL:
            raise OtherProtocolError(found.version, found.protocol)
        return found

    def status(self, project: str | None = None) -> Status:
        return self.call(calls.status(project))

    def add_project(self, root: str, surroundings: Surroundings) -> ProjectInfo:
        return self.call(calls.add_project(root, surroundings))

    def remove_project(self, root: str) -> None:
        self.call(calls.remove_project(root))

    def set_trust(self, root: str, *, trusted: bool) -> ProjectInfo:
        return self.call(calls.set_trust(root, trusted=trusted))

    def resolve_again(self, root: str, ids: Sequence[str] | None = None, *, replace: bool = False) -> int:
        """The number of resolves that were queued."""
        return self.call(calls.resolve_again(root, ids, replace=replace)).jobs

    def mirror(self) -> MirrorStatus:
        return self.call(calls.mirror())

    def steer_mirror(self, *, paused: bool) -> MirrorStatus:
        """Pauses the mirror, or has it go on; how it fares then."""
        return self.call(calls.steer_mirror(paused=paused))

    def stop(self, *, drain: bool = True) -> None:
        self.call(calls.stop(drain=drain))

    def call(self, call: calls.Call[T]) -> T:
        """The answer to `call`; every other method is made of this."""
        with self._answer(call.method, call.target, call.payload, self._timeout) as response:
            return call.read(response.status, self._content(response))

    @contextmanager
    def events(self, since: int | None = None, boot: str | None = None) -> Iterator[Iterator[AnyEvent]]:
        """The event stream: entered once the daemon has answered, so that nothing after that is missed.

        Iterating raises:
            ConnectionLostError: The daemon ended the stream.
            DaemonUnresponsiveError: It was silent for longer than its heartbeats allow.
        """
        with self._answer("GET", calls.events_target(since, boot), None, SILENCE) as response:
            if response.status >= 400:
                raise calls.refusal(response.status, self._content(response))
            yield self._read_events(response)

    def _read_events(self, response: HTTPResponse) -> Iterator[AnyEvent]:
        while True:
            with self._translated(SILENCE):
                line = response.readline()
            if not line:
                raise ConnectionLostError
            event = calls.read_event(line)
            if event is not None:
                yield event

    def _content(self, response: HTTPResponse) -> bytes:
        with self._translated(self._timeout):
            return response.read()

    @contextmanager
    def _answer(self, method: str, target: str, payload: bytes | None, timeout: float) -> Iterator[HTTPResponse]:
        http = _SocketConnection(self.socket, timeout)
        headers = {"Content-Type": "application/json"} if payload else {}
        try:
            with self._translated(timeout):
                http.request(method, target, body=payload, headers=headers)
                response = http.getresponse()
            yield response
        finally:
            http.close()

    @contextmanager
    def _translated(self, timeout: float) -> Iterator[None]:
        """The operating system's errors in our words."""
        try:
            yield
        except TimeoutError as error:
            raise DaemonUnresponsiveError(timeout) from error
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as error:
            raise DaemonNotRunningError(self.socket) from error
        except PermissionError as error:
            raise SocketRefusedError(self.socket) from error
        except (ConnectionError, HTTPException) as error:
            raise ConnectionLostError from error


class _Pipe:
    """A named pipe with as much of a socket as http.client uses. Time-outs are not among it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("r+b", buffering=0)

    def sendall(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._file)

    def close(self) -> None:
        self._file.close()


class _SocketConnection(HTTPConnection):
    """HTTP over a unix socket, on Windows over a named pipe."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__(calls.HOST, timeout=timeout)
        self._path = path
        self._seconds = timeout

    def connect(self) -> None:
        if sys.platform == "win32":
            self.sock = _Pipe(self._path)
            return
        connected = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
        try:
            connected.settimeout(self._seconds)
            connected.connect(str(self._path))
        except OSError as error:
            connected.close()
            if "too long" in str(error):
                raise SocketPathTooLongError(self._path) from error
            raise
        self.sock = connected
