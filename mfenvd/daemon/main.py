"""The `mfenvd` command."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
import time
from collections.abc import Sequence

from mfenvd.client.connection import Connection
from mfenvd.client.errors import ClientError, DaemonNotRunningError
from mfenvd.paths import Paths, find_paths

STOP_SECONDS = 15.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command and exits: 0 done, 1 not done, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    paths = find_paths()
    if options.command == "run":
        _run(paths, detached=options.detached, verbose=options.verbose)
    elif options.command == "start":
        sys.exit(_start(paths, verbose=options.verbose))
    elif options.command == "stop":
        sys.exit(_stop(paths, drain=not options.now))
    else:
        sys.exit(_status(paths))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mfenvd",
        description="Watches Metaflow projects and resolves their environments in the background.",
        epilog="Projects are registered with `mfenv up`, which also starts mfenvd. `mfenv status` shows what it does.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="be the daemon, in the foreground, until stopped")
    run.add_argument("--detached", action="store_true", help=argparse.SUPPRESS)
    start = commands.add_parser("start", help="start the daemon in the background and wait until it answers")
    for command in (run, start):
        command.add_argument("--verbose", action="store_true", help="log each step")
    stop = commands.add_parser("stop", help="stop the daemon; running work gets a few seconds")
    stop.add_argument(
        "--now", action="store_true", help="do not wait for running work; it is done after the next start"
    )
    commands.add_parser("status", help="show the process and the paths that it uses, as JSON")
    return parser


def _run(paths: Paths, *, detached: bool, verbose: bool) -> None:
    from mfenvd.daemon.process import run
    from mfenvd.daemon.service import Options
    from mfenvd.daemon.start import detach

    def announce(line: str) -> None:
        print(line, flush=True)  # noqa: T201 - the readiness line is for whoever started us
        if detached:
            detach()

    code = run(paths, Options(), announce, verbose=verbose, to_terminal=not detached)
    logging.shutdown()
    if threading.active_count() > 1:
        # A thread that hangs on a dead network drive would be waited for.
        os._exit(code)
    sys.exit(code)


def _start(paths: Paths, *, verbose: bool) -> int:
    from mfenvd.daemon.start import start

    line = start(paths, verbose=verbose)
    sys.stdout.write(f"{line}\n")
    return 0 if line.startswith(("ok", "already")) else 1


def _stop(paths: Paths, *, drain: bool) -> int:
    """Returns when the daemon has let go of its socket's lock, or does not in time."""
    from filelock import FileLock, Timeout

    try:
        Connection(paths.socket).stop(drain=drain)
    except DaemonNotRunningError:
        sys.stdout.write("not running\n")
        return 0
    except ClientError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    until = time.monotonic() + STOP_SECONDS
    lock = FileLock(paths.lock)
    while time.monotonic() < until:
        try:
            with lock.acquire(timeout=0):
                sys.stdout.write("stopped\n")
                return 0
        except Timeout:
            time.sleep(0.05)
    sys.stderr.write("mfenvd was asked to stop and has not ended yet; its log says why.\n")
    return 1


def _status(paths: Paths) -> int:
    import msgspec

    try:
        # No project is there: the answer is short.
        daemon = Connection(paths.socket).status(project=paths.runtime).daemon
    except ClientError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(daemon)).decode() + "\n")
    return 0
