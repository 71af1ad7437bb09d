"""`mfenv check`: one shot, for CI."""

from __future__ import annotations

from typing import Annotated

import typer

from mfenvd.cli.help import ONE_SHOT, examples
from mfenvd.cli.options import JsonFlag, Paths, StrictFlag, VerboseFlag, given_paths

TrustFlag = Annotated[
    bool, typer.Option("--trust", help="Let packages be built from source, which runs code of the project.")
]
RefreshFlag = Annotated[bool, typer.Option("--refresh", help="Ask the indexes again instead of using the cache.")]


def add_to(app: typer.Typer) -> None:
    epilog = examples("mfenv check", "mfenv check --strict flows/train.py", "mfenv check --json flows/ > verdicts.json")
    app.command(rich_help_panel=ONE_SHOT, epilog=epilog)(check)


def check(  # noqa: PLR0913 - one parameter per option
    paths: Paths = None,
    *,
    json: JsonFlag = False,
    verbose: VerboseFlag = False,
    strict: StrictFlag = False,
    trust: TrustFlag = False,
    refresh: RefreshFlag = False,
) -> None:
    """Resolve every environment for every architecture, once, and say what will not work.

    Exit code: 0 fine, 1 findings, 2 usage, 3 could not tell. Warnings do not fail unless --strict is given.
    """
    from mfenvd.cli import oneshot
    from mfenvd.cli.exit_codes import exit_code
    from mfenvd.cli.progress import board
    from mfenvd.cli.report import tell
    from mfenvd.cli.terminal import this_terminal
    from mfenvd.paths import find_paths

    terminal = this_terminal()
    with board(terminal, quiet=json) as shown:
        found = oneshot.check(given_paths(paths), find_paths(), shown, trust=trust, refresh=refresh)
    tell(terminal, found.verdicts, found.findings, json=json, verbose=verbose)
    raise typer.Exit(exit_code(found.verdicts, found.findings, strict=strict))
