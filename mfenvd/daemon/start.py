"""Starts the daemon in the background and waits until it answers."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from mfenvd.paths import Paths

READY_SECONDS = 15.0
_DETACHED = 0
if sys.platform == "win32":
    _DETACHED = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
_PREFIXES = ("ok ", "already running ", "time-out", "error ")


def start(paths: Paths, *, verbose: bool = False) -> str:
    """Starts `mfenvd run` in a session of its own; the line that says how it went.

    Returns:
        `ok PID`, `already running PID`, `time-out`, or `error REASON`.
    """
    Path(paths.state).mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mfenvd.daemon", "run", "--detached", *(["--verbose"] if verbose else [])]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Python looks for modules where it is started: never in a project.
        cwd=paths.state,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        start_new_session=sys.platform != "win32",
        creationflags=_DETACHED,
    )
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_answer, args=(process.stdout, process.stderr, lines), daemon=True).start()
    try:
        return lines.get(timeout=READY_SECONDS)
    except queue.Empty:
        return "time-out"


def detach() -> None:
    """Closes what ties this process to the one that started it; to be called once the start is announced."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)


def _read_answer(stdout: IO[bytes], stderr: IO[bytes], lines: queue.SimpleQueue[str]) -> None:
    for raw in stdout:
        line = raw.decode(errors="replace").strip()
        if line.startswith(_PREFIXES):
            lines.put(line)
            return
    last = [line for line in stderr.read().decode(errors="replace").splitlines() if line.strip()][-1:]
    lines.put(f"error {last[0].strip() if last else 'it ended without a word'}")
