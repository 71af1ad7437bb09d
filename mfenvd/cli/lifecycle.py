"""`mfenv down`, `status` and `version`: about the daemon itself."""

from __future__ import annotations

from typing import Annotated

import typer

from mfenvd.cli.help import DAEMON, examples
from mfenvd.cli.options import JsonFlag, VerboseFlag, WatchedOnly
from mfenvd.cli.status import print_status

NowFlag = Annotated[bool, typer.Option("--now", help="Do not wait for resolves that are running.")]
ForceFlag = Annotated[bool, typer.Option("--force", help="End the process if it does not answer.")]


def add_to(app: typer.Typer) -> None:
    app.command(rich_help_panel=DAEMON, epilog=examples("mfenv down", "mfenv down --force"))(down)
    shown = examples("mfenv status", "mfenv status flows/", "mfenv status --json | jq '.verdicts[].state'")
    app.command(rich_help_panel=DAEMON, epilog=shown)(status)
    app.command(rich_help_panel=DAEMON, epilog=examples("mfenv version", "mfenv version --json"))(version)


def down(*, now: NowFlag = False, force: ForceFlag = False, json: JsonFlag = False) -> None:
    """Stop the daemon. Watched folders and verdicts are kept for the next `mfenv up`."""
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.terminal import this_terminal
    from mfenvd.client.errors import DaemonNotRunningError
    from mfenvd.client.start import stop, stop_by_force
    from mfenvd.paths import find_paths

    socket = find_paths().socket
    try:
        if force:
            stop_by_force(socket)
        else:
            stop(socket, drain=not now)
    except DaemonNotRunningError:
        stopped = False
    else:
        stopped = True
    if json:
        print_json({"stopped": stopped})
    else:
        this_terminal().say("mfenvd has stopped." if stopped else "mfenvd was not running.")


def status(paths: WatchedOnly = None, *, json: JsonFlag = False, verbose: VerboseFlag = False) -> None:
    """Show the daemon, the folders that it watches, and the verdicts.

    With --verbose also every finding in full, and the values of the variables that the registering shell had.
    Exits 0 whether or not a daemon runs; JSON says `"daemon": null` when none does.
    """
    print_status([path.absolute() for path in paths or ()], json=json, verbose=verbose)


def version(*, json: JsonFlag = False) -> None:
    """Show the versions of mfenv and of the daemon that runs."""
    from importlib.metadata import version as installed

    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.terminal import this_terminal
    from mfenvd.client.connection import Connection
    from mfenvd.client.errors import DaemonNotRunningError
    from mfenvd.domain.event import PROTOCOL
    from mfenvd.paths import find_paths

    own = installed("mfenv")
    try:
        hello = Connection(find_paths().socket).hello()
    except DaemonNotRunningError:
        hello = None
    if json:
        print_json({"version": own, "protocol": PROTOCOL, "daemon": hello})
        return
    terminal = this_terminal()
    terminal.say(f"mfenv {own}")
    terminal.say(f"mfenvd {hello.version} (pid {hello.pid})" if hello else "mfenvd is not running")
