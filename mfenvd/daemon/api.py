"""HTTP over the socket: each route decodes, calls the service, encodes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from mfenvd.daemon.events import encode_line
from mfenvd.daemon.peers import may_ask
from mfenvd.daemon.service import RefusedError, Service
from mfenvd.domain.surroundings import Surroundings

T = TypeVar("T")

HEARTBEAT_SECONDS = 15.0
LARGEST_BODY = 4 * 1024 * 1024

_log = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RegisterBody(msgspec.Struct):
    root: str
    surroundings: Surroundings


class RootBody(msgspec.Struct):
    root: str


class TrustBody(msgspec.Struct):
    root: str
    trusted: bool


class ResolveBody(msgspec.Struct):
    root: str
    ids: tuple[str, ...] | None = None
    refresh: bool = True
    replace: bool = False


class CancelBody(msgspec.Struct):
    root: str
    ids: tuple[str, ...] | None = None


class MirrorBody(msgspec.Struct):
    paused: bool


class StopBody(msgspec.Struct):
    drain: bool = True


def application(service: Service) -> web.Application:
    """The routes of docs/daemon.md over `service`."""
    app = web.Application(middlewares=[_answer_errors, _ask_own_user_only], client_max_size=LARGEST_BODY)
    routes = _Routes(service)
    app.add_routes(
        [
            web.get("/v1/hello", routes.hello),
            web.get("/v1/status", routes.status),
            web.get("/v1/events", routes.events),
            web.get("/v1/history", routes.history),
            web.post("/v1/projects", routes.register),
            web.delete("/v1/projects", routes.unregister),
            web.post("/v1/trust", routes.trust),
            web.post("/v1/resolve", routes.resolve),
            web.post("/v1/cancel", routes.cancel),
            web.get("/v1/daemon", routes.daemon),
            web.get("/v1/wheels", routes.wheels),
            web.get("/v1/mirror", routes.mirror),
            web.post("/v1/mirror", routes.steer_mirror),
            web.post("/v1/stop", routes.stop),
        ]
    )
    return app


class _Routes:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def hello(self, _: web.Request) -> web.Response:
        return _json(self._service.hello())

    async def status(self, request: web.Request) -> web.Response:
        return _json(self._service.status(request.query.get("project")))

    async def history(self, request: web.Request) -> web.Response:
        return _json(await self._service.history(request.query.get("id", "")))

    async def register(self, request: web.Request) -> web.Response:
        body = await _body(request, RegisterBody)
        info = self._service.register(body.root, body.surroundings)
        await self._service.recorded()
        return _json(info)

    async def unregister(self, request: web.Request) -> web.Response:
        await self._service.unregister((await _body(request, RootBody)).root)
        await self._service.recorded()
        return _json({})

    async def trust(self, request: web.Request) -> web.Response:
        body = await _body(request, TrustBody)
        info = self._service.trust(body.root, trusted=body.trusted)
        await self._service.recorded()
        return _json(info)

    async def resolve(self, request: web.Request) -> web.Response:
        body = await _body(request, ResolveBody)
        return _json({"jobs": self._service.resolve(body.root, body.ids, refresh=body.refresh, replace=body.replace)})

    async def cancel(self, request: web.Request) -> web.Response:
        body = await _body(request, CancelBody)
        return _json({"jobs": self._service.cancel(body.root, body.ids)})

    async def daemon(self, _: web.Request) -> web.Response:
        return _json(self._service.info())

    async def wheels(self, request: web.Request) -> web.Response:
        name, root = request.query.get("name", ""), request.query.get("project", "")
        limit = _whole_number("limit", request.query.get("limit"))
        conda = request.query.get("conda") == "true"
        return _json(await self._service.wheels(name, root, limit, conda=conda))

    async def mirror(self, _: web.Request) -> web.Response:
        return _json(self._service.mirror())

    async def steer_mirror(self, request: web.Request) -> web.Response:
        body = await _body(request, MirrorBody)
        return _json(self._service.steer_mirror(paused=body.paused))

    async def stop(self, request: web.Request) -> web.Response:
        body = await _body(request, StopBody)
        response = _json({})
        await response.prepare(request)
        await response.write_eof()
        self._service.stop("asked to stop", drain=body.drain)
        return response

    async def events(self, request: web.Request) -> web.StreamResponse:
        since = _whole_number("since", request.query.get("since"))
        boot = request.query.get("boot")
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"})
        await response.prepare(request)
        events = self._service.events
        # From here to the first write nothing is awaited: no event falls between snapshot and stream.
        continues = since is not None and events.covers(since) and (boot is None or self._service.is_life(boot))
        first = b"" if continues else encode_line(self._service.snapshot())
        position = since if continues and since is not None else events.seq
        with events.follow(position, lambda: _abort(request)) as follower:
            try:
                if first:
                    await response.write(first)
                while not follower.dropped:
                    lines = await events.next(follower, HEARTBEAT_SECONDS)
                    if not lines and (events.closed or follower.dropped):
                        break
                    await response.write(lines or b"\n")
            except ConnectionError:
                _log.debug("a follower of the events is gone")
        return response


def _abort(request: web.Request) -> None:
    _log.info("a follower of the events reads too slowly and is dropped")
    if request.transport is not None:
        request.transport.abort()


async def _body(request: web.Request, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=type_)
    except msgspec.DecodeError as error:
        raise RefusedError(f"The request's body is not as expected: {error}.") from error


def _whole_number(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise RefusedError(f"`{name}` is not a whole number: {text!r}.")
    return int(text)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def _refusal(status: int, message: str, fix: str | None = None) -> web.Response:
    return _json({"error": {"message": message, "fix": fix}}, status)


@web.middleware
async def _answer_errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusedError as error:
        return _refusal(error.status, error.message, error.fix)
    except web.HTTPException as error:
        return _refusal(error.status, f"{request.method} {request.path}: {error.reason}.")
    except (ConnectionError, TimeoutError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer and the log the rest
        _log.exception("%s %s failed", request.method, request.path)
        return _refusal(500, f"mfenvd failed: {type(error).__name__}.", "See `mfenv logs` and report what it says.")


@web.middleware
async def _ask_own_user_only(request: web.Request, handler: _Handler) -> web.StreamResponse:
    connection = request.transport.get_extra_info("socket") if request.transport else None
    if connection is not None and not may_ask(connection):
        return _refusal(403, "This mfenvd belongs to another user.")
    return await handler(request)
