"""The dashboard over a real socket: a daemon that comes later, goes away, comes back, or is another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import msgspec
from rich.console import RenderableType
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.pilot import Pilot
from textual.screen import Screen

from mfenv_tui.app import Dashboard
from mfenvd.domain.event import Hello, ProjectRemoved, ResolveProgress, Status, VerdictChanged
from mfenvd.domain.resolver import Progress
from mfenvd.domain.state import State
from tests.support import samples
from tests.support.fake_daemon import FakeDaemon, running_fake_daemon
from tests.tui.support import at_rest, dashboard, of, press, shows, text_of, until

WIDE = (140, 45)


def streams(daemon: FakeDaemon) -> list[str]:
    return [path for _, path, _ in daemon.received if path.startswith("/v1/events")]


async def gone(pilot: Pilot[None], text: str) -> None:
    await until(pilot, lambda: text not in text_of(of(pilot)), f"no {text!r}")


async def test_a_daemon_that_starts_later_is_found(project: Path, socket: Path) -> None:
    async with dashboard(socket=socket).run_test(size=WIDE) as pilot:
        await shows(pilot, "mfenvd is not running")
        with running_fake_daemon(socket, samples.status(project)):
            await shows(pilot, "TrainFlow · evaluate, train")
            await shows(pilot, "✓ mfenvd 0.1.0")
            assert "not running" not in text_of(of(pilot))


async def test_events_change_cells_as_they_come(project: Path, socket: Path) -> None:
    status = samples.status(project)
    train = next(v for v in status.verdicts if v.step == "train" and v.state is State.RESOLVING)
    both = tuple(v.id for v in status.verdicts if v.state is State.RESOLVING)
    with running_fake_daemon(socket, status) as daemon:
        async with dashboard(socket=socket).run_test(size=WIDE) as pilot:
            await shows(pilot, "◌ resolving")
            daemon.publish(lambda seq: ResolveProgress(seq, both, Progress("reading metadata", 41, 60)))
            await shows(pilot, "◌ resolving 41/60")
            for verdict in status.verdicts:
                if verdict.id in both:
                    done = msgspec.structs.replace(verdict, state=State.CACHED)
                    daemon.publish(lambda seq, done=done: VerdictChanged(seq, done))  # type: ignore[misc]
            await gone(pilot, "◌ resolving")
            assert of(pilot).view.verdicts[train.id].state is State.CACHED
            daemon.publish(lambda seq: ProjectRemoved(seq, str(project)))
            await gone(pilot, "TrainFlow")


async def test_after_a_break_it_goes_on_with_the_next_event(project: Path, socket: Path) -> None:
    status = samples.status(project)
    with running_fake_daemon(socket, status) as daemon:
        async with dashboard(socket=socket).run_test(size=WIDE) as pilot:
            await shows(pilot, "✗ wheel gap")
            daemon.drop_streams()
            await until(pilot, lambda: len(streams(daemon)) == 2, "connected again")
            assert streams(daemon)[1] == f"/v1/events?since={status.seq}&boot={samples.STARTED}"
            tell_all_well(daemon, status)
            await gone(pilot, "✗ wheel gap")


async def test_a_connection_that_is_made_again_leaves_the_screen_alone(project: Path, socket: Path) -> None:
    status = samples.status(project)
    warm = next(verdict for verdict in status.verdicts if verdict.state is State.WARM)
    stale = msgspec.structs.replace(warm, state=State.STALE)
    with running_fake_daemon(socket, status) as daemon:
        async with dashboard(socket=socket).run_test(size=WIDE) as pilot:
            await shows(pilot, "✓ mfenvd")
            await at_rest(of(pilot))
            before = text_of(of(pilot)).splitlines()
            with watched(of(pilot)) as paints:
                daemon.drop_streams()
                await until(pilot, lambda: len(streams(daemon)) == 2, "connected again")
                await at_rest(of(pilot))
                assert not [lines for lines, _ in paints if lines]
                daemon.publish(lambda seq: VerdictChanged(seq, stale))
                await until(pilot, lambda: "✓ warm" not in text_of(of(pilot)), "the event after the loss")
                await at_rest(of(pilot))
            after = text_of(of(pilot)).splitlines()
            changed = {number for number, (old, new) in enumerate(zip(before, after, strict=True)) if old != new}
            assert set().union(*(lines for lines, _ in paints)) >= changed
            table = range(len(of(pilot).matrix.order) + 2)
            for lines, _ in paints:
                assert lines.intersection(table) <= changed


async def test_no_row_is_ever_blank_while_a_daemon_is_replaced(project: Path, socket: Path) -> None:
    status = samples.status(project)
    later = msgspec.structs.replace(status.daemon, started=samples.STARTED + 60)
    async with dashboard(socket=socket).run_test(size=WIDE) as pilot:
        with running_fake_daemon(socket, status):
            await shows(pilot, "✓ mfenvd")
            await at_rest(of(pilot))
            rows = [line[:60] for line in text_of(of(pilot)).splitlines() if "Flow · " in line[:30]]
            assert len(rows) == len(of(pilot).matrix.order)
        with watched(of(pilot)) as paints:
            await shows(pilot, "✗ mfenvd not running")
            with running_fake_daemon(socket, msgspec.structs.replace(status, daemon=later, seq=3)):
                await gone(pilot, "not running")
                await at_rest(of(pilot))
        assert of(pilot).view.seq == 3
        assert paints
        for _, screen in paints:
            assert [row for row in rows if row not in screen] == []


@contextmanager
def watched(app: Dashboard) -> Iterator[list[tuple[set[int], str]]]:
    """Which lines each painting writes to the terminal, and what is on the screen then."""
    paints: list[tuple[set[int], str]] = []
    display = app._display

    def watch(screen: Screen[object], renderable: RenderableType | None) -> None:
        lines: set[int] = set()
        if isinstance(renderable, ChopsUpdate):
            lines = {line for line, _, _ in renderable.spans}
        elif isinstance(renderable, LayoutUpdate):
            lines = set(range(renderable.region.y, renderable.region.bottom))
        paints.append((lines, text_of(app)))
        display(screen, renderable)

    with patch.object(app, "_display", watch):
        yield paints


async def test_the_last_state_stays_on_the_screen_while_the_daemon_is_away(project: Path, socket: Path) -> None:
    status = samples.status(project)
    async with dashboard(socket=socket).run_test(size=WIDE) as pilot:
        with running_fake_daemon(socket, status):
            await shows(pilot, "✗ wheel gap")
            await press(pilot, "down", "right")
        await shows(pilot, "✗ mfenvd not running")
        assert "✗ wheel gap" in text_of(of(pilot))
        assert "numpy 2.4.6 needs GLIBC 2.27" in text_of(of(pilot))
        await press(pilot, "r")
        await until(pilot, lambda: any("does not answer" in n.message for n in of(pilot)._notifications), "a reason")
        reborn = msgspec.structs.replace(
            status,
            daemon=msgspec.structs.replace(status.daemon, started=samples.STARTED + 60),
            verdicts=tuple(v for v in status.verdicts if v.flow == "TrainFlow"),
            seq=3,
        )
        with running_fake_daemon(socket, reborn):
            await gone(pilot, "ScoreFlow")
            await gone(pilot, "not running")
            assert "✗ wheel gap" in text_of(of(pilot))
            assert of(pilot).view.seq == 3


async def test_a_daemon_of_another_protocol_is_named_with_what_to_do(project: Path, socket: Path) -> None:
    with running_fake_daemon(socket, samples.status(project)) as daemon:
        daemon.hello = Hello(version="9.0.0", pid=1, protocol=7)
        async with dashboard(socket=socket).run_test(size=WIDE) as pilot:
            await shows(pilot, "mfenvd 9.0.0 is running and speaks protocol 7")
            await shows(pilot, "mfenvd other version")
            daemon.hello = Hello(version="0.1.0", pid=1)
            await shows(pilot, "TrainFlow")


async def test_leaving_in_the_middle_of_everything_is_quiet(project: Path, socket: Path) -> None:
    status = samples.status(project)
    busy = tuple(v.id for v in status.verdicts if v.state is State.RESOLVING)
    with running_fake_daemon(socket, status) as daemon:
        for pause in (0.0, 0.01, 0.2, 0.4):
            app: Dashboard = dashboard(socket=socket)
            async with app.run_test(size=WIDE) as pilot:
                for done in range(20):
                    daemon.publish(
                        lambda seq, done=done: ResolveProgress(seq, busy, Progress("x", done, 20))  # type: ignore[misc]
                    )
                await pilot.pause(pause)
                app.exit()
            assert app.failure is None


def tell_all_well(daemon: FakeDaemon, status: Status) -> None:
    for verdict in status.verdicts:
        well = msgspec.structs.replace(verdict, state=State.RESOLVED, findings=())
        daemon.publish(lambda seq, well=well: VerdictChanged(seq, well))  # type: ignore[misc]
