"""The commands as typer knows them."""

from __future__ import annotations

from typing import Annotated

import typer

from mfenvd.cli import (
    cache,
    check,
    env,
    export,
    housekeeping,
    hydrate,
    lifecycle,
    logs,
    mirror,
    plan,
    refresh,
    resolve,
    service,
    up,
    watching,
    wheels,
    why,
)
from mfenvd.cli.help import flowing

app = typer.Typer(
    name="mfenv",
    help=(
        "Metaflow environments, resolved in the background at every save, for every architecture that a flow targets."
        "\n\nBegin with `mfenv up` in your project, or with `mfenv check` where there is no daemon, as in CI."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"mfenv {version('mfenv')}")
        raise typer.Exit


VersionFlag = Annotated[
    bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
]


@app.callback()
def _options(*, version: VersionFlag = False) -> None:
    pass


for module in (
    up, refresh, lifecycle, watching, logs, mirror, service, why, export, check, plan, resolve, wheels, env, hydrate,
    housekeeping, cache
):  # fmt: skip
    module.add_to(app)
for command in app.registered_commands:
    command.help = flowing(command.callback)
