"""`mfenv service`: start mfenvd with the user's session."""

from __future__ import annotations

from typing import Annotated

import typer

from mfenvd.cli.help import DAEMON, examples
from mfenvd.cli.options import JsonFlag

service_app = typer.Typer(name="service", no_args_is_help=True, pretty_exceptions_enable=False)

NoStartFlag = Annotated[bool, typer.Option("--no-start", help="Put the file in place and start nothing.")]


def add_to(app: typer.Typer) -> None:
    """Adds `mfenv service` to the commands."""
    app.add_typer(
        service_app,
        help="Start mfenvd when you log in (systemd or launchd).",
        epilog=examples("mfenv service install", "mfenv service status --json", "mfenv service uninstall"),
        rich_help_panel=DAEMON,
    )


@service_app.command(epilog=examples("mfenv service install", "mfenv service install --no-start"))
def install(*, no_start: NoStartFlag = False, json: JsonFlag = False) -> None:
    """Start mfenvd now and whenever you log in; a daemon that runs already is taken over.

    Watched projects are kept. Secrets that they had are not: run `mfenv up` once more where an index asks for some.
    """
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.service_actions import put_in_place
    from mfenvd.cli.terminal import this_terminal

    state = put_in_place(start=not no_start)
    if json:
        print_json(state)
        return
    terminal = this_terminal()
    terminal.say(f"{terminal.path(state.file)} is in place.")
    terminal.say("mfenvd runs, and starts at every login." if state.running else "mfenvd was not started.")


@service_app.command(epilog=examples("mfenv service uninstall"))
def uninstall(*, json: JsonFlag = False) -> None:
    """Stop the service and no longer start it at login. `mfenv up` starts mfenvd as before."""
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.service_actions import service_state, take_away
    from mfenvd.cli.terminal import this_terminal

    existed = take_away()
    state = service_state()
    if json:
        print_json(state)
    else:
        terminal = this_terminal()
        terminal.say(f"{terminal.path(state.file)} {'was removed' if existed else 'was not there'}.")


@service_app.command(epilog=examples("mfenv service status", "mfenv service status --json"))
def status(*, json: JsonFlag = False) -> None:
    """Show whether the service is installed and runs. Exits 0 either way."""
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.service_actions import service_state
    from mfenvd.cli.terminal import this_terminal

    state = service_state()
    if json:
        print_json(state)
        return
    terminal = this_terminal()
    terminal.say("mfenvd starts at login." if state.installed else "mfenvd does not start at login.")
    words = {True: "running", False: "not running", None: f"unknown: {state.manager} does not answer"}
    terminal.fact("file", terminal.path(state.file) if state.installed else "none")
    terminal.fact("starts", terminal.path(state.executable) if state.executable else "nothing")
    terminal.fact(state.manager, words[state.running])
    if state.installed and state.executable and not state.usable:
        terminal.hint("That program is not there any more: run `mfenv service install` again.")
