"""Verdicts become rows, and events change no more than what they are about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfenv_tui.matrix import Matrix
from mfenv_tui.rows import Row, relative
from mfenvd.client.view import DaemonView
from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.event import (
    AnyEvent,
    ProjectChanged,
    ProjectInfo,
    ProjectRemoved,
    ResolveProgress,
    Snapshot,
    VerdictChanged,
    VerdictRemoved,
)
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.resolver import Progress
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.domain.verdict import Verdict
from mfenvd.domain.words import Tone
from tests.support import samples

ROOT = "/home/ana/flows"
GAP = Finding(code=Code.WHEEL_GAP, severity=Severity.ERROR, message="torch has no wheel.")


class World:
    """A view and its matrix, told of one event after the other."""

    def __init__(self) -> None:
        self.view = DaemonView()
        self.matrix = Matrix(self.view)
        self.matrix.update()
        self._seq = 0

    def tell(self, make: type[AnyEvent], *fields: Any) -> None:
        self._seq += 1
        self.matrix.note(self.view.apply(make(self._seq, *fields)))

    def verdict(self, step: str, arch: Arch, state: State, *, env: str = "", **more: Any) -> None:
        self.tell(VerdictChanged, verdict(step, arch, state, env=env, **more))

    @property
    def rows(self) -> list[Row]:
        return [self.matrix.rows[key] for key in self.matrix.order]

    @property
    def names(self) -> list[tuple[str, ...]]:
        return [row.names for row in self.rows]


def verdict(
    step: str, arch: Arch, state: State, *, env: str = "", flow: str = "TrainFlow", findings: Sequence[Finding] = ()
) -> Verdict:
    source = f"{ROOT}/{flow.lower()}.py"
    found = (GAP,) if state is State.BLOCKED and not findings else tuple(findings)
    return Verdict(source, flow, step, env or step, Target(arch, "3.11"), (), state, findings=found)


@pytest.fixture
def world() -> World:
    return World()


def test_steps_with_the_same_environment_share_a_row(world: World) -> None:
    for step in ("train", "start"):
        world.verdict(step, Arch.LINUX_64, State.RESOLVED, env="aaaa")
    world.verdict("end", Arch.LINUX_64, State.RESOLVED, env="bbbb")
    world.matrix.update()
    assert world.names == [("start", "train"), ("end",)]


def test_another_flow_has_rows_of_its_own_for_the_same_environment(world: World) -> None:
    world.verdict("start", Arch.LINUX_64, State.RESOLVED, env="aaaa")
    world.verdict("start", Arch.LINUX_64, State.RESOLVED, env="aaaa", flow="ScoreFlow")
    world.matrix.update()
    assert [row.flow for row in world.rows] == ["ScoreFlow", "TrainFlow"]


def test_a_shared_cell_says_the_worst_and_keeps_every_finding_once(world: World) -> None:
    other = msgspec.structs.replace(GAP, code=Code.MUTATOR, severity=Severity.WARNING, message="at its own line")
    world.verdict("start", Arch.LINUX_64, State.RESOLVED, env="aaaa", findings=(other,))
    world.verdict("train", Arch.LINUX_64, State.BLOCKED, env="aaaa", findings=(other, GAP))
    world.matrix.update()
    cell = world.rows[0].cells[Arch.LINUX_64]
    assert (cell.tone, cell.word) == (Tone.BAD, "wheel gap")
    assert cell.findings == (GAP, other)


def test_trouble_comes_first_then_what_is_under_way_then_what_is_well(world: World) -> None:
    warning = msgspec.structs.replace(GAP, code=Code.GLIBC_HELD_BACK, severity=Severity.WARNING)
    world.verdict("a_good", Arch.LINUX_64, State.RESOLVED)
    world.verdict("b_queued", Arch.LINUX_64, State.QUEUED)
    world.verdict("c_warned", Arch.LINUX_64, State.RESOLVED, findings=(warning,))
    world.verdict("d_failed", Arch.LINUX_64, State.FAILED)
    world.verdict("e_blocked", Arch.LINUX_64, State.BLOCKED)
    world.matrix.update()
    assert [names[0][0] for names in world.names] == ["e", "d", "c", "b", "a"]


def test_steps_stand_as_a_flow_runs_start_first_and_end_last(world: World) -> None:
    for step in ("end", "train", "start", "evaluate"):
        world.verdict(step, Arch.LINUX_64, State.RESOLVED)
    world.matrix.update()
    assert [names[0] for names in world.names] == ["start", "evaluate", "train", "end"]


def test_a_row_keeps_its_place_while_it_is_resolved_again(world: World) -> None:
    world.verdict("train", Arch.LINUX_64, State.BLOCKED)
    world.verdict("start", Arch.LINUX_64, State.RESOLVED)
    world.matrix.update()
    world.verdict("train", Arch.LINUX_64, State.RESOLVING)
    world.verdict("start", Arch.LINUX_64, State.RESOLVING)
    assert not world.matrix.update().moved
    world.verdict("train", Arch.LINUX_64, State.RESOLVED)
    world.verdict("start", Arch.LINUX_64, State.RESOLVED)
    assert world.matrix.update().moved
    assert world.names == [("start",), ("train",)]


def test_a_row_keeps_its_key_when_its_environment_changes(world: World) -> None:
    world.verdict("train", Arch.LINUX_64, State.RESOLVED, env="aaaa")
    world.matrix.update()
    before = world.matrix.order
    world.verdict("train", Arch.LINUX_64, State.QUEUED, env="bbbb")
    patch = world.matrix.update()
    assert world.matrix.order == before
    assert (patch.changed, patch.removed) == (frozenset(before), frozenset())


def test_an_event_touches_the_rows_of_its_flow_alone(world: World) -> None:
    for flow in ("TrainFlow", "ScoreFlow"):
        for step in ("start", "end"):
            world.verdict(step, Arch.LINUX_64, State.RESOLVING, flow=flow)
    world.matrix.update()
    before = dict(world.matrix.rows)
    told = verdict("end", Arch.LINUX_64, State.RESOLVING)
    world.tell(ResolveProgress, (told.id,), Progress("reading metadata", 3, 60))
    patch = world.matrix.update()
    (key,) = patch.changed
    assert world.matrix.rows[key].cells[Arch.LINUX_64].progress == Progress("reading metadata", 3, 60)
    assert all(world.matrix.rows[other] is before[other] for other in before if other != key)
    assert not patch.moved


def test_what_is_settled_stays_so_while_it_is_looked_at_again(world: World) -> None:
    world.verdict("start", Arch.LINUX_64, State.WARM)
    world.matrix.update()
    world.tell(ResolveProgress, (verdict("start", Arch.LINUX_64, State.WARM).id,), Progress("reading channels", 0, 1))
    assert not world.matrix.update()
    (row,) = world.matrix.rows.values()
    assert (row.cells[Arch.LINUX_64].word, row.cells[Arch.LINUX_64].progress) == ("warm", None)


def test_what_stays_the_same_is_no_change(world: World) -> None:
    world.verdict("start", Arch.LINUX_64, State.RESOLVED)
    assert world.matrix.update()
    world.verdict("start", Arch.LINUX_64, State.RESOLVED)
    assert not world.matrix.update()


def test_columns_are_the_archs_that_some_row_has(world: World) -> None:
    world.verdict("start", Arch.WIN_64, State.RESOLVED)
    world.verdict("start", Arch.LINUX_64, State.RESOLVED)
    assert world.matrix.update().reshaped
    assert list(world.matrix.archs) == [Arch.LINUX_64, Arch.WIN_64]
    world.tell(VerdictRemoved, verdict("start", Arch.WIN_64, State.RESOLVED).id)
    assert world.matrix.update().reshaped
    assert list(world.matrix.archs) == [Arch.LINUX_64]


def test_a_row_goes_with_its_last_verdict(world: World) -> None:
    world.verdict("start", Arch.LINUX_64, State.RESOLVED)
    world.matrix.update()
    world.tell(VerdictRemoved, verdict("start", Arch.LINUX_64, State.RESOLVED).id)
    assert world.matrix.update().removed
    assert world.rows == []


def test_findings_of_a_file_are_a_row_of_their_own_on_every_arch(world: World) -> None:
    broken = Finding(Code.SYNTAX_ERROR, Severity.ERROR, "invalid syntax", path=f"{ROOT}/broken.py", line=3)
    world.verdict("start", Arch.LINUX_64, State.RESOLVED)
    world.tell(ProjectChanged, ProjectInfo(ROOT, trusted=False, cwd=ROOT, findings=(broken,)))
    world.matrix.update()
    row = world.rows[0]
    assert (row.source, row.names) == (f"{ROOT}/broken.py", ())
    assert row.cell(Arch.LINUX_64) == row.whole
    assert row.whole is not None
    assert row.whole.word == "syntax error"
    world.tell(ProjectChanged, ProjectInfo(ROOT, trusted=False, cwd=ROOT))
    world.matrix.update()
    assert world.names == [("start",)]


def test_a_file_stands_before_the_environments_that_it_names(world: World) -> None:
    settings = f"{ROOT}/mfenv.toml"
    broken = Finding(Code.BAD_SETTING, Severity.ERROR, "no arch", path=settings, line=1)
    target = Target(Arch.LINUX_64, "3.11")
    world.tell(VerdictChanged, Verdict(settings, None, "api", "aaaa", target, (), State.BLOCKED, findings=(GAP,)))
    world.tell(ProjectChanged, ProjectInfo(ROOT, trusted=False, cwd=ROOT, findings=(broken,)))
    world.matrix.update()
    assert world.names == [(), ("api",)]
    world.matrix.arrange(by_name=True)
    world.matrix.update()
    assert world.names == [(), ("api",)]


def test_what_is_wrong_with_the_daemon_itself_is_a_row(world: World, tmp_path: Path) -> None:
    damaged = Finding(Code.JOURNAL_DAMAGED, Severity.WARNING, "The journal was damaged.")
    status = samples.status(tmp_path)
    daemon = msgspec.structs.replace(status.daemon, findings=(damaged,))
    world.tell(Snapshot, msgspec.structs.replace(status, daemon=daemon, projects=(), verdicts=()))
    world.matrix.update()
    (row,) = world.rows
    assert (row.root, row.source, row.findings) == ("", "mfenvd", (damaged,))


def test_a_row_belongs_to_the_innermost_project(world: World) -> None:
    world.verdict("start", Arch.LINUX_64, State.RESOLVED)
    world.tell(ProjectChanged, ProjectInfo("/home/ana", trusted=False, cwd=ROOT))
    world.matrix.update()
    assert world.rows[0].root == "/home/ana"
    world.tell(ProjectChanged, ProjectInfo(ROOT, trusted=False, cwd=ROOT))
    world.matrix.update()
    assert world.rows[0].root == ROOT
    world.tell(ProjectRemoved, "/home/ana")
    world.matrix.update()
    assert world.rows[0].root == ROOT


def test_a_file_is_named_from_its_project_on() -> None:
    assert relative(f"{ROOT}/sub/train.py", ROOT) == "sub/train.py"
    assert relative(f"{ROOT}/train.py", f"{ROOT}/") == "train.py"
    assert relative("/elsewhere/train.py", ROOT) == "/elsewhere/train.py"
    assert relative(ROOT, ROOT) == "flows"


STEPS, ENVS = ("start", "train", "end"), ("aaaa", "bbbb")
FINAL = (State.BLOCKED, State.FAILED, State.RESOLVED, State.WARM)
VERDICTS = st.builds(
    lambda step, arch, state, env, flow: verdict(step, arch, state, env=env, flow=flow),
    st.sampled_from(STEPS),
    st.sampled_from(tuple(Arch)[:3]),
    st.sampled_from(FINAL),
    st.sampled_from(ENVS),
    st.sampled_from(("TrainFlow", "ScoreFlow")),
)
PROJECTS = st.sampled_from((ROOT, "/home/ana"))
HAPPENINGS = st.one_of(
    st.tuples(st.just(VerdictChanged), VERDICTS),
    st.tuples(st.just(VerdictRemoved), VERDICTS.map(lambda told: told.id)),
    st.tuples(st.just(ResolveProgress), VERDICTS.map(lambda told: (told.id,)), st.just(Progress("x", 1, 2))),
    st.tuples(st.just(ProjectChanged), PROJECTS.map(lambda root: ProjectInfo(root, trusted=False, cwd=root))),
    st.tuples(st.just(ProjectRemoved), PROJECTS),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(HAPPENINGS, st.booleans()), max_size=25))
def test_looking_at_what_changed_alone_gives_what_starting_over_gives(
    happenings: list[tuple[tuple[Any, ...], bool]],
) -> None:
    world = World()
    drawn: dict[str, Row] = {}
    for (make, *fields), look in happenings:
        world.tell(make, *fields)
        if look:
            follow(drawn, world.matrix)
    follow(drawn, world.matrix)
    afresh = Matrix(world.view)
    afresh.update()
    assert {key: undated(row) for key, row in world.matrix.rows.items()} == {
        key: undated(row) for key, row in afresh.rows.items()
    }
    assert world.matrix.archs == afresh.archs
    assert +world.matrix.counts == +afresh.counts
    assert drawn == world.matrix.rows
    assert set(world.matrix.order) == set(world.matrix.rows)


def follow(drawn: dict[str, Row], matrix: Matrix) -> None:
    """What a table does that takes nothing but patches."""
    patch = matrix.update()
    for key in patch.removed:
        del drawn[key]
    drawn.update({key: matrix.rows[key] for key in patch.changed})


def undated(row: Row) -> Row:
    """Without the rank, which remembers what was."""
    return msgspec.structs.replace(row, rank=0)


def test_the_samples_end_in_the_same_order_however_they_arrive(tmp_path: Path) -> None:
    at_once = World()
    at_once.tell(Snapshot, samples.status(tmp_path))
    one_by_one = World()
    for told in reversed(samples.verdicts(tmp_path)):
        one_by_one.tell(VerdictChanged, told)
        one_by_one.matrix.update()
    at_once.matrix.update()
    assert one_by_one.names == at_once.names
