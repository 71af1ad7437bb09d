"""What every tab and screen looks like in every size, in colours and without colours in ASCII, and what it says.

One dashboard per size and look is led through all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from mfenv_tui.app import Dashboard
from mfenv_tui.widgets.tabs import TITLES
from mfenvd.client.errors import ClientError
from mfenvd.domain.availability import Availability
from mfenvd.domain.event import DaemonInfo, ResolveProgress
from mfenvd.domain.history import History
from mfenvd.domain.resolver import Progress
from mfenvd.domain.state import State
from mfenvd.domain.words import Tone
from tests.support import samples
from tests.tui import detail_samples, screen_samples
from tests.tui.support import at_rest, dashboard, of_status, press, shows, text_of, until

SIZES = ((60, 20), (80, 24), (140, 45))


class Look(NamedTuple):
    """How a dashboard is looked at; `plain` is NO_COLOR and --ascii."""

    size: tuple[int, int]
    plain: bool


LOOKS = {
    f"{'no-color-ascii-' if plain else ''}{width}x{height}": Look((width, height), plain)
    for plain in (False, True)
    for width, height in SIZES
}

Picture = Callable[[str], SnapshotAssertion]


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Look:
    chosen = LOOKS[request.param]
    if chosen.plain:
        monkeypatch.setenv("NO_COLOR", "1")
    return chosen


@pytest.fixture(autouse=True)
def greenwich(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clock times are the user's own."""
    monkeypatch.setattr(time, "localtime", time.gmtime)


class Camera:
    """Compares what is on the screen of a dashboard with the picture of that name."""

    def __init__(self, app: Dashboard, pilot: Pilot[None], look: Look, snapshot: SnapshotAssertion) -> None:
        self._app = app
        self._pilot = pilot
        self._look = look
        self._pictures = snapshot.use_extension(SVGImageExtension)
        self._different: list[str] = []

    async def take(self, name: str, *says: str) -> None:
        """Once `says` is on the screen and nothing moves any more."""
        for text in says:
            await shows(self._pilot, _in_ascii(text) if self._look.plain else text, limit=30)
        await at_rest(self._app)
        assert not self._look.plain or text_of(self._app).isascii()
        if self._app.export_screenshot() != self._pictures(name=name):
            self._different.append(name)

    def assert_nothing_differs(self) -> None:
        assert not self._different, f"look at them, then --snapshot-update: {self._different}"


def _in_ascii(text: str) -> str:
    for sign, stand_in in (("→", "->"), ("✗", "x"), ("✓", "+"), ("·", "-"), ("●", "*"), ("◌", "~")):
        text = text.replace(sign, stand_in)
    return text


async def test_the_table_and_what_it_leads_to(project: Path, snapshot: SnapshotAssertion, look: Look) -> None:
    status = samples.status(project)
    busy = tuple(verdict.id for verdict in status.verdicts if verdict.state is State.RESOLVING)
    progress = ResolveProgress(status.seq + 1, busy, Progress("reading metadata", 12, 60))
    app = dashboard(of_status(status, progress), ascii_only=look.plain, unchangeable="Only looking.")
    async with app.run_test(size=look.size, notifications=True) as pilot:
        camera = Camera(app, pilot, look, snapshot)
        await camera.take("matrix", "TrainFlow", "12/60")
        tones = [[cell.tone for cell in app.matrix.rows[key].cells.values()] for key in app.matrix.order]
        assert (tones[0], tones[-1]) == ([Tone.BAD, Tone.UNKNOWN], [Tone.GOOD] * 3)
        await press(pilot, "down", "right", "right", "tab")
        gap = "torch 2.6.0 has no wheel for osx-64."
        await camera.take(
            "findings", gap, "TrainFlow · evaluate, train · osx-64", 'train.py:11  @pypi(packages={"torch"'
        )
        await press(pilot, "enter")
        await camera.take("details", "archs in mfenv.toml")
        await press(pilot, "escape", "question_mark")
        await camera.take("help", "Copy what to type")
        await press(pilot, "escape", "escape", "slash", *"score")
        await camera.take("filter", "2 of 6", "ScoreFlow")
        await press(pilot, "escape", "ctrl+p", *"sort")
        await camera.take("palette", "Sort: by name")
        await press(pilot, "escape")
        await until(pilot, lambda: len(app.screen_stack) == 1, "back at the table")
        await press(pilot, "r")
        await camera.take("read-only", "Only looking.")
    camera.assert_nothing_differs()


