"""Verdicts for commands that look at what is resolved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfenvd.domain.verdict import Verdict


def verdicts_at(paths: Sequence[Path], *, quiet: bool) -> Sequence[Verdict]:
    """Of everything at or below `paths`: from the daemon when it watches all of them, else checked now."""
    from mfenvd.cli import oneshot
    from mfenvd.cli.progress import board
    from mfenvd.cli.terminal import this_terminal
    from mfenvd.client.connection import Connection
    from mfenvd.client.errors import DaemonNotRunningError
    from mfenvd.client.view import holds
    from mfenvd.paths import find_paths

    folders = find_paths()
    wanted = [str(path.resolve()) for path in paths]
    try:
        status = Connection(folders.socket).status()
    except DaemonNotRunningError:
        status = None
    if status and all(any(holds(project.root, path) for project in status.projects) for path in wanted):
        return [verdict for verdict in status.verdicts if any(holds(path, verdict.source) for path in wanted)]
    with board(this_terminal(), quiet=quiet) as shown:
        return oneshot.check(paths, folders, shown).verdicts
