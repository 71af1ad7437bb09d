"""Starts the daemon when none runs, and sees it off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from mfenvd.client.connection import TIMEOUT, Connection
from mfenvd.client.errors import (
    ClientError,
    DaemonNotRunningError,
    DaemonUnresponsiveError,
    StartFailedError,
    StartTimedOutError,
)
from mfenvd.client.peer import listener_pid
from mfenvd.domain.event import Hello
from mfenvd.domain.redact import redact

START_TIMEOUT = 60.0
"""Seconds for the whole start, which has a time-out of its own that is shorter."""

STOP_TIMEOUT = 30.0
_PATIENCE = 5.0

if sys.platform == "win32":
    _KILL = signal.SIGTERM
else:
    _KILL = signal.SIGKILL


@dataclass(frozen=True)
class Running:
    """The daemon that answers, and whether it had to be started."""

    hello: Hello
    started: bool


def ensure_running(socket: Path) -> Running:
    """The daemon behind `socket`, started in the background when nobody answers there.

    Raises:
        StartFailedError: It cannot be started; says why.
        StartTimedOutError: It is not ready yet.
        ClientError: It runs, but is of another protocol or does not answer.
    """
    connection = Connection(socket)
    try:
        return Running(connection.greet(), started=False)
    except DaemonNotRunningError:
        started = _start()
    return Running(connection.greet(), started=started)


def _start() -> bool:
    """Runs the detached start; returns whether it was this call that started the daemon."""
    command = [sys.executable, "-m", "mfenvd.daemon", "start"]
    # `-m` imports from the working directory first: never from a project, whose code is only read.
    environ = {**os.environ, "PYTHONSAFEPATH": "1"}
    if "MFENV_HOME" in environ:
        environ["MFENV_HOME"] = str(Path(environ["MFENV_HOME"]).expanduser().absolute())
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT,
            check=False,
            cwd=sys.prefix,
            env=environ,
        )
    except subprocess.TimeoutExpired as error:
        raise StartTimedOutError from error
    except OSError as error:
        raise StartFailedError(str(error)) from error
    return _read_answer(ended.stdout, ended.stderr, ended.returncode)


def _read_answer(stdout: str, stderr: str, code: int) -> bool:
    """`ok PID`, `already running PID`, `time-out` or `error REASON`, on the last line of the start's output."""
    answer = next((line.strip() for line in reversed(stdout.splitlines()) if line.strip()), "")
    if answer.startswith("ok"):
        return True
    if answer.startswith("already running"):
        return False
    if answer.startswith("time-out"):
        raise StartTimedOutError
    reason = answer.removeprefix("error").strip() or _last_line(stderr) or f"it ended with exit code {code}"
    raise StartFailedError(redact(reason))


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""


def stop(socket: Path, *, drain: bool = True, timeout: float = STOP_TIMEOUT) -> None:
    """Asks the daemon to stop and waits until nobody answers on `socket` any more.

    Raises:
        DaemonNotRunningError: There was nothing to stop.
        DaemonUnresponsiveError: It still answers after `timeout` seconds.
    """
    connection = Connection(socket, timeout=min(timeout, TIMEOUT))
    connection.stop(drain=drain)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not _answers(connection):
            return
        time.sleep(0.05)
    raise DaemonUnresponsiveError(timeout)


def stop_by_force(socket: Path) -> None:
    """Ends the daemon whether or not it answers: asked first, then by signals.

    Raises:
        DaemonNotRunningError: There was nothing to stop.
        DaemonUnresponsiveError: It cannot be told which process it is.
    """
    pid = listener_pid(socket)
    try:
        stop(socket, drain=False, timeout=_PATIENCE)
    except DaemonNotRunningError:
        raise
    except ClientError:
        if pid is None:
            raise
    else:
        return
    for signal_number in (signal.SIGTERM, _KILL):
        if _ended_by(pid, signal_number):
            return


def _ended_by(pid: int, signal_number: signal.Signals) -> bool:
    try:
        os.kill(pid, signal_number)
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.05)
    except ProcessLookupError:
        return True
    return False


def _answers(connection: Connection) -> bool:
    try:
        connection.greet()
    except DaemonNotRunningError:
        return False
    except ClientError:
        return True
    return True
