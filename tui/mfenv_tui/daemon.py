"""The daemon's side of the dashboard, without what is slow to import until it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from pathlib import Path

from mfenv_tui.selection import Selection
from mfenvd.client.errors import ClientError
from mfenvd.client.view import Change, DaemonView
from mfenvd.domain.event import Hello

_STREAM = "mfenvd.client.stream"
"""Its HTTP client takes a quarter of a second to import: the first picture does not wait for it."""


Told = Hello | ClientError | Change
"""Who answers, why nobody does, or what an event changed in the view."""

Follow = Callable[[Path, DaemonView], AsyncIterator[Told]]


async def follow(socket: Path, view: DaemonView) -> AsyncIterator[Told]:
    """Keeps `view` current for as long as it is iterated, whether or not the daemon runs."""
    await asyncio.to_thread(import_module, _STREAM)
    from mfenvd.client import stream

    async for item in stream.follow(socket, view):
        if isinstance(item, stream.Connected):
            yield item.hello
        elif isinstance(item, stream.Disconnected):
            yield item.error
        else:
            yield item


def start(socket: Path) -> None:
    """Start the daemon unless it runs; blocks until it answers.

    Raises:
        ClientError: It cannot be started, or is another version's.
    """
    from mfenvd.client.start import ensure_running

    ensure_running(socket)


async def resolve_again(socket: Path, selection: Selection) -> int:
    """Have what is selected resolved anew; all of the project where a file is selected.

    Raises:
        ClientError: The daemon does not answer, or says no.
    """
    from mfenvd.client.stream import AsyncConnection

    async with AsyncConnection(socket) as connection:
        return await connection.resolve_again(selection.row.root, selection.verdict_ids or None)
