"""What the dashboard needs of the world; tests give it another one."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mfenv_tui.daemon import AskWheels, Follow, daemon_info, follow, history, restart, start, wheels
from mfenvd.client.export import Export, export
from mfenvd.domain.event import DaemonInfo
from mfenvd.domain.history import History


@dataclass(frozen=True)
class Outside:
    """The daemon and this process's surroundings.

    Attributes:
        socket: Where the daemon answers.
        follow: Tells what the daemon tells.
        history: Tells what is known of a verdict besides itself.
        info: Tells how the daemon's process is now.
        wheels: Tells which wheels of a package the indexes of a project have, or which builds its conda channels.
        start: Starts the daemon; blocks until it answers.
        restart: Starts it in the place of the one that runs.
        environ: For the editor.
        clock: Seconds since the epoch.
        settings_file: Where the user's settings are kept; None keeps none.
        unchangeable: Why nothing outside of the dashboard may be changed; None when it may.
        export: Writes an environment to a file; blocks.
    """

    socket: Path
    follow: Follow = follow
    history: Callable[[Path, str], Awaitable[History]] = history
    info: Callable[[Path], Awaitable[DaemonInfo]] = daemon_info
    wheels: AskWheels = wheels
    start: Callable[[Path], None] = start
    restart: Callable[[Path], None] = restart
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    clock: Callable[[], float] = time.time
    settings_file: Path | None = None
    unchangeable: str | None = None
    export: Callable[[Export], str] = export
