from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import msgspec
import pytest

from mfenvd.client.errors import ConnectionLostError, DaemonNotRunningError, DaemonUnresponsiveError, OtherProtocolError
from mfenvd.client.stream import LONGEST_PAUSE, AsyncConnection, Connected, Disconnected, follow
from mfenvd.client.view import Change, DaemonView
from mfenvd.domain.event import PROTOCOL, Settled, Snapshot, VerdictChanged
from mfenvd.domain.state import State
from tests.support import samples
from tests.support.fake_daemon import FakeDaemon, running_fake_daemon

Step = Connected | Disconnected | Change


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    with running_fake_daemon(tmp_path / "s.sock", samples.status(tmp_path)) as running:
        yield running


async def until(steps: AsyncGenerator[Step, None], wanted: type[Step] | Change) -> Step:
    """The next step that is `wanted`, an instance or a type."""

    async def search() -> Step:
        async for step in steps:
            if step == wanted or (isinstance(wanted, type) and isinstance(step, wanted)):
                return step
        raise AssertionError("the stream ended")

    return await asyncio.wait_for(search(), 10)


async def test_calls_answer_as_the_waiting_ones_do(daemon: FakeDaemon) -> None:
    async with AsyncConnection(daemon.socket) as connection:
        assert (await connection.greet()).pid == 4242
        assert await connection.daemon() == daemon.status.daemon
        assert await connection.resolve_again("/a") == len(daemon.status.verdicts)
        assert (await connection.steer_mirror(paused=True)).paused
    assert [call[:2] for call in daemon.received] == [
        ("GET", "/v1/hello"),
        ("GET", "/v1/daemon"),
        ("POST", "/v1/resolve"),
        ("POST", "/v1/mirror"),
    ]


async def test_failures_have_the_same_classes(daemon: FakeDaemon, tmp_path: Path) -> None:
    async with AsyncConnection(tmp_path / "none.sock") as nobody:
        with pytest.raises(DaemonNotRunningError):
            await nobody.greet()
    daemon.hello = msgspec.structs.replace(daemon.hello, protocol=PROTOCOL + 1)
    async with AsyncConnection(daemon.socket, timeout=0.2) as connection:
        with pytest.raises(OtherProtocolError):
            await connection.greet()
        daemon.delay = 1.0
        with pytest.raises(DaemonUnresponsiveError):
            await connection.daemon()


async def test_a_snapshot_longer_than_any_buffer_arrives_whole(daemon: FakeDaemon) -> None:
    long = msgspec.structs.replace(daemon.status.verdicts[0], packages=samples.REQUESTS * 4000)
    daemon.status = msgspec.structs.replace(daemon.status, verdicts=(long,))
    assert len(msgspec.json.encode(daemon.status)) > 3_000_000
    async with AsyncConnection(daemon.socket) as connection, connection.events() as events:
        assert await anext(events) == Snapshot(100, daemon.status)


async def test_a_stream_that_ends_is_an_error(daemon: FakeDaemon) -> None:
    async with AsyncConnection(daemon.socket) as connection, connection.events() as events:
        await anext(events)
        daemon.drop_streams()
        with pytest.raises(ConnectionLostError):
            await anext(events)


async def test_following_resumes_where_it_was_cut_off(daemon: FakeDaemon) -> None:
    view = DaemonView()
    steps = follow(daemon.socket, view)
    await until(steps, Change(reset=True))
    daemon.drop_streams()
    lost = await until(steps, Disconnected)
    assert isinstance(lost, Disconnected)
    assert isinstance(lost.error, ConnectionLostError)
    finished = msgspec.structs.replace(daemon.status.verdicts[4], state=State.RESOLVED)
    daemon.publish(lambda seq: VerdictChanged(seq, finished))
    await until(steps, Change(verdicts=(finished.id,)))
    assert view.verdicts[finished.id] == finished
    assert view.seq == 101
    assert ("GET", f"/v1/events?since=100&boot={samples.STARTED}", None) in daemon.received
    await steps.aclose()


async def test_following_waits_for_a_daemon_that_starts_later(tmp_path: Path) -> None:
    view = DaemonView()
    steps = follow(tmp_path / "s.sock", view)
    absent = await until(steps, Disconnected)
    assert isinstance(absent, Disconnected)
    assert isinstance(absent.error, DaemonNotRunningError)
    with running_fake_daemon(tmp_path / "s.sock", samples.status(tmp_path)) as daemon:
        await until(steps, Connected)
        await until(steps, Change(reset=True))
        daemon.publish(lambda seq: Settled(seq, str(tmp_path)))
        await until(steps, Change(settled=(str(tmp_path),)))
        assert len(view.verdicts) == len(daemon.status.verdicts)
        await steps.aclose()


async def test_another_life_of_the_daemon_starts_the_view_over(tmp_path: Path) -> None:
    socket = tmp_path / "s.sock"
    view = DaemonView()
    steps = follow(socket, view)
    first = samples.status(tmp_path)
    with running_fake_daemon(socket, first):
        await until(steps, Change(reset=True))
    await until(steps, Disconnected)
    second = msgspec.structs.replace(
        first, verdicts=(), seq=3, daemon=msgspec.structs.replace(first.daemon, started=first.daemon.started + 60)
    )
    with running_fake_daemon(socket, second):
        await until(steps, Change(reset=True))
        assert view.verdicts == {}
        assert view.seq == 3
        await steps.aclose()


async def test_several_followers_are_back_soon_after_a_restart(tmp_path: Path) -> None:
    socket = tmp_path / "s.sock"
    followers = [follow(socket, DaemonView()) for _ in range(4)]
    with running_fake_daemon(socket, samples.status(tmp_path)):
        await asyncio.gather(*(until(steps, Change(reset=True)) for steps in followers))
    waiting = [asyncio.create_task(until(steps, Connected)) for steps in followers]
    # Long enough for each of them to have given up a few times.
    await asyncio.sleep(3)
    with running_fake_daemon(socket, samples.status(tmp_path)):
        await asyncio.wait_for(asyncio.gather(*waiting), LONGEST_PAUSE + 1)
        for steps in followers:
            await steps.aclose()
