"""What `--record` writes down, and what `--replay` makes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec
import pytest

from mfenv_tui.app import Dashboard
from mfenv_tui.daemon import Follow, Told, follow
from mfenv_tui.lines import Signs
from mfenv_tui.matrix import Matrix
from mfenv_tui.outside import Outside
from mfenv_tui.recording import Entry, Recorder, RecordingError, Replay, line_of, read, told_by
from mfenv_tui.rows import Row
from mfenvd.client.errors import ClientError, ConnectionLostError, DaemonNotRunningError, OtherProtocolError
from mfenvd.client.view import Change, DaemonView
from mfenvd.domain.event import AnyEvent, Snapshot, Status, VerdictChanged
from mfenvd.domain.state import State
from tests.support import samples
from tests.support.fake_daemon import running_fake_daemon
from tests.tui.support import HELLO, NOWHERE, dashboard, press, shows, text_of, until
from tests.tui.tale import tale


def said(app: Dashboard) -> list[str]:
    return [notification.message for notification in app._notifications]


def above_keys(app: Dashboard) -> str:
    """The screen without the footer: a recording offers fewer keys."""
    return text_of(app).rpartition("\n")[0]


def replayed(entries: Sequence[Entry]) -> Dashboard:
    replay = Replay(entries, longest_pause=0)
    outside = Outside(NOWHERE, replay.follow, environ={}, clock=replay.clock, unchangeable="It is a recording.")
    return Dashboard(outside, Signs())


async def test_what_is_recorded_over_a_socket_replays_to_the_same_screen(
    project: Path, socket: Path, tmp_path: Path
) -> None:
    file = tmp_path / "told.ndjson"
    status = samples.status(project)
    recorder = Recorder(file, lambda: samples.STARTED + 200)
    with running_fake_daemon(socket, status) as daemon:
        app = dashboard(partial(follow, record=recorder), socket=socket)
        async with app.run_test(size=(140, 45)) as pilot:
            await shows(pilot, "✗ wheel gap")
            train = next(v for v in status.verdicts if v.step == "train" and v.state is State.RESOLVING)
            warm = msgspec.structs.replace(train, state=State.WARM, settled=samples.STARTED)
            daemon.publish(lambda seq: VerdictChanged(seq, warm))
            await until(pilot, lambda: app.view.seq == status.seq + 1, "told")
            await until(pilot, lambda: not app._pace._waiting, "drawn")
            live = above_keys(app)
    recorder.close()
    again = replayed(read(file))
    async with again.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: again.view.seq == status.seq + 1, "replayed")
        await until(pilot, lambda: above_keys(again) == live, "the same screen")
        await press(pilot, "r")
        await until(pilot, lambda: "It is a recording." in said(again), "nothing is changed")


def test_no_secret_and_no_variable_is_written_down(project: Path) -> None:
    status = samples.status(project)
    finding = msgspec.structs.replace(
        status.verdicts[0].packages[0], url="https://ana:s3cret@index.example/x?token=abcdef"
    )
    verdict = msgspec.structs.replace(status.verdicts[0], packages=(finding,))
    told = msgspec.structs.replace(status, verdicts=(verdict,))
    line = line_of(Snapshot(1, told), 5.0)
    assert b"s3cret" not in line
    assert b"abcdef" not in line
    assert b"METAFLOW_PROFILE" not in line
    assert json.loads(line)["event"]["status"]["projects"][0]["root"] == str(project)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DaemonNotRunningError(NOWHERE), DaemonNotRunningError),
        (OtherProtocolError("9.0.0", 7), OtherProtocolError),
        (ConnectionLostError(), ClientError),
    ],
)
def test_troubles_come_back_with_their_words(error: ClientError, kind: type[ClientError], tmp_path: Path) -> None:
    file = tmp_path / "told.ndjson"
    recorder = Recorder(file)
    recorder(error)
    recorder.close()
    (again,) = told_by(read(file)[0], NOWHERE, DaemonView())
    assert isinstance(again, kind)
    assert (again.message, again.fix) == (error.message, error.fix)


def test_a_line_that_was_cut_off_is_left_out_and_nonsense_is_named(tmp_path: Path) -> None:
    file = tmp_path / "told.ndjson"
    file.write_bytes(line_of(HELLO, 1.0) + line_of(HELLO, 2.0)[:20])
    assert len(read(file)) == 1
    for content, said in ((b"", "is empty"), (b"# a\n", "is no recording"), (b'{"at": "x"}\n', "is no recording")):
        file.write_bytes(content)
        with pytest.raises(RecordingError, match=said):
            read(file)
    with pytest.raises(RecordingError, match="cannot be read"):
        read(tmp_path / "absent")
    with pytest.raises(RecordingError, match="cannot be written"):
        Recorder(tmp_path / "no" / "folder")


def test_a_full_disk_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    recorder = Recorder(Path("/dev/full"))
    recorder(HELLO)
    recorder(HELLO)


def status_of(view: DaemonView) -> Status:
    assert view.daemon is not None
    return Status(view.daemon, tuple(view.projects.values()), tuple(view.verdicts.values()), view.seq or 0)


def telling(events: Sequence[AnyEvent], lost_after: int | None, view: DaemonView) -> Iterator[Told]:
    """All of `events`, the connection being lost once behind that one; resumed, or from a snapshot of then."""
    yield HELLO
    for number, event in enumerate(events):
        yield view.apply(event)
        if number == lost_after:
            yield ConnectionLostError()
            yield HELLO
            # What was told last comes once more: it changes nothing.
            yield view.apply(event)
            if number % 2:
                seen = DaemonView()
                for one in events[: number + 1]:
                    seen.apply(one)
                yield view.apply(Snapshot(event.seq, status_of(seen)))


def losing(events: Sequence[AnyEvent], after: int) -> Follow:
    async def follow(_socket: Path, view: DaemonView) -> AsyncIterator[Told]:
        for told in telling(events, after, view):
            yield told
        await asyncio.Event().wait()

    return follow


def rows_after(events: Sequence[AnyEvent], lost_after: int | None) -> list[Row]:
    """What the table shows in the end, being brought up to date after everything that is told."""
    view = DaemonView()
    matrix = Matrix(view)
    for told in telling(events, lost_after, view):
        if isinstance(told, Change):
            matrix.note(told)
            matrix.update()
    return [matrix.rows[key] for key in matrix.order]


@pytest.fixture
def events(project: Path) -> list[AnyEvent]:
    return [entry.event for entry in tale(project) if entry.event is not None]


def test_a_connection_lost_at_any_event_ends_in_the_same_table(events: list[AnyEvent]) -> None:
    whole = rows_after(events, None)
    assert {cell.word for row in whole for cell in row.all_cells} == {"warm"}
    for after in range(len(events)):
        assert rows_after(events, after) == whole


FEW = (0, 7, 10)
"""Behind the snapshot, and amid the events: continued from a snapshot, and from the next event."""


@pytest.mark.parametrize("lost", [FEW, pytest.param(None, marks=pytest.mark.soak)], ids=["few", "at-every-event"])
async def test_a_lost_connection_ends_in_the_same_screen(events: list[AnyEvent], lost: Sequence[int] | None) -> None:
    screens = set()
    for after in lost or range(len(events)):
        app = dashboard(losing(events, after))
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda app=app: app.view.seq == events[-1].seq and app.link.answers, "all told")  # type: ignore[misc]
            await until(pilot, lambda app=app: not app._pace._waiting, "drawn")  # type: ignore[misc]
            await shows(pilot, "✓ mfenvd 0.1.0")
            await press(pilot, "ctrl+home", "right")
            await shows(pilot, "linux-64 ─")
            await shows(pilot, "urllib3 2.5.0")
            await asyncio.sleep(0.05)
            screens.add(text_of(app))
    assert len(screens) == 1
    assert "✓ warm" in screens.pop()
