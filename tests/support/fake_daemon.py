"""A daemon that only speaks the contract: what it answers and tells is up to the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from mfenvd.domain.availability import Availability
from mfenvd.domain.event import (
    AnyEvent,
    DaemonInfo,
    Hello,
    ProjectChanged,
    ProjectInfo,
    ProjectRemoved,
    Snapshot,
    Status,
)
from mfenvd.domain.surroundings import Surroundings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Registration(msgspec.Struct):
    root: str
    surroundings: Surroundings


class FakeDaemon:
    """Serves on a unix socket from a thread of its own, so that blocking clients can be tested in the main one.

    Attributes:
        status: What `/v1/status` and snapshots say; replace it at will.
        hello: What `/v1/hello` says.
        received: Method, path with query, and decoded body of every call, in order.
        refuse: `(status, message, fix)` by path, answered instead.
        on_add: Called after a project was registered, with its root: the place to `publish` from.
        wheels: By what is asked for, behind `conda::` where channels are.
        delay: Seconds before each answer.
        ignores_stop: Whether a stop call is answered and nothing more.
    """

    def __init__(self, socket: Path, status: Status) -> None:
        self.socket = socket
        self.status = status
        self.hello = Hello(version=status.daemon.version, pid=status.daemon.pid)
        self.received: list[tuple[str, str, Any]] = []
        self.refuse: dict[str, tuple[int, str, str | None]] = {}
        self.on_add: Callable[[str], None] = lambda _root: None
        self.on_resolve: Callable[[], None] = lambda: None
        self.wheels: dict[str, Availability] = {}
        self.delay = 0.0
        self.ignores_stop = False
        self._history: list[AnyEvent] = []
        self._streams: list[asyncio.Queue[bytes | None]] = []
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()

    @property
    def seq(self) -> int:
        return self._history[-1].seq if self._history else self.status.seq

    def publish(self, make: Callable[[int], AnyEvent]) -> None:
        """Tells every stream the event that `make` builds for the next sequence number. Safe from any thread."""
        self._loop.call_soon_threadsafe(self._tell, make)

    def drop_streams(self) -> None:
        """Ends every open event stream, as a daemon that dies does."""
        self._loop.call_soon_threadsafe(self._end_streams)

    def _tell(self, make: Callable[[int], AnyEvent]) -> None:
        event = make(self.seq + 1)
        self._history.append(event)
        for stream in self._streams:
            stream.put_nowait(msgspec.json.encode(event) + b"\n")

    def _end_streams(self) -> None:
        for stream in self._streams:
            stream.put_nowait(None)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._around])
        app.router.add_get("/v1/hello", self._get_hello)
        app.router.add_get("/v1/status", self._get_status)
        app.router.add_get("/v1/events", self._get_events)
        app.router.add_post("/v1/projects", self._add)
        app.router.add_delete("/v1/projects", self._remove)
        app.router.add_post("/v1/trust", self._trust)
        app.router.add_post("/v1/resolve", self._resolve)
        app.router.add_post("/v1/cancel", self._cancel)
        app.router.add_get("/v1/daemon", self._daemon)
        app.router.add_get("/v1/wheels", self._wheels)
        app.router.add_get("/v1/mirror", self._mirror)
        app.router.add_post("/v1/mirror", self._steer_mirror)
        app.router.add_post("/v1/stop", self._stop)
        return app

    @web.middleware
    async def _around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await request.read()
        self.received.append((request.method, request.path_qs, msgspec.json.decode(body) if body else None))
        await asyncio.sleep(self.delay)
        if request.path in self.refuse:
            code, message, fix = self.refuse[request.path]
            return _json({"error": {"message": message, "fix": fix}}, status=code)
        return await handler(request)

    async def _get_hello(self, _request: web.Request) -> web.StreamResponse:
        return _json(self.hello)

    async def _mirror(self, _request: web.Request) -> web.StreamResponse:
        return _json(self.status.mirror)

    async def _steer_mirror(self, request: web.Request) -> web.StreamResponse:
        paused = msgspec.json.decode(await request.read())["paused"]
        mirror = msgspec.structs.replace(self.status.mirror, paused=paused)
        self.status = msgspec.structs.replace(self.status, mirror=mirror)
        return _json(mirror)

    async def _get_status(self, _request: web.Request) -> web.StreamResponse:
        return _json(self.status)

    async def _get_events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        for event in self._missed(request):
            queue.put_nowait(msgspec.json.encode(event) + b"\n")
        self._streams.append(queue)
        try:
            while (line := await queue.get()) is not None:
                await response.write(line)
        except ConnectionError:
            pass  # the client went away, as clients do
        finally:
            self._streams.remove(queue)
        return response

    def _missed(self, request: web.Request) -> list[AnyEvent]:
        since = request.query.get("since")
        same_life = request.query.get("boot") in {None, str(self.status.daemon.started)}
        if since is None or not same_life:
            return [Snapshot(seq=self.seq, status=msgspec.structs.replace(self.status, seq=self.seq))]
        return [event for event in self._history if event.seq > int(since)]

    async def _add(self, request: web.Request) -> web.StreamResponse:
        registration = msgspec.json.decode(await request.read(), type=_Registration)
        known = {project.root: project for project in self.status.projects}
        shell = registration.surroundings
        project = msgspec.structs.replace(
            known.get(registration.root, ProjectInfo(registration.root, trusted=False, cwd=shell.cwd)), reading=True
        )
        self._tell(lambda seq: ProjectChanged(seq, project))
        self.on_add(registration.root)
        return _json(project)

    async def _remove(self, request: web.Request) -> web.StreamResponse:
        root = msgspec.json.decode(await request.read())["root"]
        self._tell(lambda seq: ProjectRemoved(seq, root))
        return _json({})

    async def _trust(self, request: web.Request) -> web.StreamResponse:
        asked = msgspec.json.decode(await request.read())
        return _json(ProjectInfo(asked["root"], trusted=asked["trusted"], cwd=asked["root"]))

    async def _resolve(self, _request: web.Request) -> web.StreamResponse:
        self.on_resolve()
        return _json({"jobs": len(self.status.verdicts)})

    async def _cancel(self, _request: web.Request) -> web.StreamResponse:
        return _json({"jobs": self.status.daemon.running})

    async def _daemon(self, _request: web.Request) -> web.StreamResponse:
        return _json(self.status.daemon)

    async def _wheels(self, request: web.Request) -> web.StreamResponse:
        side = "conda::" if request.query.get("conda") == "true" else ""
        found = self.wheels.get(side + request.query["name"])
        if found is None:
            message = f"No index has a package named {request.query['name']}."
            return _json({"error": {"message": message, "fix": "Look for a typing error."}}, status=404)
        return _json(found)

    async def _stop(self, _request: web.Request) -> web.StreamResponse:
        if not self.ignores_stop:
            self._loop.call_later(0.05, self._ended.set)
        return _json({})

    def serve(self, ready: threading.Event) -> None:
        """Runs until `close` or a stop call; for the thread."""
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(ready))
        self._loop.close()

    async def _serve(self, ready: threading.Event) -> None:
        runner = web.AppRunner(self.application(), shutdown_timeout=0.1)
        await runner.setup()
        await web.UnixSite(runner, str(self.socket)).start()
        ready.set()
        await self._ended.wait()
        self._end_streams()
        await runner.cleanup()
        self.socket.unlink(missing_ok=True)

    def close(self) -> None:
        with suppress(RuntimeError):  # a stop call has ended it already
            self._loop.call_soon_threadsafe(self._ended.set)


def empty_status(socket: Path, **info: Any) -> Status:
    """A daemon that watches nothing."""
    described = {"pid": 4242, "version": "0.1.0", "uptime": 12.0, "started": 1000.5, **info}
    return Status(DaemonInfo(socket=str(socket), **described), projects=(), verdicts=())


@contextmanager
def running_fake_daemon(socket: Path, status: Status | None = None) -> Iterator[FakeDaemon]:
    """A fake daemon that answers on `socket` inside the block."""
    socket.parent.mkdir(parents=True, exist_ok=True)
    daemon = FakeDaemon(socket, status or empty_status(socket))
    ready = threading.Event()
    thread = threading.Thread(target=daemon.serve, args=(ready,), daemon=True)
    thread.start()
    if not ready.wait(60):
        raise TimeoutError("the fake daemon did not start")
    try:
        yield daemon
    finally:
        daemon.close()
        thread.join(10)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json", status=status)
