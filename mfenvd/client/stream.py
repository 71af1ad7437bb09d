"""Calls the daemon without blocking and follows its events across restarts: for the dashboard."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import aiohttp
from typing_extensions import Self

from mfenvd.client import calls
from mfenvd.client.connection import SILENCE, TIMEOUT
from mfenvd.client.errors import (
    ClientError,
    ConnectionLostError,
    DaemonNotRunningError,
    DaemonUnresponsiveError,
    OtherProtocolError,
    SocketPathTooLongError,
    SocketRefusedError,
)
from mfenvd.client.view import Change, DaemonView
from mfenvd.domain.availability import Availability
from mfenvd.domain.event import PROTOCOL, AnyEvent, DaemonInfo, Hello
from mfenvd.domain.history import History
from mfenvd.domain.mirror import MirrorStatus

T = TypeVar("T")

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 1.0
"""Seconds: asking at a socket where nobody listens costs next to nothing, and a restart is soon noticed."""


class AsyncConnection:
    """The daemon behind a socket; an async context manager. Calls may overlap."""

    def __init__(self, socket: Path, *, timeout: float = TIMEOUT) -> None:
        self.socket = socket
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(connector=_connector(self.socket))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def greet(self) -> Hello:
        """Who answers.

        Raises:
            OtherProtocolError: A daemon of a version that speaks differently.
            ClientError: As for every call: not running, no permission, no answer in time.
        """
        found = await self.call(calls.hello())
        if found.protocol != PROTOCOL:
            raise OtherProtocolError(found.version, found.protocol)
        return found

    async def history(self, id_: str) -> History:
        """What is known of the verdict with that id besides itself."""
        return await self.call(calls.history(id_))

    async def resolve_again(self, root: str, ids: Sequence[str] | None = None) -> int:
        """The number of resolves that were queued."""
        return (await self.call(calls.resolve_again(root, ids))).jobs

    async def cancel(self, root: str, ids: Sequence[str] | None = None) -> int:
        """The number of resolves that were ended."""
        return (await self.call(calls.cancel(root, ids))).jobs

    async def daemon(self) -> DaemonInfo:
        return await self.call(calls.daemon())

    async def mirror(self) -> MirrorStatus:
        return await self.call(calls.mirror())

    async def steer_mirror(self, *, paused: bool) -> MirrorStatus:
        """Pauses the mirror, or has it go on; how it fares then."""
        return await self.call(calls.steer_mirror(paused=paused))

    async def wheels(
        self, package: str, project: str, limit: int | None = None, *, conda: bool = False
    ) -> Availability:
        """As `calls.wheels`; an index that was not asked before may take seconds: give the connection the time."""
        return await self.call(calls.wheels(package, project, limit, conda=conda))

    async def call(self, call: calls.Call[T]) -> T:
        """The answer to `call`; every other method is made of this."""
        limit = aiohttp.ClientTimeout(total=self._timeout)
        with self._translated(self._timeout):
            async with self._open.request(
                call.method, _url(call.target), data=call.payload, headers=_headers(call.payload), timeout=limit
            ) as response:
                content = await response.read()
        return call.read(response.status, content)

    @asynccontextmanager
    async def events(self, since: int | None = None, boot: str | None = None) -> AsyncIterator[AsyncIterator[AnyEvent]]:
        """The event stream: entered once the daemon has answered, so that nothing after that is missed."""
        limit = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout, sock_read=SILENCE)
        with self._translated(self._timeout):
            response = await self._open.get(_url(calls.events_target(since, boot)), timeout=limit, read_bufsize=2**20)
        try:
            if response.status >= 400:
                raise calls.refusal(response.status, await response.read())
            yield self._read_events(response)
        finally:
            response.close()

    async def _read_events(self, response: aiohttp.ClientResponse) -> AsyncIterator[AnyEvent]:
        rest = b""
        while True:
            with self._translated(SILENCE):
                chunk = await response.content.readany()
            if not chunk:
                raise ConnectionLostError
            # Not `readline`, which gives up on lines that are longer than its buffer: a snapshot may be.
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                event = calls.read_event(line)
                if event is not None:
                    yield event

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("AsyncConnection is used outside of `async with`")
        return self._session

    @contextmanager
    def _translated(self, timeout: float) -> Iterator[None]:
        """The errors of aiohttp and the operating system's errors in our words."""
        try:
            yield
        except (TimeoutError, asyncio.TimeoutError) as error:
            raise DaemonUnresponsiveError(timeout) from error
        except aiohttp.ClientConnectorError as error:
            raise _not_connected(self.socket, error.os_error) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise ConnectionLostError from error


@dataclass(frozen=True)
class Connected:
    """The daemon answers; `view` is about to be brought up to date."""

    hello: Hello


@dataclass(frozen=True)
class Disconnected:
    """The daemon does not answer, for `error`; it is tried again. `view` keeps what was known."""

    error: ClientError


async def follow(
    socket: Path, view: DaemonView, record: Callable[[AnyEvent], None] | None = None
) -> AsyncGenerator[Connected | Disconnected | Change, None]:
    """Keeps `view` current for as long as it is iterated, whether or not the daemon runs.

    Picks up after the last event that `view` includes, or starts over when the daemon is another or no longer
    has what was missed. Never raises for what the daemon does; ends only when the consumer stops iterating.
    `record` is handed each event before it is taken in.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            async with AsyncConnection(socket) as connection:
                hello = await connection.greet()
                async with connection.events(view.seq, view.boot) as events:
                    yield Connected(hello)
                    pause = FIRST_PAUSE
                    async for event in events:
                        if record is not None:
                            record(event)
                        yield view.apply(event)
        except ClientError as error:
            yield Disconnected(error)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _connector(socket: Path) -> aiohttp.BaseConnector:
    if sys.platform == "win32":
        return aiohttp.NamedPipeConnector(str(socket))
    return aiohttp.UnixConnector(str(socket))


def _url(target: str) -> str:
    return f"http://{calls.HOST}{target}"


def _headers(payload: bytes | None) -> dict[str, str]:
    return {"Content-Type": "application/json"} if payload else {}


def _not_connected(socket: Path, error: OSError) -> ClientError:
    if isinstance(error, PermissionError):
        return SocketRefusedError(socket)
    if "too long" in str(error):
        return SocketPathTooLongError(socket)
    return DaemonNotRunningError(socket)
