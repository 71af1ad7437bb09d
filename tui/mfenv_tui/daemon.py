"""The daemon's side of the dashboard, without what is slow to import until it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import Protocol

from mfenv_tui.selection import Selection
from mfenvd.client.errors import ClientError
from mfenvd.client.view import Change, DaemonView
from mfenvd.domain.availability import Availability
from mfenvd.domain.event import AnyEvent, DaemonInfo, Hello
from mfenvd.domain.history import History

_STREAM = "mfenvd.client.stream"
"""Its HTTP client takes a quarter of a second to import: the first picture does not wait for it."""


_PATIENCE = 60.0
"""Seconds: an index that was never asked before may take its time."""

Told = Hello | ClientError | Change
"""Who answers, why nobody does, or what an event changed in the view."""

Follow = Callable[[Path, DaemonView], AsyncIterator[Told]]


Record = Callable[[Hello | AnyEvent | ClientError], None]
"""Takes down what is told."""


class AskWheels(Protocol):
    """As `wheels`."""

    def __call__(
        self, socket: Path, package: str, root: str, limit: int, *, conda: bool
    ) -> Awaitable[Availability]: ...


async def follow(socket: Path, view: DaemonView, record: Record | None = None) -> AsyncIterator[Told]:
    """Keeps `view` current for as long as it is iterated, whether or not the daemon runs."""
    await asyncio.to_thread(import_module, _STREAM)
    from mfenvd.client import stream

    async for item in stream.follow(socket, view, record):
        if isinstance(item, Change):
            yield item
            continue
        told = item.hello if isinstance(item, stream.Connected) else item.error
        if record is not None:
            record(told)
        yield told


def start(socket: Path) -> None:
    """Start the daemon unless it runs; blocks until it answers.

    Raises:
        ClientError: It cannot be started, or is another version's.
    """
    from mfenvd.client.start import ensure_running

    ensure_running(socket)


def restart(socket: Path) -> None:
    """End the daemon that runs, whether or not it answers, and start this version's; blocks until that answers.

    Raises:
        ClientError: It cannot be told which process it is, or none can be started.
    """
    from contextlib import suppress

    from mfenvd.client.errors import DaemonNotRunningError
    from mfenvd.client.start import ensure_running, stop_by_force

    with suppress(DaemonNotRunningError):
        stop_by_force(socket)
    ensure_running(socket)


async def resolve_again(socket: Path, selection: Selection) -> int:
    """Have what is selected resolved anew; all of the project where a file is selected.

    Raises:
        ClientError: The daemon does not answer, or says no.
    """
    from mfenvd.client.stream import AsyncConnection

    async with AsyncConnection(socket) as connection:
        return await connection.resolve_again(selection.row.root, selection.verdict_ids or None)


async def cancel(socket: Path, selection: Selection) -> int:
    """Have the resolves of what is selected ended; all of the project's where a file is selected.

    Raises:
        ClientError: The daemon does not answer, or says no.
    """
    from mfenvd.client.stream import AsyncConnection

    async with AsyncConnection(socket) as connection:
        return await connection.cancel(selection.row.root, selection.verdict_ids or None)


async def wheels(socket: Path, package: str, root: str, limit: int, *, conda: bool) -> Availability:
    """Which wheels of `package` the indexes of the project at `root` have; with `conda`, which builds its channels.

    Raises:
        ClientError: The daemon does not answer, or says why it cannot tell.
    """
    from mfenvd.client.stream import AsyncConnection

    async with AsyncConnection(socket, timeout=_PATIENCE) as connection:
        return await connection.wheels(package, root, limit, conda=conda)


async def daemon_info(socket: Path) -> DaemonInfo:
    """The process as it is now.

    Raises:
        ClientError: The daemon does not answer.
    """
    from mfenvd.client.stream import AsyncConnection

    async with AsyncConnection(socket) as connection:
        return await connection.daemon()


async def history(socket: Path, id_: str) -> History:
    """What is known of a verdict besides itself.

    Raises:
        ClientError: The daemon does not answer, or knows no such verdict.
    """
    from mfenvd.client.stream import AsyncConnection

    async with AsyncConnection(socket) as connection:
        return await connection.history(id_)
