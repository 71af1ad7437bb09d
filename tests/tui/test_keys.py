"""Every key does what the footer and the help say, and says why when it cannot."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.widget import Widget

from mfenv_tui import editing
from mfenv_tui.actions import ACTIONS
from mfenv_tui.app import Dashboard
from mfenv_tui.matrix import Patch
from mfenv_tui.widgets.detail_screen import DetailScreen
from mfenv_tui.widgets.findings_tab import FindingList
from mfenv_tui.widgets.help_screen import HelpScreen
from mfenv_tui.widgets.matrix_table import MatrixTable
from mfenvd.client.errors import (
    ClientError,
    DaemonNotRunningError,
    DaemonUnresponsiveError,
    OtherProtocolError,
    StartFailedError,
)
from mfenvd.domain.arch import Arch
from mfenvd.domain.event import ResolveProgress, VerdictChanged
from mfenvd.domain.resolver import Progress
from mfenvd.domain.state import State
from tests.support import samples
from tests.support.fake_daemon import running_fake_daemon
from tests.tui.support import NOWHERE, dashboard, of_status, press, recording, shows, text_of, until

WIDE = (140, 45)


@pytest.fixture
def app(project: Path) -> Dashboard:
    return dashboard(of_status(samples.status(project)))


def table(app: Dashboard) -> MatrixTable:
    return app.query_one(MatrixTable)


def selected(app: Dashboard) -> tuple[str, Arch | None]:
    selection = table(app).selection
    assert selection is not None
    return f"{selection.row.flow}.{'+'.join(selection.row.names)}", selection.arch


def focused(app: Dashboard) -> type[Widget]:
    return type(app.focused) if app.focused else Widget


def toast(app: Dashboard) -> str:
    """The newest message in the corner."""
    messages = [notification.message for notification in app._notifications]
    return messages[-1] if messages else ""


async def test_arrows_and_letters_move_from_cell_to_cell_and_stop_at_the_edges(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        assert selected(app) == ("ScoreFlow.start", None)
        await press(pilot, "down", "right")
        assert selected(app) == ("TrainFlow.evaluate+train", Arch.LINUX_64)
        await press(pilot, "j", "l", "k", "h", "l")
        assert selected(app) == ("TrainFlow.evaluate+train", Arch.OSX_64)
        await press(pilot, "end", "ctrl+end", "down", "right")
        assert selected(app) == ("TrainFlow.start", Arch.OSX_ARM64)
        await press(pilot, "home", "ctrl+home", "up", "left")
        assert selected(app) == ("ScoreFlow.start", None)
        await press(pilot, "pagedown")
        assert selected(app) == ("TrainFlow.start", None)
        await press(pilot, "pageup")
        assert selected(app) == ("ScoreFlow.start", None)


async def test_the_findings_follow_the_cursor(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "Cannot resolve environment across")
        await press(pilot, "down", "right")
        await shows(pilot, "numpy 2.4.6 needs GLIBC 2.27")
        await press(pilot, "down")
        await shows(pilot, "`WANTED` cannot be known")
        await press(pilot, "right")
        await shows(pilot, "Not a target")
        await press(pilot, "ctrl+end")
        await shows(pilot, "requests 2.32.3")


async def test_a_click_selects_a_cell_and_a_second_one_opens_it(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        lines = text_of(app).splitlines()
        y = next(index for index, line in enumerate(lines) if "wheel gap" in line)
        at = (lines[y].index("wheel gap"), y)
        await pilot.click(offset=at)
        assert selected(app) == ("TrainFlow.evaluate+train", Arch.OSX_64)
        assert not isinstance(app.screen, DetailScreen)
        await pilot.click(offset=at)
        await shows(pilot, "manylinux1_x86_64.whl")
        assert isinstance(app.screen, DetailScreen)


async def test_y_copies_what_to_type(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "down", "right", "right", "y")
        await until(pilot, lambda: app.clipboard == "torch==2.2.2", "the pin")
        assert toast(app) == "Copied: torch==2.2.2"


async def test_y_copies_the_whole_fix_where_it_is_no_single_thing_to_type(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "y")
        await until(pilot, lambda: bool(app.clipboard), "a copy")
        assert app.clipboard == "Ask for a version that has a wheel, or build one and put it on your index."


async def test_y_says_why_there_is_nothing_to_copy(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "ctrl+end", "y")
        await until(pilot, lambda: "no findings" in toast(app), "a reason")
        await press(pilot, "up", "up", "y")
        await until(pilot, lambda: "MFE315 has no fix" in toast(app), "a reason")
        assert not app.clipboard


async def test_tab_leads_to_the_findings_and_y_takes_the_highlighted_one(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "tab", "down", "y")
        await until(pilot, lambda: "run `mfenv up`" in toast(app) or app.clipboard == "mfenv up", "the second fix")
        assert focused(app) is FindingList
        await press(pilot, "escape")
        assert focused(app) is MatrixTable


async def test_enter_opens_the_details_left_and_right_turn_pages_and_escape_leads_back(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "tab", "enter")
        await shows(pilot, "finding 1 of 2")
        assert "MFE301" in text_of(app)
        await press(pilot, "right")
        await shows(pilot, "finding 2 of 2")
        assert "MFE501" in text_of(app)
        await press(pilot, "right")
        await shows(pilot, "finding 1 of 2")
        await press(pilot, "y")
        assert app.clipboard.startswith("Ask for a version")
        await press(pilot, "escape")
        await shows(pilot, "osx-arm64")
        assert focused(app) is FindingList
        await press(pilot, "escape", "escape")
        assert focused(app) is MatrixTable


async def test_details_of_a_cell_that_is_well_show_its_packages(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "ctrl+end", "end", "enter")
        await until(pilot, lambda: isinstance(app.screen, DetailScreen), "details")
        await shows(pilot, "urllib3 2.5.0")


async def test_the_help_lists_every_action_and_any_usual_key_closes_it(app: Dashboard) -> None:
    async with app.run_test(size=(140, 80)) as pilot:
        await shows(pilot, "TrainFlow")
        for close in ("escape", "question_mark", "q", "enter"):
            await press(pilot, "question_mark")
            await shows(pilot, "Copy what to type")
            inside = (line.split("│")[1] for line in text_of(app).splitlines() if line.count("│") > 1)
            words = " ".join(" ".join(inside).split())
            assert all(action.help in words for action in ACTIONS)
            await press(pilot, close)
            await until(pilot, lambda: not isinstance(app.screen, HelpScreen), "closed")


async def test_the_command_palette_runs_any_action(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "ctrl+p")
        await shows(pilot, "Type a command")
        await press(pilot, *"copy")
        await shows(pilot, "Copy what to type")
        await press(pilot, "enter")
        await until(pilot, lambda: bool(app.clipboard), "copied")


async def test_o_opens_the_file_at_the_line_in_a_terminal_editor(project: Path, tmp_path: Path) -> None:
    editor, told = tmp_path / "vim", tmp_path / "told"
    editor.write_text(f'#!/bin/sh\necho "$@" > {told}\n', encoding="utf-8")
    editor.chmod(0o755)
    app = dashboard(of_status(samples.status(project)), environ={"EDITOR": str(editor)})
    lent: list[bool] = []

    @contextmanager
    def suspend() -> Iterator[None]:  # a terminal that is not there cannot be lent
        lent.append(True)
        with nullcontext():
            yield

    app.suspend = suspend  # type: ignore[method-assign]
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "down", "right", "o")
        await until(pilot, told.exists, "the editor ran")
    assert told.read_text(encoding="utf-8").split() == ["+11", str(project / "train.py")]
    assert lent == [True]


@pytest.fixture
def opened() -> Iterator[list[subprocess.Popen[bytes]]]:
    """The editors with a window, which the dashboard does not wait for."""
    yield editing._OPENED
    while editing._OPENED:
        editing._OPENED.pop().wait(30)


@pytest.mark.usefixtures("opened")
async def test_o_opens_an_editor_with_a_window_beside_the_dashboard(project: Path, tmp_path: Path) -> None:
    editor, told = tmp_path / "code", tmp_path / "told"
    editor.write_text(f'#!/bin/sh\necho "$@" > {told}\n', encoding="utf-8")
    editor.chmod(0o755)
    app = dashboard(of_status(samples.status(project)), environ={"EDITOR": f"{editor} --reuse-window"})
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "down", "right", "o")
        await until(pilot, lambda: told.exists() and bool(told.read_text(encoding="utf-8")), "the editor ran")
    assert told.read_text(encoding="utf-8").split() == ["--reuse-window", "--goto", f"{project / 'train.py'}:11:21"]


async def test_o_says_why_nothing_opens(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "o")
        await until(pilot, lambda: "set EDITOR" in toast(app), "a reason")


async def test_r_asks_the_daemon_to_resolve_what_is_selected(project: Path, socket: Path) -> None:
    status = samples.status(project)
    app = dashboard(socket=socket)
    with running_fake_daemon(socket, status) as daemon:
        async with app.run_test(size=WIDE) as pilot:
            await shows(pilot, "TrainFlow")
            await press(pilot, "down", "right", "r")
            await until(pilot, lambda: "queued" in toast(app), "an answer")
            await press(pilot, "home", "up", "r")
            await until(pilot, lambda: len(asked(daemon.received)) == 2, "a second call")
        cell, row = asked(daemon.received)
    linux = [v.id for v in status.verdicts if v.step in {"train", "evaluate"} and v.target.arch is Arch.LINUX_64]
    score = [v.id for v in status.verdicts if v.flow == "ScoreFlow" and v.step == "start"]
    assert cell == {"root": str(project), "ids": sorted(linux), "refresh": True}
    assert (row["root"], set(row["ids"])) == (str(project), set(score))


def asked(received: list[tuple[str, str, object]]) -> list[dict[str, Any]]:
    return [body for _, path, body in received if path == "/v1/resolve" and isinstance(body, dict)]


async def test_r_tells_what_the_daemon_refuses(project: Path, socket: Path) -> None:
    app = dashboard(socket=socket)
    with running_fake_daemon(socket, samples.status(project)) as daemon:
        daemon.refuse["/v1/resolve"] = (409, "The folder is gone.", "Run `mfenv up` again.")
        async with app.run_test(size=WIDE) as pilot:
            await shows(pilot, "TrainFlow")
            await press(pilot, "r")
            await until(pilot, lambda: toast(app) == "The folder is gone. Run `mfenv up` again.", "the refusal")


async def test_r_says_why_nothing_is_resolved(project: Path) -> None:
    status = samples.status(project)
    app = dashboard(of_status(status))
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "down", "down", "end", "r")
        await until(pilot, lambda: "not a target" in toast(app), "a reason")


async def test_s_starts_the_daemon_and_is_offered_only_when_there_is_none(project: Path, socket: Path) -> None:
    started: list[Path] = []
    app = dashboard(socket=socket, start=started.append)
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "s Start")
        await press(pilot, "s")
        await until(pilot, lambda: started == [socket], "started")
        with running_fake_daemon(socket, samples.status(project)):
            await shows(pilot, "TrainFlow")
            await until(pilot, lambda: "s Start" not in text_of(app), "no longer offered")
            await press(pilot, "s")
            await pilot.pause(0.1)
    assert started == [socket]


@pytest.mark.parametrize(
    "error", [OtherProtocolError("9.0.0", 7), DaemonUnresponsiveError(5.0)], ids=["other", "stuck"]
)
async def test_s_replaces_a_daemon_that_is_of_no_use(error: ClientError) -> None:
    restarted: list[Path] = []
    app = dashboard(recording(error), restart=restarted.append)
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "Press s to end it and start this version's.")
        await press(pilot, "s")
        await until(pilot, lambda: restarted == [NOWHERE], "replaced")


async def test_s_tells_why_the_daemon_does_not_start() -> None:
    def fail(_socket: Path) -> None:
        raise StartFailedError("the state folder is not writable")

    app = dashboard(recording(DaemonNotRunningError(NOWHERE)), start=fail)
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "Press s")
        await press(pilot, "s")
        await until(pilot, lambda: "the state folder is not writable" in toast(app), "the reason")
        await shows(pilot, "Press s")


async def test_ctrl_c_says_how_to_leave_and_what_is_told_last_is_told_alone(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "u")
        await until(pilot, lambda: "Nothing to undo" in toast(app), "a reason")
        await press(pilot, "ctrl+c")
        await until(pilot, lambda: "Press q to leave" in toast(app), "how to leave")
        assert len(app._notifications) == 1


async def test_q_leaves(app: Dashboard) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "q")
        await pilot.pause()
    assert app.return_code == 0


async def test_keys_about_rows_are_not_offered_while_there_are_none() -> None:
    app = dashboard(recording(DaemonNotRunningError(NOWHERE)))
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "Press s")
        await shows(pilot, "Quit")
        footer = text_of(app).splitlines()[-1]
        assert footer.split() == ["s", "Start", "?", "Help", "q", "Quit"]


async def test_the_cursor_stays_on_the_row_that_was_chosen_when_rows_move(project: Path) -> None:
    status = samples.status(project)
    app = dashboard(of_status(status))
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "down", "right")
        assert selected(app) == ("TrainFlow.evaluate+train", Arch.LINUX_64)
        mend(app, status.seq, {"train", "evaluate"})
        await until(pilot, lambda: app.matrix.order[-1].endswith("|evaluate"), "moved down")
        assert selected(app) == ("TrainFlow.evaluate+train", Arch.LINUX_64)


async def test_the_cursor_stays_on_top_when_nothing_was_chosen(project: Path) -> None:
    status = samples.status(project)
    app = dashboard(of_status(status))
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        assert selected(app)[0] == "ScoreFlow.start"
        mend(app, status.seq, {"start"})
        await until(pilot, lambda: selected(app)[0] == "TrainFlow.evaluate+train", "the next trouble is selected")


def mend(app: Dashboard, seq: int, steps: set[str]) -> None:
    """The environments of `steps` resolve now, everywhere."""
    for number, verdict in enumerate(list(app.view.verdicts.values())):
        if verdict.step in steps:
            told = msgspec.structs.replace(verdict, state=State.RESOLVED, findings=())
            app.matrix.note(app.view.apply(VerdictChanged(seq + 1 + number, told)))
    app._pace.request()


async def test_progress_is_shown_in_its_cells_without_moving_anything(project: Path) -> None:
    status = samples.status(project)
    app = dashboard(of_status(status))
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "◌ resolving")
        before = app.matrix.order
        busy = tuple(verdict.id for verdict in status.verdicts if verdict.state is State.RESOLVING)
        for done in (1, 59):
            event = ResolveProgress(status.seq + done, busy, Progress("reading metadata", done, 60))
            app.matrix.note(app.view.apply(event))
            app._pace.request()
            await shows(pilot, f"◌ resolving {done}/60")
        assert app.matrix.order == before


async def test_a_thousand_events_are_drawn_a_few_times(project: Path) -> None:
    status = samples.status(project)
    busy = tuple(verdict.id for verdict in status.verdicts if verdict.state is State.RESOLVING)
    events = (ResolveProgress(status.seq + done, busy, Progress("reading", done, 1000)) for done in range(1, 1001))
    app = dashboard(of_status(status, *events))
    updates: list[bool] = []
    update = app.matrix.update

    def counted() -> Patch:
        updates.append(True)
        return update()

    app.matrix.update = counted  # type: ignore[method-assign]
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "1000/1000")
    assert len(updates) <= 10
