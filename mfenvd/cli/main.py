"""`mfenv`: the commands put together, and the guard around them."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from mfenvd.cli.errors import CommandError, print_crash, print_error, print_refusal
from mfenvd.cli.exit_codes import ExitCode
from mfenvd.client.errors import ClientError

_STATUS_FLAGS = frozenset({"--json", "--verbose", "-v"})


def main() -> None:
    """The `mfenv` command. Whatever happens, the user sees a message and not a traceback."""
    code = run(sys.argv[1:])
    if code == ExitCode.INTERRUPTED and threading.active_count() > 1:
        # A download that hangs has had its time; Python would wait for it.
        os._exit(code)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit code."""
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        return _silenced()
    except KeyboardInterrupt:
        return _interrupted()
    except (CommandError, ClientError) as error:
        print_error(error.message, error.fix)
        return error.code if isinstance(error, CommandError) else ExitCode.UNKNOWN
    except OSError as error:
        print_refusal(error)
        return ExitCode.UNKNOWN
    except Exception as error:  # noqa: BLE001 - the last resort, and it keeps the details
        return _unexpected(error)
    return code


def _unexpected(error: Exception) -> int:
    before: BaseException | None = error
    while before is not None:
        # A second Ctrl-C can hit Python's own locks while they are given back.
        if isinstance(before, KeyboardInterrupt):
            return _interrupted()
        before = before.__context__
    print_crash(error)
    return ExitCode.UNKNOWN


def _dispatch(arguments: Sequence[str]) -> int:
    command, *rest = arguments or [""]
    if command == "status" and _STATUS_FLAGS.issuperset(rest):
        # Typer takes longer to import than the daemon to answer, and prompts ask for this often.
        from mfenvd.cli.status import print_status

        print_status(json="--json" in rest, verbose=bool({"--verbose", "-v"} & set(rest)))
        return ExitCode.FINE
    from mfenvd.cli.app import application

    try:
        with _completing():
            application(command)(list(arguments), prog_name="mfenv")
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # typer has made an exit code of it
            raise ended.__context__ from None
        return ended.code if isinstance(ended.code, int) else ExitCode.FINE if ended.code is None else ExitCode.FINDINGS
    return ExitCode.FINE


def _completing() -> AbstractContextManager[None]:
    """What a command runs in that bash asks for completions."""
    if os.environ.get("_MFENV_COMPLETE") != "complete_bash":
        return nullcontext()
    from mfenvd.cli.completing import beyond_colons

    return beyond_colons(os.environ)


def _interrupted() -> int:
    """What was printed so far is shown, unless its reader was interrupted as well."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silenced()
    return ExitCode.INTERRUPTED


def _silenced() -> int:
    """The reader of our output has gone, as `head` does: stay quiet, also while Python shuts down."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.BROKEN_PIPE
