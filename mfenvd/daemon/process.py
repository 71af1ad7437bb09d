"""The process around the service: lock, log, socket, signals; in the foreground or detached."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from enum import IntEnum

from aiohttp import web

from mfenvd.client.connection import Connection
from mfenvd.client.errors import ClientError
from mfenvd.daemon import logs
from mfenvd.daemon.api import application
from mfenvd.daemon.instance import Instance, UnsafeFolderError
from mfenvd.daemon.journal import JournalInUseError
from mfenvd.daemon.memory import give_back
from mfenvd.daemon.service import Options, Service
from mfenvd.paths import Paths

LOCK_SECONDS = 8.0
"""How long a start waits for a daemon that is about to end or to answer."""

_GOODBYE_SECONDS = 1.0
_log = logging.getLogger(__name__)

Announce = Callable[[str], None]
"""Told how the start went, in one line: `ok PID`, `already running PID`, `time-out`, `error REASON`."""


class Exit(IntEnum):
    """How `mfenvd run` ends."""

    OK = 0
    FAILED = 1


def run(paths: Paths, options: Options, announce: Announce, *, verbose: bool, to_terminal: bool) -> Exit:
    """Is the daemon until somebody stops it, or says why it is not.

    Returns:
        OK also when another daemon runs already: somebody does what was asked for.
    """
    # For the daemon's whole life, and its workers': nobody else reads what they write.
    os.umask(0o077)
    instance = Instance(paths)
    try:
        refusal = _take(instance, paths)
        if refusal is not None:
            announce(refusal)
            return Exit.OK if refusal.startswith("already") else Exit.FAILED
        formatter = logs.set_up(paths.log_file, verbose=verbose, to_terminal=to_terminal)
    except (OSError, UnsafeFolderError) as error:
        announce(f"error {error}")
        return Exit.FAILED
    # A folder that we stand in could not be unmounted.
    os.chdir(paths.state)
    # What is imported stays: without this each full collection walks through it, for 40 ms and more.
    gc.collect()
    gc.freeze()
    give_back()
    try:
        asyncio.run(_serve(instance, paths, options, formatter, announce))
    except (OSError, UnsafeFolderError, JournalInUseError, sqlite3.Error) as error:
        _log.exception("mfenvd could not start")
        announce(f"error {error}")
        return Exit.FAILED
    finally:
        instance.release()
    return Exit.OK


async def _serve(
    instance: Instance, paths: Paths, options: Options, formatter: logs.RedactingFormatter, announce: Announce
) -> None:
    service = Service(paths, options, formatter)
    await service.boot()
    runner = web.AppRunner(
        application(service), access_log=None, handle_signals=False, shutdown_timeout=_GOODBYE_SECONDS
    )
    await runner.setup()
    site = _site(runner, instance, paths)
    await site.start()
    _heed_signals(service)
    service.begin()
    _log.info("mfenvd %d answers at %s", os.getpid(), paths.socket)
    announce(f"ok {os.getpid()}")
    await service.stopped()
    # From here on the next daemon waits for the lock instead of finding this one.
    instance.hide()
    await site.stop()
    await service.close()
    await runner.cleanup()


def _site(runner: web.AppRunner, instance: Instance, paths: Paths) -> web.BaseSite:
    if sys.platform == "win32":
        return web.NamedPipeSite(runner, str(paths.socket))
    return web.SockSite(runner, instance.listen())


def _heed_signals(service: Service) -> None:
    """The first signal drains, the second waits for nothing."""
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) is signal.SIG_IGN:
            # `nohup mfenvd run` outlives its terminal.
            continue
        try:
            loop.add_signal_handler(number, service.stop, name)
        except NotImplementedError:
            # Windows: the handler runs between two bytecodes of the loop's thread, which is woken for it.
            signal.signal(number, lambda *_, name=name: loop.call_soon_threadsafe(service.stop, name))


def _take(instance: Instance, paths: Paths) -> str | None:
    """Takes the lock; else what to announce. Waits for a daemon that is about to answer, or to end."""
    until = time.monotonic() + LOCK_SECONDS
    while not instance.acquire():
        try:
            return f"already running {Connection(paths.socket).greet().pid}"
        except ClientError:
            if time.monotonic() > until:
                return "time-out"
            time.sleep(0.05)
    return None
