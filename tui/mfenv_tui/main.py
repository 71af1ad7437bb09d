"""The command `mfenv-tui`."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import traceback
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from mfenv_tui.lines import Signs
from mfenvd.domain.redact import redact
from mfenvd.paths import Paths, find_paths

if TYPE_CHECKING:
    from mfenv_tui.outside import Outside

# Everything else is imported where it is needed, and argparse does for three options: the first picture waits.

_FAILED = 1
_WRONG_USAGE = 2
_COULD_NOT_TELL = 3
_INTERRUPTED = 130

_READ_ONLY = "Nothing can be changed: mfenv-tui was started with --readonly."
_RECORDED = "Nothing can be changed: this is a recording."
_WIDE = 10_000
"""Columns when the output is no terminal: nothing is cut there."""

_DESCRIPTION = """\
A live table of all environments by architecture, with what is wrong and how to fix it.

Works when mfenvd is not running: it says so, offers to start it, and goes on as soon as it answers.
"""
_EPILOG = """\
examples:
  mfenv-tui                  keep it open beside the editor; ? shows all keys
  mfenv-tui --replay FILE    look at what somebody recorded with --record
  mfenv-tui --once           print the matrix and its findings, for a script or a log
  NO_COLOR=1 mfenv-tui       without colours
"""

_DRAWINGS_PER_SECOND = "200"
"""At the most: a key is drawn in two turns, cursor and detail, each of which waits for the next drawing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code: 0, 1 when the dashboard failed, 2 for wrong usage, 3 no answer.

    130 is Ctrl-C before there is a picture; after that it is a key.
    """
    try:
        return _run_as_asked(arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run_as_asked(arguments: Sequence[str] | None) -> int:
    chosen = _parser().parse_args(arguments)
    signs = Signs(ascii_only=chosen.ascii or not _speaks_unicode())
    if chosen.version:
        return _print_version()
    if chosen.once:
        return _print_once(signs)
    if not os.isatty(0):
        _complain("mfenv-tui reads its keys from a terminal, and stdin is none. Print the matrix: `mfenv-tui --once`.")
        return _WRONG_USAGE
    return _run(signs, chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mfenv-tui",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--once", action="store_true", help="print the matrix and its findings, and end")
    parser.add_argument("--readonly", action="store_true", help="only look: nothing can be started or changed")
    parser.add_argument("--record", type=Path, metavar="FILE", help="also write down everything that the daemon tells")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="show such a recording instead of the daemon")
    parser.add_argument("--ascii", action="store_true", help="use no characters beyond ASCII")
    parser.add_argument("--version", action="store_true", help="print the version and end")
    return parser


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "ascii").lower().replace("-", "").startswith("utf")


def _print_version() -> int:
    from importlib.metadata import version

    print(f"mfenv-tui {version('mfenv')}")  # noqa: T201 - the answer
    return 0


def _run(signs: Signs, chosen: argparse.Namespace) -> int:
    os.environ.setdefault("TEXTUAL_FPS", _DRAWINGS_PER_SECOND)  # read when Textual is imported
    from rich.console import Console

    from mfenv_tui.app import Dashboard
    from mfenv_tui.hangup import end_with_terminal
    from mfenv_tui.recording import RecordingError

    paths = find_paths()
    try:
        app = Dashboard(_outside(paths, chosen), signs)
    except RecordingError as error:
        _complain(str(error))
        return _WRONG_USAGE
    # What Textual would print has the values of all variables in it.
    app.error_console = Console(file=StringIO())
    gc.freeze()  # what was imported stays: looking through it again and again would hold up the keys
    end_with_terminal()
    app.run()
    if app.failure is None:
        return 0
    _report(app.failure, Path(paths.log, "mfenv-tui.log"))
    return _FAILED


def _outside(paths: Paths, chosen: argparse.Namespace) -> Outside:
    """The daemon, or a recording in its place.

    Raises:
        RecordingError: The file cannot be read or written.
    """
    from functools import partial

    from mfenv_tui.daemon import follow
    from mfenv_tui.outside import Outside
    from mfenv_tui.recording import Recorder, Replay, read

    settings = Path(paths.config, "dashboard.json")
    if chosen.replay:
        replay = Replay(read(chosen.replay))
        return Outside(paths.socket, replay.follow, clock=replay.clock, settings_file=settings, unchangeable=_RECORDED)
    told = partial(follow, record=Recorder(chosen.record)) if chosen.record else follow
    return Outside(paths.socket, told, settings_file=settings, unchangeable=_READ_ONLY if chosen.readonly else None)


def _report(failure: Exception, log: Path) -> None:
    """One line for the user, the rest for who mends it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(redact("".join(traceback.format_exception(failure))), encoding="utf-8")
    _complain(f"mfenv-tui failed ({type(failure).__name__}: {failure}). Please report it with {log}.")


def _print_once(signs: Signs) -> int:
    from rich.console import Console

    from mfenv_tui.once import print_once
    from mfenvd.client.connection import Connection
    from mfenvd.client.errors import ClientError

    try:
        status = Connection(find_paths().socket).status()
    except ClientError as error:
        _complain("\n".join(filter(None, (error.message, error.fix))))
        return _COULD_NOT_TELL
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    try:
        print_once(status, console, signs)
    except Exception as error:  # noqa: BLE001 - the last resort, and it keeps the details
        _report(error, Path(find_paths().log, "mfenv-tui.log"))
        return _FAILED
    return 0


def _complain(text: str) -> None:
    print(redact(text), file=sys.stderr)  # noqa: T201 - for people, beside the answer


if __name__ == "__main__":
    sys.exit(main())
