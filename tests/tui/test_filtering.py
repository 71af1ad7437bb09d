"""What `/` finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfenv_tui.matrix import Matrix
from mfenvd.client.view import DaemonView
from tests.support import samples
from tests.tui.support import dashboard, of_status, press, shows, text_of, until


@pytest.fixture
def matrix(project: Path) -> Matrix:
    view = DaemonView()
    made = Matrix(view)
    made.note(view.start_over(samples.status(project)))
    made.update()
    return made


def found(matrix: Matrix, text: str) -> list[str]:
    matrix.arrange(sought=text)
    matrix.update()
    return [f"{matrix.rows[key].flow}/{matrix.rows[key].names[0]}" for key in matrix.order]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("scoreflow end", ["ScoreFlow/end"]),
        ("END", ["ScoreFlow/end", "TrainFlow/end"]),
        ("train.py report", ["TrainFlow/report"]),
        ("evaluate", ["TrainFlow/evaluate"]),
        ("flow team-flows score", ["ScoreFlow/start", "ScoreFlow/end"]),
        ("reprot", ["TrainFlow/report"]),
        ("evalaute", ["TrainFlow/evaluate"]),
        ("zzzz", []),
        ("z", []),
    ],
)
def test_every_word_has_to_be_there_and_typing_errors_do_no_harm(matrix: Matrix, text: str, rows: list[str]) -> None:
    assert found(matrix, text) == rows


def test_nothing_looked_for_is_everything_and_the_counts_stay_those_of_all(matrix: Matrix) -> None:
    counts, everything = dict(matrix.counts), matrix.order
    assert found(matrix, "report") == ["TrainFlow/report"]
    assert dict(matrix.counts) == counts
    found(matrix, "  ")
    assert matrix.order == everything


def test_steps_unfolded_have_rows_of_their_own_and_fold_again(matrix: Matrix) -> None:
    folded = matrix.order
    matrix.arrange(folded=False)
    assert matrix.update().reshaped
    assert [row.names for row in matrix.rows.values() if row.flow == "TrainFlow" and "train" in row.names] == [
        ("train",)
    ]
    assert len(matrix.order) == len(folded) + 1
    matrix.arrange(folded=True)
    matrix.update()
    assert matrix.order == folded


def test_by_name_the_rows_stand_by_file_and_step_whatever_their_trouble(matrix: Matrix) -> None:
    matrix.arrange(by_name=True)
    assert matrix.update().moved
    rows = [matrix.rows[key] for key in matrix.order]
    assert [(row.flow, row.names[0]) for row in rows] == [
        ("ScoreFlow", "start"),
        ("ScoreFlow", "end"),
        ("TrainFlow", "start"),
        ("TrainFlow", "evaluate"),
        ("TrainFlow", "report"),
        ("TrainFlow", "end"),
    ]


async def test_the_table_narrows_while_one_types_and_escape_brings_everything_back(project: Path) -> None:
    app = dashboard(of_status(samples.status(project)))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "slash", *"tra")
        await shows(pilot, "4 of 6")
        assert "ScoreFlow" not in text_of(app)
        await press(pilot, *"in end", "enter", "right")
        await shows(pilot, "1 of 6")
        assert app._table.selection is not None
        assert app._table.selection.row.names == ("end",)
        assert app._table.has_focus
        await press(pilot, "slash", *"qq")
        await shows(pilot, "nothing found")
        await press(pilot, "escape")
        await shows(pilot, "ScoreFlow")
        await until(pilot, lambda: "of 6" not in text_of(app), "the filter is gone")
        assert len(app.matrix.order) == 6


async def test_keys_before_the_filter_is_open_are_the_tables(project: Path) -> None:
    app = dashboard(of_status(samples.status(project)))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "slash", "escape", "down", "right")
        assert app._table.selection is not None
        assert app._table.selection.row.flow == "TrainFlow"
