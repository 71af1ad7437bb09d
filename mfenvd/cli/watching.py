"""`mfenv watch`, `unwatch`, `trust` and `untrust`: about the folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mfenvd.cli.completing import as_words
from mfenvd.cli.errors import NotWatchedError
from mfenvd.cli.help import DAEMON, examples
from mfenvd.cli.json_output import print_json
from mfenvd.cli.options import JsonFlag, Paths, given_projects
from mfenvd.cli.terminal import this_terminal
from mfenvd.client.connection import Connection
from mfenvd.client.errors import ClientError
from mfenvd.client.view import holds
from mfenvd.paths import find_paths


def _complete_root(incomplete: str) -> list[str]:
    """Watched folders, for the shell."""
    try:
        projects = Connection(find_paths().socket, timeout=1).status().projects
    except ClientError:
        return []
    return as_words(project.root for project in projects if project.root.startswith(incomplete))


WatchedPaths = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="PATH",
        help="Watched folders, or paths in them.",
        show_default="the working directory",
        autocompletion=_complete_root,
    ),
]


def add_to(app: typer.Typer) -> None:
    app.command(rich_help_panel=DAEMON, epilog=examples("mfenv watch ../other-project"))(watch)
    app.command(rich_help_panel=DAEMON, epilog=examples("mfenv unwatch ../other-project"))(unwatch)
    app.command(rich_help_panel=DAEMON, epilog=examples("mfenv trust", "mfenv trust ~/flows"))(trust)
    app.command(rich_help_panel=DAEMON, epilog=examples("mfenv untrust ~/flows"))(untrust)


def watch(paths: Paths = None, *, json: JsonFlag = False) -> None:
    """Watch folders without waiting for their verdicts. Starts the daemon if none runs."""
    from mfenvd.cli.settling import connect_or_start, register

    connection = connect_or_start(this_terminal())
    register(connection, given_projects(paths), json=json)


def unwatch(paths: WatchedPaths = None, *, json: JsonFlag = False) -> None:
    """Stop watching folders, and forget their verdicts. A path inside a watched folder means that folder."""
    terminal = this_terminal()
    connection = Connection(find_paths().socket)
    roots = _watched(connection, paths)
    for root in roots:
        connection.remove_project(root)
        if not json:
            terminal.say(f"Not watching {root} any more.")
    if json:
        print_json({"unwatched": roots})


def trust(paths: WatchedPaths = None, *, json: JsonFlag = False) -> None:
    """Allow code of a watched project to run.

    Until then its files are only read. In trusted projects alone flows are loaded the way Metaflow loads them, and a
    package that has no wheel is built from source.
    """
    _set_trust(paths, trusted=True, json=json)


def untrust(paths: WatchedPaths = None, *, json: JsonFlag = False) -> None:
    """Take a project's permission to run code back."""
    _set_trust(paths, trusted=False, json=json)


def _set_trust(paths: list[Path] | None, *, trusted: bool, json: bool) -> None:
    terminal = this_terminal()
    connection = Connection(find_paths().socket)
    projects = [connection.set_trust(root, trusted=trusted) for root in _watched(connection, paths)]
    if json:
        print_json({"projects": projects})
    for project in projects if not json else ():
        terminal.say(f"{project.root} is {'trusted' if project.trusted else 'not trusted'}.")


def _watched(connection: Connection, paths: list[Path] | None) -> list[str]:
    """The roots of the watched folders that `paths` are or lie in. They need not exist any more.

    Raises:
        NotWatchedError: One of them is in none.
    """
    known = [project.root for project in connection.status().projects]
    found = []
    for path in paths or [Path()]:
        wanted = str(path.resolve())
        holding = [root for root in known if holds(root, wanted)]
        if not holding:
            raise NotWatchedError(wanted)
        found.append(max(holding, key=len))
    return list(dict.fromkeys(found))
