from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mfenvd.cli.matrix import matrix, summary
from mfenvd.cli.rows import rows
from mfenvd.domain.state import State
from mfenvd.domain.verdict import Verdict
from mfenvd.domain.words import glyph
from tests.cli.conftest import shown, terminal
from tests.support import samples

ROOT = Path("/home/ana/flows")
VERDICTS = samples.verdicts(ROOT)

WIDE = """\
                                     linux-64         osx-64       osx-arm64
environment                  python  glibc 2.26       macOS 13.0   macOS 13.0
TrainFlow · start            3.11    ✓ resolved       ● cached     ✓ warm
TrainFlow · train, evaluate  3.11    ✗ glibc          ✗ wheel gap  ◌ resolving
TrainFlow · report           3.11    ▲ held back      ↻ stale      · queued
TrainFlow · end              3.11    ? not yet                     ? not yet
ScoreFlow · start            3.10    ✗ not a wheel                 ? index down
ScoreFlow · end              3.10    ? unknown value"""

NARROW = """\
TrainFlow · start  python 3.11
  linux-64   ✓ resolved        glibc 2.26
  osx-64     ● cached          macOS 13.0
  osx-arm64  ✓ warm            macOS 13.0
TrainFlow · train, evaluate  python 3.11
  linux-64   ✗ glibc           glibc 2.26
  osx-64     ✗ wheel gap       macOS 13.0
  osx-arm64  ◌ resolving       macOS 13.0"""


def rendered(width: int, *, ascii_only: bool = False) -> str:
    on = terminal(width, here=ROOT, ascii_only=ascii_only)
    on.print(matrix(on, VERDICTS))
    return shown(on)


def test_a_wide_terminal_gets_the_table() -> None:
    assert rendered(140) == WIDE


def test_eighty_columns_get_the_table_too() -> None:
    lines = rendered(80).splitlines()
    assert lines[0].split() == ["linux-64", "osx-64", "osx-arm64"]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("width", [140, 60])
def test_flows_of_one_name_in_two_files_are_told_apart(width: int) -> None:
    on = terminal(width, here=ROOT)
    elsewhere = [msgspec.structs.replace(each, source=str(ROOT / "old" / "train.py")) for each in VERDICTS]
    on.print(matrix(on, [*VERDICTS, *elsewhere]))
    lines = shown(on).splitlines()
    named = [lines[index + 1].strip() for index, line in enumerate(lines) if line.startswith("TrainFlow · start")]
    assert [name.split()[0] for name in named] == ["train.py", "old/train.py"]


def test_a_narrow_terminal_gets_a_list() -> None:
    found = rendered(60)
    assert found.startswith(NARROW)
    assert max(map(len, found.splitlines())) <= 60


def test_ascii_has_the_same_words() -> None:
    found = rendered(140, ascii_only=True)
    assert found.isascii()
    for mark in ("+ resolved", "x wheel gap", "! held back", "? index down", "~ resolving", ". queued", "@ stale"):
        assert mark in found


@pytest.mark.parametrize("width", [20, 60, 80, 140])
def test_every_cell_is_shown_at_every_width(width: int) -> None:
    found = rendered(width)
    cells = sum(len(row.cells) for row in rows(VERDICTS))
    separators = len(rows(VERDICTS))
    glyphs = {glyph(verdict) for verdict in VERDICTS}
    assert sum(map(found.count, glyphs)) == cells + separators


def test_steps_that_share_an_environment_show_the_worst_of_them() -> None:
    blocked = VERDICTS[3]
    fine = msgspec.structs.replace(VERDICTS[6], state=State.RESOLVED, findings=())
    (row,) = rows([fine, blocked])
    assert row.steps == ["evaluate", "train"]
    assert list(row.cells.values()) == [blocked]


def test_a_floor_that_is_not_the_usual_one_stands_in_the_cell() -> None:
    newer = msgspec.structs.replace(samples.LINUX, glibc="2.35")
    other = msgspec.structs.replace(VERDICTS[9], target=newer)
    on = terminal(140, here=ROOT)
    on.print(matrix(on, [VERDICTS[0], VERDICTS[3], other]))
    assert shown(on).splitlines()[1:] == [
        "environment         python  glibc 2.26",
        "TrainFlow · start   3.11    ✓ resolved",
        "TrainFlow · train   3.11    ✗ glibc",
        "TrainFlow · report  3.11    ▲ held back",
        "                              glibc 2.35",
    ]


def test_many_steps_are_counted() -> None:
    many = [msgspec.structs.replace(VERDICTS[0], step=f"step{number}") for number in range(6)]
    (row,) = rows(many)
    assert row.label() == "TrainFlow · step0, step1, step2 and 3 more"


def test_a_configured_environment_is_called_by_its_name() -> None:
    (row,) = rows([msgspec.structs.replace(VERDICTS[0], flow=None, step=None, env="inference")])
    assert row.label() == "inference"


def test_the_summary_counts_cells() -> None:
    on = terminal(140, here=ROOT)
    assert summary(on, VERDICTS).plain == (
        "✓ 3 ready  ▲ 1 with warnings  ✗ 3 blocked  ? 4 could not tell  ◌ 1 under way  · 1 queued  ↻ 1 stale"
    )


def test_named_environments_of_several_projects_say_of_which_and_those_of_one_do_not() -> None:
    def named(env: str, project: str) -> Verdict:
        source = str(ROOT / project / "mfenv.toml")
        return msgspec.structs.replace(VERDICTS[0], flow=None, step=None, env=env, source=source)

    for project, said in (("score", True), ("train", False)):
        on = terminal(140, here=ROOT)
        on.print(matrix(on, [named("inference", "train"), named("training", project), VERDICTS[0]]))
        assert (f"{project}/mfenv.toml" in shown(on)) is said
