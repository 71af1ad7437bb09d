"""Dashboards for tests: told by a recording or by a fake daemon, with a clock that stands still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from textual.pilot import Pilot

from mfenv_tui.app import Dashboard
from mfenv_tui.daemon import Follow, Told
from mfenv_tui.lines import Signs
from mfenv_tui.outside import Outside
from mfenvd.client.errors import ClientError
from mfenvd.client.view import DaemonView
from mfenvd.domain.event import AnyEvent, Hello, ResolveProgress, Snapshot, Status
from mfenvd.domain.resolver import Progress
from mfenvd.domain.state import State
from tests.support import samples

NOW = samples.STARTED + 200
"""Three minutes after what the samples say was settled."""

NOWHERE = Path("/nonexistent/mfenv/mfenvd.sock")
"""A socket on which nobody answers, on any machine."""

_TURNS = 40
"""Of the loop: more than a key needs through the queues of the app, the screen, the widget, and what that tells."""

_AT_REST = 5
"""Looks that find nothing drawn since the one before."""

HELLO = Hello(version="0.1.0", pid=4242)


def recording(*told: AnyEvent | Hello | ClientError) -> Follow:
    """Tells all of `told` at once, and then nothing more."""

    async def follow(_socket: Path, view: DaemonView) -> AsyncIterator[Told]:
        for item in told:
            yield item if isinstance(item, (Hello, ClientError)) else view.apply(item)
        await asyncio.Event().wait()

    return follow


def of_status(status: Status, *events: AnyEvent) -> Follow:
    """What a daemon with `status` tells at first, then `events`."""
    return recording(HELLO, Snapshot(status.seq, status), *events)


def half_way(project: Path) -> Follow:
    """Tells the samples, their resolves half-way."""
    status = samples.status(project)
    busy = tuple(verdict.id for verdict in status.verdicts if verdict.state is State.RESOLVING)
    return of_status(status, ResolveProgress(status.seq + 1, busy, Progress("reading metadata", 12, 60)))


def dashboard(
    told: Follow | None = None, *, socket: Path = NOWHERE, ascii_only: bool = False, **more: Any
) -> Dashboard:
    """A dashboard that is told by `told`, or by whoever answers on `socket`."""
    if told is not None:
        more["follow"] = told
    outside = Outside(socket, clock=lambda: NOW, **{"environ": {}, **more})
    return Dashboard(outside, Signs(ascii_only=ascii_only))


def text_of(app: Dashboard) -> str:
    """What is on the screen, without colours."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def shows(pilot: Pilot[None], text: str, *, limit: float = 60) -> None:
    """Wait until `text` is on the screen."""
    await until(pilot, lambda: text in text_of(of(pilot)), f"{text!r} on the screen", limit=limit)


async def until(pilot: Pilot[None], holds: Callable[[], bool], what: str, *, limit: float = 60) -> None:
    """Wait until `holds`."""
    deadline = time.monotonic() + limit
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit:g} s: {what}\n{text_of(of(pilot))}")
        await asyncio.sleep(0.02)  # not `pilot.pause`, which waits for a quiet processor


async def at_rest(app: Dashboard) -> None:
    """Wait until nothing was drawn for a while."""
    still = 0
    with patch.object(app, "post_display_hook") as drawn:
        while still < _AT_REST:
            before = drawn.call_count
            await asyncio.sleep(0.03)
            still = still + 1 if drawn.call_count == before else 0


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press `keys` one after the other, each when what the one before did is done.

    Unlike `pilot.press`, does not wait for a quiet processor, which may take a second per key on a busy machine.
    """
    for key in keys:
        pilot.app.simulate_key(key)
        for _ in range(_TURNS):
            await asyncio.sleep(0)


def of(pilot: Pilot[None]) -> Dashboard:
    assert isinstance(pilot.app, Dashboard)
    return pilot.app
