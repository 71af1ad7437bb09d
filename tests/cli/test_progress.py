from __future__ import annotations

import io
from pathlib import Path

import msgspec

from mfenvd.cli.bars import Bars
from mfenvd.cli.progress import Lines, board
from mfenvd.domain.resolver import Progress
from mfenvd.domain.state import State
from tests.cli.conftest import terminal
from tests.support import samples

ROOT = Path("/home/ana/flows")
VERDICT = samples.verdicts(ROOT)[4]


def test_bars_are_for_terminals_and_lines_for_the_rest() -> None:
    assert isinstance(board(terminal(here=ROOT, tty=True)), Bars)
    assert isinstance(board(terminal(here=ROOT)), Lines)


def test_a_bar_says_that_the_project_is_read_until_something_of_it_is_known() -> None:
    on = terminal(here=ROOT, tty=True)
    with Bars(on) as bars:
        assert [task.description for task in bars._progress.tasks] == ["reading the project"]
        bars.show(VERDICT)
        assert [task.description for task in bars._progress.tasks] == ["TrainFlow · train"]


def test_a_bar_says_the_stage_and_then_the_verdict() -> None:
    on = terminal(here=ROOT, tty=True)
    assert isinstance(on.err.file, io.StringIO)
    with Bars(on) as bars:
        bars.show(VERDICT)
        bars.show(VERDICT, Progress("checking wheels", 3, 4))
        bars._progress.refresh()
        assert "checking wheels" in on.err.file.getvalue()
        assert "━━━" in on.err.file.getvalue()
        bars.show(msgspec.structs.replace(VERDICT, state=State.RESOLVED))
        bars._progress.refresh()
    assert "TrainFlow · train osx-arm64" in on.err.file.getvalue()
    assert "✓ resolved" in on.err.file.getvalue()


def test_steps_that_share_an_environment_share_a_bar() -> None:
    on = terminal(here=ROOT, tty=True)
    with Bars(on) as bars:
        for step in ("train", "evaluate"):
            bars.show(msgspec.structs.replace(VERDICT, step=step))
        (task,) = bars._progress.tasks
    assert task.description == "TrainFlow · train, evaluate"


def test_more_bars_than_lines_keep_those_that_resolve() -> None:
    on = terminal(here=ROOT, tty=True)
    with Bars(on) as bars:
        for number in range(60):
            state = State.RESOLVING if number >= 55 else State.QUEUED
            bars.show(msgspec.structs.replace(VERDICT, env=f"env{number}", step=f"step{number}", state=state))
        visible = [task for task in bars._progress.tasks if task.visible]
    assert len(visible) <= on.err.height
    assert {f"TrainFlow · step{number}" for number in range(55, 60)} <= {task.description for task in visible}


def test_lines_are_told_once_per_change() -> None:
    on = terminal(here=ROOT)
    lines = Lines(on)
    for _ in range(3):
        lines.show(VERDICT, Progress("solving"))
    lines.show(msgspec.structs.replace(VERDICT, state=State.RESOLVED))
    assert isinstance(on.err.file, io.StringIO)
    assert len(on.err.file.getvalue().splitlines()) == 2