async def test_the_screens_beside_the_table(project: Path, snapshot: SnapshotAssertion, look: Look) -> None:
    status = screen_samples.status_of_ana(project)

    async def info(_socket: Path) -> DaemonInfo:
        return status.daemon

    async def wheels(socket: Path, package: str, root: str, limit: int, *, conda: bool) -> Availability:
        if package == "nunpy":
            raise ClientError("No index has a package named nunpy.", "Look for a typing error.")
        return await screen_samples.wheels(socket, package, root, limit, conda=conda)

    app = dashboard(of_status(status), info=info, wheels=wheels, ascii_only=look.plain)
    async with app.run_test(size=look.size) as pilot:
        camera = Camera(app, pilot, look, snapshot)
        await shows(pilot, "TrainFlow")
        await press(pilot, "down", "right", "w")
        await camera.take("wheels", "✗ none", "1.26.4", "✓ 3.13 glibc 2.27", "2 of 43 versions")
        await press(pilot, "c")
        await camera.take("conda", "Conda packages", "✓ 3.12 glibc 2.17, CUDA", "✓ any")
        await press(pilot, "slash", *"nunpy", "enter")
        await camera.take("no-wheels", "No index has a package named nunpy.")
        await press(pilot, "escape", "d")
        await camera.take("daemon", "pid 4242 · up 3 min · 57 MiB", "3 workers · 1 running · 2 queued", "not trusted")
        await press(pilot, "escape", "m")
        await camera.take(
            "mirror", "s3://research/conda", "✗ unreachable · 3 min ago", "12 packages · 40.0 MiB · 5.5 MiB/s"
        )
        await press(pilot, "escape", "ctrl+end", "right", "e")
        await camera.take("export", "/home/ana/team-flows/TrainFlow-start-pylock.toml")
    camera.assert_nothing_differs()


SAYS = {
    "Findings": ("MFE304", "fix", "pyarrow==17.0.0"),
    "Packages": ("package", "pandas", "2.2.3"),
    "Gaps": ("for all archs: 17.0.0", "Python, macOS"),
    "GLIBC": ("GLIBC 2.26", "decides", "pyarrow 21.0.0", "2.28"),
    "Drift": ("2 packages differ", "2.2.6", "2.3.1"),
    "Diff": ("Since the resolution of 2 h ago", "attrs", "18.0.0 → 17.0.0"),
    "Why": ("pandas 2.2.3", "python-dateutil 2.9.0", "six 1.17.0"),
    "Log": ("17:20:01", "reading metadata 60/60"),
}


async def test_the_tabs_of_the_detail(project: Path, snapshot: SnapshotAssertion, look: Look) -> None:
    async def history(_socket: Path, id_: str) -> History:
        return detail_samples.history(project, id_)

    app = dashboard(of_status(detail_samples.status(project)), history=history, ascii_only=look.plain)
    async with app.run_test(size=look.size) as pilot:
        camera = Camera(app, pilot, look, snapshot)
        await shows(pilot, "TrainFlow")
        await press(pilot, "right")
        for number, title in enumerate(TITLES, 1):
            await press(pilot, str(number))
            await until(pilot, lambda title=title: title == app._pane.active.TITLE, title)  # type: ignore[misc]
            if number == 2 and look.size[0] < 100:
                await press(pilot, "enter")  # it has the screen for itself from now on
            await until(pilot, lambda: not app._pane.active.ASKS or app._pane.knows_history, "answered")
            await camera.take(title.lower(), *SAYS[title])
    camera.assert_nothing_differs()
