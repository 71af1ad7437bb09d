"""A table larger than the screen: the cursor is always in sight, header and names stay where they are."""

from __future__ import annotations

from collections.abc import Sequence

from textual.events import MouseScrollDown

from mfenv_tui.app import Dashboard
from mfenv_tui.widgets.matrix_table import MatrixTable
from mfenvd.domain.arch import Arch
from mfenvd.domain.event import DaemonInfo, ProjectInfo, Status, VerdictChanged
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.domain.verdict import Verdict
from tests.tui.support import dashboard, of_status, press, shows, text_of, until

SMALL = (60, 20)


def verdict(row: int, arch: Arch, state: State, findings: Sequence[Finding] = ()) -> Verdict:
    step = f"step_{row:03}"
    return Verdict(
        "/flows/big.py", "BigFlow", step, f"{row:012}", Target(arch, "3.11"), (), state, findings=tuple(findings)
    )


def status(rows: int, archs: Sequence[Arch]) -> Status:
    told = tuple(verdict(row, arch, State.RESOLVED) for row in range(rows) for arch in archs)
    return Status(DaemonInfo(1, "0.1.0", "", 0.0), (ProjectInfo("/flows", trusted=False, cwd="/flows"),), told, seq=1)


def line_with(app: Dashboard, text: str) -> str:
    return next(line for line in text_of(app).splitlines() if text in line)


async def test_the_cursor_is_scrolled_into_sight_below_the_header() -> None:
    app = dashboard(of_status(status(200, tuple(Arch)[:2])))
    async with app.run_test(size=SMALL) as pilot:
        await shows(pilot, "step_000")
        await press(pilot, "ctrl+end")
        await shows(pilot, "step_199")
        assert "step_000" not in text_of(app)
        assert "linux-64" in line_with(app, "environment")
        await press(pilot, "pageup", "pageup")
        await until(pilot, lambda: "step_199" not in text_of(app).split("BigFlow · step_1", 1)[0], "moved")
        selection = app.query_one(MatrixTable).selection
        assert selection is not None
        await shows(pilot, selection.row.names[0])
        await press(pilot, "ctrl+home")
        await shows(pilot, "step_000")


async def test_archs_that_do_not_fit_scroll_sideways_beside_the_names() -> None:
    app = dashboard(of_status(status(3, tuple(Arch))))
    async with app.run_test(size=SMALL) as pilot:
        await shows(pilot, "step_000")
        assert "win-64" not in text_of(app)
        await press(pilot, "end")
        await shows(pilot, "win-64")
        assert "BigFlow · step_000" in line_with(app, "resolved")
        assert "linux-64" not in line_with(app, "environment")
        await press(pilot, "home")
        await shows(pilot, "linux-64")


async def test_who_has_scrolled_away_is_not_called_back_by_events() -> None:
    app = dashboard(of_status(status(200, tuple(Arch)[:2])))
    async with app.run_test(size=SMALL) as pilot:
        await shows(pilot, "step_000")
        table = app.query_one(MatrixTable)
        await until(pilot, lambda: table.show_vertical_scrollbar, "laid out")
        table.scroll_to(y=100, animate=False, immediate=True)
        await shows(pilot, "step_100")
        broken = Finding("MFE302", Severity.ERROR, "torch has no wheel.")
        event = VerdictChanged(2, verdict(150, Arch.LINUX_64, State.BLOCKED, (broken,)))
        app.matrix.note(app.view.apply(event))
        app._pace.request()
        await shows(pilot, "✗ 1")
        assert round(table.scroll_y) == 100


async def test_the_wheel_scrolls_without_moving_the_cursor() -> None:
    app = dashboard(of_status(status(200, tuple(Arch)[:2])))
    async with app.run_test(size=SMALL) as pilot:
        await shows(pilot, "step_000")
        table = app.query_one(MatrixTable)

        def scrolled() -> bool:
            """Turns the wheel a little further each time: what comes before the table knows its height is lost."""
            table.post_message(MouseScrollDown(table, 5, 5, 0, 0, 0, shift=False, meta=False, ctrl=False))
            return table.scroll_y > 4

        await until(pilot, scrolled, "scrolled")
        assert table.selection is not None
        assert table.selection.row.names == ("step_000",)


async def test_a_resize_keeps_the_cursor_and_turns_the_layout() -> None:
    app = dashboard(of_status(status(40, tuple(Arch)[:3])))
    async with app.run_test(size=SMALL) as pilot:
        await shows(pilot, "step_000")
        await press(pilot, "down", "down", "right")
        await pilot.resize_terminal(140, 45)
        await until(pilot, lambda: "│" in text_of(app), "side by side")
        assert "BigFlow · step_002 · linux-64" in text_of(app)
        await pilot.resize_terminal(*SMALL)
        await until(pilot, lambda: "│" not in text_of(app), "below each other")
        assert "BigFlow · step_002 · linux-64" in text_of(app)
        await pilot.resize_terminal(20, 6)  # too small for anything, and still no failure
        await pilot.pause(0.1)
        await pilot.resize_terminal(*SMALL)
        await shows(pilot, "BigFlow · step_002 · linux-64")
