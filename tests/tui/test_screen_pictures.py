"""What every tab and screen looks like in every size, with and without NO_COLOR and `--ascii`, and what it says.

One dashboard per size and look is led through all of them.
"""

from __future__ import annotations

from pathlib import Path

from syrupy.assertion import SnapshotAssertion

from mfenv_tui.widgets.tabs import TITLES
from mfenvd.client.errors import ClientError
from mfenvd.domain.availability import Availability
from mfenvd.domain.event import DaemonInfo
from mfenvd.domain.history import History
from mfenvd.domain.words import Tone
from tests.tui import detail_samples, screen_samples
from tests.tui.camera import Camera, Look
from tests.tui.support import dashboard, half_way, of_status, press, shows, until


async def test_the_table_and_what_it_leads_to(project: Path, snapshot: SnapshotAssertion, look: Look) -> None:
    app = dashboard(half_way(project), ascii_only=look.ascii_only, unchangeable="Only looking.")
    async with app.run_test(size=look.size, notifications=True) as pilot:
        camera = Camera(pilot, look, snapshot)
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

    app = dashboard(of_status(status), info=info, wheels=wheels, ascii_only=look.ascii_only)
    async with app.run_test(size=look.size) as pilot:
        camera = Camera(pilot, look, snapshot)
        await shows(pilot, "TrainFlow")
        await press(pilot, "down", "right", "w")
        await camera.take("wheels", "✗ none", "1.26.4", "✓ 3.13 glibc 2.27", "2 of 43 versions")
        await press(pilot, "f2")
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

    app = dashboard(of_status(detail_samples.status(project)), history=history, ascii_only=look.ascii_only)
    async with app.run_test(size=look.size) as pilot:
        camera = Camera(pilot, look, snapshot)
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
