"""`mfenv mirror`: what goes to the team's bucket, and how that goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mfenvd.cli import mirror_sync
from mfenvd.cli.help import DAEMON, examples
from mfenvd.cli.options import JsonFlag

if TYPE_CHECKING:
    from mfenvd.cli.terminal import Terminal
    from mfenvd.client.connection import Connection
    from mfenvd.domain.mirror import BucketStatus, MirrorStatus

mirror_app = typer.Typer(name="mirror", no_args_is_help=True, pretty_exceptions_enable=False)

_MEBIBYTE = 1024 * 1024


def add_to(app: typer.Typer) -> None:
    """Adds `mfenv mirror` to the commands."""
    mirror_sync.add_to(mirror_app)
    app.add_typer(
        mirror_app,
        help="See and steer what goes to the team's bucket.",
        epilog=examples("mfenv mirror status", "mfenv mirror push", "mfenv mirror verify"),
        rich_help_panel=DAEMON,
    )


@mirror_app.command(epilog=examples("mfenv mirror status", "mfenv mirror status --json"))
def status(*, json: JsonFlag = False) -> None:
    """Show the buckets that packages are mirrored to, and what waits for its upload."""
    _tell(_daemon().mirror(), json=json)


@mirror_app.command(epilog=examples("mfenv mirror pause"))
def pause(*, json: JsonFlag = False) -> None:
    """Upload nothing until `mfenv mirror resume`; what is to be uploaded waits on this machine."""
    _tell(_daemon().steer_mirror(paused=True), json=json)


@mirror_app.command(epilog=examples("mfenv mirror resume"))
def resume(*, json: JsonFlag = False) -> None:
    """Upload again, and try at once what failed."""
    _tell(_daemon().steer_mirror(paused=False), json=json)


def _daemon() -> Connection:
    from mfenvd.client.connection import Connection
    from mfenvd.paths import find_paths

    return Connection(find_paths().socket)


def _tell(mirror: MirrorStatus, *, json: bool) -> None:
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.terminal import this_terminal

    if json:
        print_json(mirror)
        return
    terminal = this_terminal()
    if mirror.paused:
        terminal.say("The mirror is paused: nothing is uploaded until `mfenv mirror resume`.")
    for bucket in mirror.buckets:
        _tell_bucket(terminal, bucket)
    if not mirror.buckets:
        terminal.say("No bucket was needed since mfenvd started.")
        if known := mirror_sync.known_here():
            terminal.say(known)


def _tell_bucket(terminal: Terminal, bucket: BucketStatus) -> None:
    at = f" at {bucket.endpoint}" if bucket.endpoint else ""
    terminal.say(f"{bucket.url}{at}: {bucket.health}")
    if bucket.problem:
        terminal.fact("problem", bucket.problem)
    terminal.fact("there", f"{bucket.objects} packages, {bucket.bytes / _MEBIBYTE:.1f} MiB")
    terminal.fact("here", f"{bucket.here} packages, {bucket.here_bytes / _MEBIBYTE:.1f} MiB")
    rate = f", {bucket.rate / _MEBIBYTE:.1f} MiB/s" if bucket.rate else ""
    terminal.fact("waiting", f"{bucket.waiting} packages, {bucket.waiting_bytes / _MEBIBYTE:.1f} MiB{rate}")
