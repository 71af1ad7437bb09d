"""The pictures of the documentation, from what a daemon told and a clock that stands still.

    python -m tests.tui.pictures docs/pictures

Writes an SVG for the matrix, for each tab of the detail and for the screens beside them. They ask no host for fonts,
and name nothing of the machine that they are made on. `tests/tui/test_documentation.py` says when they are due again.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from textual.widgets import DataTable

from mfenv_tui.app import Dashboard
from mfenvd.client.errors import DaemonNotRunningError
from mfenvd.domain.event import DaemonInfo, Status
from mfenvd.domain.history import History
from tests.support import samples
from tests.tui import detail_samples, screen_samples
from tests.tui.support import NOWHERE, at_rest, dashboard, half_way, of_status, press, recording, shows, until

WHOLE, PART = (132, 26), (100, 24)
"""Columns and lines, of the table with the detail beside it and of what has the screen for itself."""

TABS = ("findings", "packages", "gaps", "glibc", "drift", "diff", "why", "log")
"""In the order of their keys."""

_FROM_ELSEWHERE = re.compile(r"@font-face \{.*?\}\s*|<!--.*?-->", re.DOTALL)
_BLANK, _LETTER = "&#160;", 12.2
_BLANKS_FIRST = re.compile(
    r'x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" textLength="(?P<length>[\d.]+)"(?P<more>[^>]*)>(?P<blanks>(&#160;)+)'
)
_FONT, _FONTS = "Fira Code", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono"


def svg_of(app: Dashboard) -> str:
    """What is on the screen, in a font of whoever looks at it."""
    drawn = _FROM_ELSEWHERE.sub("", app.export_screenshot()).replace(_FONT, _FONTS)
    drawn = _BLANKS_FIRST.sub(_moved, drawn)
    return "".join(f"{line.rstrip()}\n" for line in drawn.splitlines() if line.strip())


def _moved(text: re.Match[str]) -> str:
    """The same text without the blanks that it begins with, which some programs would swallow."""
    blanks = len(text["blanks"]) // len(_BLANK) * _LETTER
    x, length = float(text["x"]) + blanks, float(text["length"]) - blanks
    return f'x="{x:.1f}" y="{text["y"]}" textLength="{length:.1f}"{text["more"]}>'


async def all_pictures() -> dict[str, str]:
    """Each SVG by its name."""
    with tempfile.TemporaryDirectory(prefix="mf") as folder, _undisturbed():
        project = Path(folder, "team-flows")
        samples.write_sample_project(project)
        alone = {"matrix": await _matrix(project), "no-daemon": await _without_daemon()}
        return {**alone, **await _tabs(project), **await _screens(project)}


async def _matrix(project: Path) -> str:
    app = dashboard(half_way(project))
    async with app.run_test(size=WHOLE) as pilot:
        await shows(pilot, "12/60")
        await press(pilot, "down", "right", "right")
        await shows(pilot, "torch 2.6.0 has no wheel for osx-64.")
        return await _taken(app)


async def _without_daemon() -> str:
    app = dashboard(recording(DaemonNotRunningError(NOWHERE)))
    async with app.run_test(size=PART) as pilot:
        await shows(pilot, "Press s to start it")
        return await _taken(app)


async def _tabs(project: Path) -> dict[str, str]:
    async def history(_socket: Path, id_: str) -> History:
        return detail_samples.history(project, id_)

    app = dashboard(of_status(detail_samples.status(project)), history=history)
    made = {}
    async with app.run_test(size=PART) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "right", "2", "enter")  # it has the screen for itself now
        await until(pilot, lambda: app._pane.knows_history, "answered")
        for key, name in enumerate(TABS, 1):
            await press(pilot, str(key))
            await until(pilot, lambda name=name: app._pane.active.id == name, name)  # type: ignore[misc]
            made[name] = await _taken(app)
    return made


async def _screens(project: Path) -> dict[str, str]:
    status: Status = screen_samples.status_of_ana(project)

    async def info(_socket: Path) -> DaemonInfo:
        return status.daemon

    app = dashboard(of_status(status), info=info, wheels=screen_samples.wheels)
    made = {}
    async with app.run_test(size=PART) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "down", "right")
        for name, key, says in (
            ("wheels", "w", "3.13 glibc 2.27"),
            ("daemon", "d", "pid 4242"),
            ("mirror", "m", "unreachable"),
            ("help", "question_mark", "Copy what to type"),
        ):
            await press(pilot, key)
            await shows(pilot, says)
            if name == "wheels":
                await until(pilot, lambda: isinstance(app.focused, DataTable), "the table has the keys")
            made[name] = await _taken(app)
            await press(pilot, *["escape"] * (2 if name == "wheels" else 1))
            await until(pilot, lambda: len(app.screen_stack) == 1, "back at the table")
    return made


async def _taken(app: Dashboard) -> str:
    await at_rest(app)
    return svg_of(app)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Times are Greenwich's, and nothing is as this terminal wants it."""
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
    with patch.dict(os.environ, kept, clear=True), patch.object(time, "localtime", time.gmtime):
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in asyncio.run(all_pictures()).items():
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
