"""Every key of the detail does what it says, and says why when it cannot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from textual.widgets import DataTable, Input, Tree

from mfenv_tui.app import Dashboard
from mfenv_tui.widgets.matrix_table import MatrixTable
from mfenv_tui.widgets.packages_tab import PackagesTab, PackageTable
from mfenv_tui.widgets.tab import Tab
from mfenv_tui.widgets.tabs import TITLES
from mfenv_tui.widgets.why_tab import PackageTree
from mfenvd.client.errors import DaemonNotRunningError
from mfenvd.domain.event import Snapshot, VerdictChanged
from mfenvd.domain.history import History, Stage
from mfenvd.domain.state import State
from tests.support.fake_daemon import running_fake_daemon
from tests.tui import detail_samples
from tests.tui.support import NOWHERE, dashboard, of_status, press, shows, text_of, until

WIDE = (140, 45)
NARROW = (80, 24)


class Teller:
    """Answers as the daemon does, and notes what it was asked."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []
        self.fails = False

    async def __call__(self, _socket: Path, id_: str) -> History:
        self.asked.append(id_)
        if self.fails:
            raise DaemonNotRunningError(NOWHERE)
        return detail_samples.history(self.root, id_)


@pytest.fixture
def teller(project: Path) -> Teller:
    return Teller(project)


@pytest.fixture
def app(project: Path, teller: Teller) -> Dashboard:
    return dashboard(of_status(detail_samples.status(project)), history=teller)


def toast(app: Dashboard) -> str:
    return next((notification.message for notification in reversed(list(app._notifications))), "")


async def test_numbers_and_brackets_turn_the_tabs_and_keys_stay_where_they_are(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        for number, title in enumerate(TITLES, 1):
            await press(pilot, str(number))
            await until(pilot, lambda title=title: title == app._pane.active.TITLE, title)  # type: ignore[misc]
            assert [tab for tab in app._pane.query(Tab) if tab.display] == [app._pane.active]
        await press(pilot, "right_square_bracket")
        assert app._pane.active.id == "findings"
        await press(pilot, "left_square_bracket")
        assert app._pane.active.id == "log"
        assert isinstance(app.focused, MatrixTable)
        await press(pilot, "2", "right", "tab", "3")
        assert app.focused is app._pane.active.entry


async def test_a_click_on_a_name_turns_to_its_tab(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        lines = text_of(app).splitlines()
        y = next(index for index, line in enumerate(lines) if "[Findings]" in line)
        await pilot.click(offset=(lines[y].index("Drift"), y))
        await shows(pilot, "[Drift]")
        assert app._pane.active.id == "drift"


async def test_enter_gives_the_tab_all_the_room_and_escape_takes_it_back(app: Dashboard) -> None:
    async with app.run_test(size=NARROW) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "right", "4", "enter")
        await until(pilot, lambda: "environment" not in text_of(app), "zoomed")
        assert app.focused is app._pane.active.entry
        await press(pilot, "escape")
        await shows(pilot, "environment")
        assert isinstance(app.focused, MatrixTable)


async def test_the_daemon_is_asked_once_per_cell_and_only_by_tabs_that_need_it(app: Dashboard, teller: Teller) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "right", "3", "4", "5")
        assert teller.asked == []
        await press(pilot, "6")
        await shows(pilot, "Since the resolution of 2 h ago")
        await press(pilot, "8", "6", "2")
        tab = app.query_one(PackagesTab)
        await until(pilot, lambda: any("cache" in row.cells[4] for row in tab._rows or ()), "where the files are")
        assert len(teller.asked) == 1
        await press(pilot, "right", "6")
        await until(pilot, lambda: len(teller.asked) == 2, "asked about the next cell")
        assert teller.asked[0].endswith("linux-64")
        assert teller.asked[1].endswith("osx-64")


async def test_a_daemon_that_does_not_answer_is_said_in_place_and_asked_again(app: Dashboard, teller: Teller) -> None:
    teller.fails = True
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "right", "8")
        await shows(pilot, "mfenvd is not running")
        teller.fails = False
        await press(pilot, "6")
        await shows(pilot, "Since the resolution of")


async def test_the_real_call_asks_for_the_history(project: Path, socket: Path) -> None:
    status = detail_samples.status(project)
    with running_fake_daemon(socket, status) as daemon:
        app = dashboard(of_status(status), socket=socket)
        async with app.run_test(size=WIDE) as pilot:
            await shows(pilot, "TrainFlow")
            await press(pilot, "right", "8")
            await until(pilot, lambda: any("/v1/history" in path for _, path, _ in daemon.received), "asked")


