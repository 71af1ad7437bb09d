"""The commands as typer knows them."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from mfenvd.cli.help import flowing

COMMANDS: dict[str, tuple[str, ...]] = {
    "up": ("up",),
    "refresh": ("refresh",),
    "lifecycle": ("down", "status", "version"),
    "watching": ("watch", "unwatch", "trust", "untrust"),
    "logs": ("logs",),
    "mirror": ("mirror",),
    "service": ("service",),
    "why": ("why",),
    "export": ("export",),
    "check": ("check",),
    "plan": ("plan",),
    "resolve": ("resolve",),
    "wheels": ("wheels",),
    "env": ("env",),
    "hydrate": ("hydrate",),
    "housekeeping": ("gc", "adopt", "repair"),
    "cache": ("cache",),
}
"""Which module of this package has which commands, in the order in which they are listed."""

_HELP = (
    "Metaflow environments, resolved in the background at every save, for every architecture that a flow targets."
    "\n\nBegin with `mfenv up` in your project, or with `mfenv check` where there is no daemon, as in CI."
)


def application(command: str) -> typer.Typer:
    """What `command` needs: its module alone, as loading all of them takes longer than most commands; or everything.

    Args:
        command: The first word of the command line; everything is loaded where it is no command.
    """
    app = typer.Typer(
        name="mfenv",
        help=_HELP,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in [name for name, commands in COMMANDS.items() if command in commands] or COMMANDS:
        import_module(f"mfenvd.cli.{name}").add_to(app)
    for registered in app.registered_commands:
        registered.help = flowing(registered.callback)
    return app


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"mfenv {version('mfenv')}")
        raise typer.Exit


VersionFlag = Annotated[
    bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
]


def _options(*, version: VersionFlag = False) -> None:
    pass
