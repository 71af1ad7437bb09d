"""The command `mfenv-tui`."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from mfenv_tui.wording import Signs
from mfenvd.paths import find_paths

_COULD_NOT_TELL = 3
_WIDE = 10_000
"""Columns when the output is no terminal: nothing is cut there."""


def main() -> None:
    """Runs the command; for the entry point."""
    typer.run(dashboard)


def dashboard(
    *,
    once: Annotated[bool, typer.Option("--once", help="Print the matrix and its findings, and end.")] = False,
    ascii_only: Annotated[bool, typer.Option("--ascii", help="Use no characters beyond ASCII.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """A live table of all environments by architecture, with what is wrong and how to fix it.

    Works when mfenvd is not running: it says so, offers to start it, and goes on as soon as it answers.
    """
    signs = Signs(ascii_only=ascii_only or not _speaks_unicode())
    if version:
        typer.echo(f"mfenv-tui {installed_version('mfenv')}")
    elif once:
        _print_once(signs)
    else:
        _run(signs)


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "ascii").lower().replace("-", "").startswith("utf")


def _run(signs: Signs) -> None:
    # Textual only now: `--help` and `--once` do without it.
    from mfenv_tui.app import Dashboard

    Dashboard(find_paths().socket, signs=signs).run()


def _print_once(signs: Signs) -> None:
    from rich.console import Console

    from mfenv_tui.once import print_once
    from mfenvd.client.connection import Connection
    from mfenvd.client.errors import ClientError

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    try:
        status = Connection(find_paths().socket).status()
    except ClientError as error:
        typer.echo("\n".join(filter(None, (error.message, error.fix))), err=True)
        raise typer.Exit(_COULD_NOT_TELL) from error
    print_once(status, console, signs)