async def test_packages_are_sorted_filtered_and_lead_to_why(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "right", "2", "tab")
        tab = app.query_one(PackagesTab)
        assert isinstance(app.focused, PackageTable)
        assert tab.names == ("pandas", "pyarrow", "numpy", "python-dateutil", "six", "zlib")
        await press(pilot, "S")
        assert tab.names == ("numpy", "pandas", "pyarrow", "python-dateutil", "six", "zlib")
        await press(pilot, "S")
        assert tab.names[:3] == ("pyarrow", "numpy", "pandas")
        await press(pilot, "S", "S")
        assert tab.names[0] == "pandas"
        await press(pilot, "slash", *"pydt")
        await until(pilot, lambda: tab.names == ("python-dateutil",), "fuzzily found")
        await press(pilot, "enter")
        assert isinstance(app.focused, DataTable)
        await press(pilot, "enter")
        assert app._pane.active.id == "why"
        tree = app.query_one(PackageTree)
        await until(pilot, lambda: bool(tree.cursor_node and tree.cursor_node.data == "python-dateutil"), "there")
        await shows(pilot, "pandas \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} python-dateutil")


async def test_escape_ends_the_filter_first(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "right", "2", "tab", "slash", *"zlib")
        tab = app.query_one(PackagesTab)
        await until(pilot, lambda: tab.names == ("zlib",), "found")
        assert isinstance(app.focused, Input)
        await press(pilot, "escape")
        await until(pilot, lambda: len(tab.names) == 6, "all")
        await press(pilot, "escape")
        assert isinstance(app.focused, MatrixTable)


async def test_the_tree_opens_and_closes_by_keys(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "right", "7", "tab")
        tree = app.query_one(PackageTree)
        assert isinstance(app.focused, Tree)
        await press(pilot, "home", "h")
        assert "python-dateutil" not in text_of(app)
        await press(pilot, "l", "j")
        assert tree.cursor_node is not None
        assert tree.cursor_node.data == "numpy"
        await press(pilot, "h")
        assert tree.cursor_node.data == "pandas"


async def test_the_log_follows_the_work(project: Path) -> None:
    told = [Stage(1.0, "queued")]

    async def tell(_socket: Path, id_: str) -> History:
        return History(id_, stages=tuple(told))

    status = detail_samples.status(project)
    app = dashboard(of_status(status), history=tell)
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "right", "8")
        await shows(pilot, "queued")
        told.append(Stage(2.0, "linking", 3, 9))
        verdict = msgspec.structs.replace(status.verdicts[0], settled=None)
        app.matrix.note(app.view.apply(VerdictChanged(status.seq + 1, verdict)))
        app._redraw()
        await shows(pilot, "linking 3/9")


async def test_which_package_decides_the_glibc_is_said_of_a_resolution_alone(project: Path) -> None:
    status = detail_samples.status(project)
    held_back = status.verdicts[0]
    blocked = msgspec.structs.replace(held_back, state=State.BLOCKED, packages=())
    app = dashboard(of_status(msgspec.structs.replace(status, verdicts=(held_back,))))
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "right", "4")
        await shows(pilot, "decides")
        app.matrix.note(app.view.apply(VerdictChanged(status.seq + 1, blocked)))
        app._redraw()
        await until(pilot, lambda: "decides" not in text_of(app), "nothing decides")
        assert "pyarrow 21.0.0" in text_of(app)


async def test_tabs_say_why_they_are_empty(app: Dashboard, project: Path) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        for key in ("2", "6", "7", "8"):
            await press(pilot, key)
            await shows(pilot, "Select an architecture")
        await press(pilot, "4")
        await shows(pilot, "linux-64")
        await press(pilot, "right", "right", "4")
        await shows(pilot, "osx-64 has no GLIBC")
        await press(pilot, "2")
        await shows(pilot, "not resolved")
        status = detail_samples.status(project)
        alone = msgspec.structs.replace(status, verdicts=status.verdicts[1:2], seq=status.seq + 1)
        app.matrix.note(app.view.apply(Snapshot(alone.seq, alone)))
        app._redraw()
        await press(pilot, "home", "3")
        await shows(pilot, "No gaps")
        await press(pilot, "4")
        await shows(pilot, "No Linux target")
        await press(pilot, "5")
        await shows(pilot, "nothing to compare")


async def test_f_applies_the_fix_and_u_takes_it_back(app: Dashboard, project: Path) -> None:
    train = project / "train.py"
    before = train.read_text()
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "u")
        await until(pilot, lambda: "Nothing to undo" in toast(app), "a reason")
        await press(pilot, "right", "f")
        await until(pilot, lambda: "Press u to undo" in toast(app), "applied")
        assert train.read_text() == before.replace('"pyarrow": ""', '"pyarrow": "17.0.0"')
        await press(pilot, "f")
        await until(pilot, lambda: "already" in toast(app), "a reason")
        await press(pilot, "u")
        await until(pilot, lambda: "what it was before" in toast(app), "undone")
        assert train.read_text() == before
        await press(pilot, "right", "right", "f")
        await until(pilot, lambda: "no findings" in toast(app), "a reason")


async def test_where_nothing_may_be_changed_f_says_so(project: Path, teller: Callable[..., Awaitable[History]]) -> None:
    app = dashboard(of_status(detail_samples.status(project)), history=teller, unchangeable="This is a replay.")
    before = (project / "train.py").read_text()
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "right", "f")
        await until(pilot, lambda: "This is a replay." in toast(app), "a reason")
    assert (project / "train.py").read_text() == before
