"""`mfenv logs`: the daemon's log, also when the daemon does not run."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TextIO

import msgspec
import typer

from mfenvd.cli.errors import NoLogError
from mfenvd.cli.help import DAEMON, examples
from mfenvd.cli.options import JsonFlag
from mfenvd.cli.terminal import printable
from mfenvd.paths import find_paths

_POLL = 0.25

FollowFlag = Annotated[bool, typer.Option("--follow", "-f", help="Go on as the log grows, until Ctrl-C.")]
Count = Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines to begin with.")]


def add_to(app: typer.Typer) -> None:
    app.command(rich_help_panel=DAEMON, epilog=examples("mfenv logs", "mfenv logs -f", "mfenv logs -n 500"))(logs)


def logs(*, follow: FollowFlag = False, count: Count = 50, json: JsonFlag = False) -> None:
    """Show the daemon's log. With --json, each line is a JSON object with a `line`."""
    path = find_paths().log_file
    if not path.is_file():
        raise NoLogError(path)
    for line in _lines(path, count, follow=follow):
        _print(line, json=json)


def _print(line: str, *, json: bool) -> None:
    text = msgspec.json.encode({"line": line}) if json else printable(line).encode()
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.buffer.flush()


def _lines(path: Path, count: int, *, follow: bool) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as log:
        yield from (line.rstrip("\n") for line in deque(log, maxlen=count))
        if not follow:
            return
        yield from _growing(path, log)


def _growing(path: Path, log: TextIO) -> Iterator[str]:
    """New lines as they come; when the log is rotated, those of the new file."""
    current = log
    rest = ""
    while True:
        piece = current.readline()
        if piece:
            rest += piece
            if rest.endswith("\n"):
                yield rest.rstrip("\n")
                rest = ""
            continue
        if _rotated(path, current):
            current.close()
            current = path.open(encoding="utf-8", errors="replace")
            continue
        time.sleep(_POLL)


def _rotated(path: Path, log: TextIO) -> bool:
    import os

    try:
        return path.stat().st_ino != os.fstat(log.fileno()).st_ino
    except OSError:
        return False
