from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from mfenvd.client.view import Change, DaemonView, holds
from mfenvd.domain.event import (
    AnyEvent,
    DaemonChanged,
    ProjectChanged,
    ProjectInfo,
    ProjectRemoved,
    ResolveProgress,
    Settled,
    Snapshot,
    Stopping,
    VerdictChanged,
    VerdictRemoved,
)
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.resolver import Progress
from mfenvd.domain.state import State
from tests.support import samples

ROOT = Path("/home/ana/flows")
STATUS = samples.status(ROOT)
RESOLVING = STATUS.verdicts[4]


def view() -> DaemonView:
    made = DaemonView()
    made.apply(Snapshot(STATUS.seq, STATUS))
    return made


def test_a_snapshot_replaces_everything() -> None:
    known = view()
    known.apply(ResolveProgress(101, (RESOLVING.id,), Progress("solving")))
    empty = msgspec.structs.replace(STATUS, verdicts=(), projects=(), seq=7)
    assert known.apply(Snapshot(7, empty)) == Change(reset=True)
    assert (known.verdicts, known.projects, known.progress, known.seq) == ({}, {}, {}, 7)


def test_progress_lasts_until_the_verdict_changes() -> None:
    known = view()
    assert known.apply(ResolveProgress(101, (RESOLVING.id, "gone"), Progress("solving", 3, 9))) == Change(
        progress=(RESOLVING.id,)
    )
    assert known.progress == {RESOLVING.id: Progress("solving", 3, 9)}
    resolved = msgspec.structs.replace(RESOLVING, state=State.RESOLVED)
    assert known.apply(VerdictChanged(102, resolved)) == Change(verdicts=(RESOLVING.id,))
    assert known.verdicts[RESOLVING.id].state is State.RESOLVED
    assert known.progress == {}


def test_what_is_included_already_changes_nothing() -> None:
    known = view()
    assert known.apply(VerdictRemoved(STATUS.seq, RESOLVING.id)) == Change()
    assert RESOLVING.id in known.verdicts


def test_a_removed_verdict_is_forgotten_once() -> None:
    known = view()
    assert known.apply(VerdictRemoved(101, RESOLVING.id)) == Change(removed=(RESOLVING.id,))
    assert known.apply(VerdictRemoved(102, RESOLVING.id)) == Change()


def test_a_removed_project_takes_its_verdicts_along() -> None:
    known = view()
    change = known.apply(ProjectRemoved(101, str(ROOT)))
    assert change.projects == (str(ROOT),)
    assert len(change.removed) == len(STATUS.verdicts)
    assert not known.verdicts


def test_a_verdict_belongs_to_the_innermost_project() -> None:
    known = view()
    inner = ProjectInfo(str(ROOT / "inner"), trusted=False, cwd="/")
    known.apply(ProjectChanged(101, inner))
    moved = msgspec.structs.replace(RESOLVING, source=str(ROOT / "inner" / "train.py"))
    known.apply(VerdictChanged(102, moved))
    assert known.of_project(inner.root) == (moved,)
    assert moved not in known.of_project(str(ROOT))


def test_a_project_is_settled_when_nothing_is_under_way() -> None:
    known = view()
    root = str(ROOT)
    assert not known.is_settled(root)
    assert not known.is_settled("/elsewhere")
    for seq, verdict in enumerate(STATUS.verdicts, start=101):
        known.apply(VerdictChanged(seq, msgspec.structs.replace(verdict, state=State.RESOLVED)))
    assert known.is_settled(root)
    known.apply(ProjectChanged(500, msgspec.structs.replace(STATUS.projects[0], reading=True)))
    assert not known.is_settled(root)


def test_settled_and_stopping_are_passed_on() -> None:
    known = view()
    assert known.apply(Settled(101, "/a")) == Change(settled=("/a",))
    assert known.apply(Stopping(102, "asked to")) == Change(stopping="asked to")


def test_a_folder_holds_what_is_in_it_and_nothing_beside_it() -> None:
    assert holds("/a", "/a/flow.py")
    assert holds("/a/flow.py", "/a/flow.py")
    assert holds("/", "/a")
    assert holds("C:\\flows", "C:\\flows\\a.py")
    assert not holds("/a", "/ab/flow.py")


def test_what_concerns_no_project_is_taken_in() -> None:
    known = view()
    full = Finding("MFE907", Severity.WARNING, "the disk is full")
    daemon = msgspec.structs.replace(STATUS.daemon, findings=(full,))
    assert known.apply(DaemonChanged(101, daemon)) == Change()
    assert known.daemon == daemon
    assert known.boot == str(STATUS.daemon.started)


_STATES = st.sampled_from(list(State))
_IDS = st.sampled_from([verdict.id for verdict in STATUS.verdicts])
_BY_ID = {verdict.id: verdict for verdict in STATUS.verdicts}
_MAKERS: st.SearchStrategy[Callable[[int], AnyEvent]] = st.one_of(
    st.builds(
        lambda verdict_id, state: (
            lambda seq: VerdictChanged(seq, msgspec.structs.replace(_BY_ID[verdict_id], state=state))
        ),
        _IDS,
        _STATES,
    ),
    st.builds(lambda verdict_id: lambda seq: VerdictRemoved(seq, verdict_id), _IDS),
    st.builds(lambda verdict_id: lambda seq: ResolveProgress(seq, (verdict_id,), Progress("solving")), _IDS),
    st.just(lambda seq: ProjectRemoved(seq, str(ROOT))),
    st.just(lambda seq: ProjectChanged(seq, STATUS.projects[0])),
)


@settings(max_examples=60)
@given(st.lists(_MAKERS, max_size=25), st.integers(0, 24))
def test_events_told_twice_leave_the_same_state(makers: list[Callable[[int], AnyEvent]], again_from: int) -> None:
    events = [make(STATUS.seq + 1 + index) for index, make in enumerate(makers)]
    once, twice = view(), view()
    for event in events:
        once.apply(event)
        twice.apply(event)
    for event in events[again_from:]:
        twice.apply(event)
    assert twice == once
    assert set(once.progress) <= set(once.verdicts)
