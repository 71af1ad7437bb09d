"""`mfenv refresh`: what is found now, in the place of what Metaflow's manifests hold."""

from __future__ import annotations

import typer

from mfenvd.cli.help import DAEMON, examples
from mfenvd.cli.options import JsonFlag, Paths, VerboseFlag, given_projects


def add_to(app: typer.Typer) -> None:
    epilog = examples("mfenv refresh", "mfenv refresh flows/train.py")
    app.command(rich_help_panel=DAEMON, epilog=epilog)(refresh)


def refresh(paths: Paths = None, *, json: JsonFlag = False, verbose: VerboseFlag = False) -> None:
    """Resolve again, and let `run` use what is found now.

    Indexes and channels are asked again. What Metaflow's manifests hold for the flows, whoever resolved it, gives way
    to what is found, and the local environments are made anew. Without this, an environment that was resolved once
    stays as it is.
    """
    from mfenvd.cli import settling
    from mfenvd.cli.progress import board
    from mfenvd.cli.report import tell
    from mfenvd.cli.terminal import this_terminal
    from mfenvd.client.connection import Connection
    from mfenvd.paths import find_paths

    terminal = this_terminal()
    projects = given_projects(paths)
    connection = Connection(find_paths().socket)
    with settling.left_at_work(terminal), board(terminal, quiet=json) as shown:
        view = settling.refresh(connection, projects, shown)
    tell(terminal, *settling.outcome(connection, view, projects), json=json, verbose=verbose)
