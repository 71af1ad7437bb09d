"""`mfenv up`: start, watch, resolve, show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mfenvd.cli.help import DAEMON, examples
from mfenvd.cli.options import JsonFlag, Paths, VerboseFlag, given_projects

NoWaitFlag = Annotated[bool, typer.Option("--no-wait", help="Return at once; `mfenv status` shows how far it is.")]


def add_to(app: typer.Typer) -> None:
    epilog = examples("mfenv up", "mfenv up flows/ ../shared-flows/", "mfenv up --no-wait")
    app.command(rich_help_panel=DAEMON, epilog=epilog)(up)


def up(
    paths: Paths = None,
    *,
    no_wait: NoWaitFlag = False,
    json: JsonFlag = False,
    verbose: VerboseFlag = False,
) -> None:
    """Start the daemon if none runs, watch the folders, and show their verdicts once they are settled.

    What this shell has (interpreter, METAFLOW_*, CONDA_*, PIP_*, UV_*, AWS_*, proxies, and what requirement files
    use as ${NAME}) is handed to the daemon, or renewed there. The daemon stays and settles again at every save.

    Exit code: 0 once the daemon watches and everything is settled, whatever the verdicts are; `mfenv check` is the
    command whose exit code tells them.
    """
    from mfenvd.cli import settling
    from mfenvd.cli.progress import board
    from mfenvd.cli.report import tell
    from mfenvd.cli.shell import shell_for
    from mfenvd.cli.terminal import this_terminal
    from mfenvd.paths import find_paths

    terminal = this_terminal()
    projects = given_projects(paths)
    connection = settling.connect_or_start(terminal)
    if no_wait:
        settling.register(connection, list(projects), json=json)
        return
    shell = shell_for(map(Path, projects), find_paths())
    with settling.left_at_work(terminal), board(terminal, quiet=json) as shown:
        view = settling.settle(connection, list(projects), shell, shown)
    tell(terminal, *settling.outcome(connection, view, projects), json=json, verbose=verbose)
    if not json:
        terminal.hint(f"mfenvd watches {', '.join(projects)}.")
        terminal.hint("`mfenv status` shows the verdicts at any time, `mfenv down` ends it.")
