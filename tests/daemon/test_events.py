from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import aiohttp
import msgspec
import pytest

from mfenvd.client.calls import read_event
from mfenvd.client.errors import RequestRefusedError
from mfenvd.daemon.events import Events
from mfenvd.domain.event import Settled, Snapshot, Stopping
from mfenvd.domain.surroundings import Surroundings
from tests.daemon.harness import Daemon, until


def number(events: Events, count: int) -> None:
    for _ in range(count):
        events.publish(Settled(0, "/p"))


def seqs(lines: bytes) -> list[int]:
    return [msgspec.json.decode(line)["seq"] for line in lines.splitlines()]


def test_events_are_numbered_and_the_ring_forgets_the_oldest() -> None:
    events = Events(limit=3)
    number(events, 5)
    assert events.seq == 5
    assert [events.covers(position) for position in range(7)] == [False, False, True, True, True, True, False]
    assert seqs(events.after(2)) == [3, 4, 5]
    assert events.after(5) == b""


def test_ring_is_bounded_by_what_it_weighs() -> None:
    events = Events(limit_bytes=1000)
    for _ in range(50):
        events.publish(Settled(0, "/" + "p" * 200))
    assert len(events.after(events.seq - len(events._ring))) <= 1000
    events.publish(Settled(0, "/" + "p" * 5000))
    assert seqs(events.after(50)) == [51]


async def test_follower_gets_all_in_order() -> None:
    events = Events()
    with events.follow(0, lambda: None) as follower:
        number(events, 3)
        assert seqs(await events.next(follower, 1)) == [1, 2, 3]
        waiting = asyncio.create_task(events.next(follower, 5))
        await asyncio.sleep(0)
        number(events, 1)
        assert seqs(await waiting) == [4]
        assert await events.next(follower, 0.01) == b""


async def test_slow_follower_is_dropped_and_others_are_not() -> None:
    events, dropped = Events(limit=10), []
    with events.follow(0, lambda: dropped.append("slow")) as slow, events.follow(0, lambda: None) as fast:
        for _ in range(12):
            number(events, 1)
            await events.next(fast, 1)
        assert dropped == ["slow"]
        assert slow.dropped
        assert not fast.dropped
        assert await events.next(slow, 1) == b""


async def test_closed_events_end_their_followers() -> None:
    events = Events()
    with events.follow(0, lambda: None) as follower:
        waiting = asyncio.create_task(events.next(follower, 60))
        await asyncio.sleep(0)
        events.close()
        assert await asyncio.wait_for(waiting, 30) == b""


def stream(daemon: Daemon, query: str = "") -> socket.socket:
    connected = socket.socket(socket.AF_UNIX)
    connected.settimeout(20)
    connected.connect(str(daemon.paths.socket))
    connected.sendall(f"GET /v1/events{query} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
    return connected


def first_lines(connected: socket.socket, count: int) -> list[bytes]:
    """The first lines after the headers."""
    with connected.makefile("rb") as file:
        while file.readline().strip():
            pass
        return [file.readline() for _ in range(count)]


def first_event(daemon: Daemon, query: str) -> object:
    with stream(daemon, query) as connected:
        return read_event(first_lines(connected, 1)[0])


def test_stream_continues_where_the_client_left_off(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\n")
    running.settle(root)
    status = running.connection.status()
    boot = str(status.daemon.started)
    last = first_event(running, f"?since={status.seq - 1}&boot={boot}")
    assert isinstance(last, Settled)
    assert last.seq == status.seq
    assert isinstance(first_event(running, ""), Snapshot)
    assert isinstance(first_event(running, f"?since={status.seq + 1}"), Snapshot)
    assert isinstance(first_event(running, f"?since={status.seq - 1}&boot=12.5"), Snapshot)
    assert isinstance(first_event(running, "?since=1&boot=nonsense"), Snapshot)


def test_snapshot_and_the_events_after_it_leave_nothing_out(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("".join(f"step{n}: package{n}\n" for n in range(10)))
    running.up(root)
    with stream(running) as connected, connected.makefile("rb") as file:
        while file.readline().strip():
            pass
        snapshot = read_event(file.readline())
        assert isinstance(snapshot, Snapshot)
        expected = snapshot.status.seq
        while True:
            event = read_event(file.readline())
            assert event is not None
            expected += 1
            assert event.seq == expected
            if isinstance(event, Settled):
                return


def drained(connected: socket.socket) -> int:
    """Reads to the end; how many bytes there were."""
    count = 0
    with suppress(ConnectionError):
        while part := connected.recv(1 << 20):
            count += len(part)
    return count


def test_follower_that_does_not_read_is_dropped_and_delays_nobody(running: Daemon, root: Path) -> None:
    with stream(running) as lazy:
        # Each event about this project weighs half a megabyte, and the ring holds four.
        running.up(root, METAFLOW_LARGE="x" * (1 << 19))
        for number in range(60):
            running.connection.set_trust(str(root), trusted=number % 2 == 0)
        until(lambda: "reads too slowly" in running.log)
        # Of some thirty megabytes it got what was on its way already.
        assert drained(lazy) < 16 << 20
    assert running.connection.greet().pid == running.pid


def test_follower_is_told_when_the_daemon_stops(running: Daemon) -> None:
    with stream(running) as connected:
        lines = []
        with connected.makefile("rb") as file:
            while file.readline().strip():
                pass
            file.readline()
            running.connection.stop()
            lines = [line for line in file if line.strip()]
    assert isinstance(read_event(lines[-1]), Stopping)
    assert running.wait() == 0


WRONG_CALLS: list[tuple[str, str, object, int, str]] = [
    ("POST", "/v1/projects", {"root": "relative", "surroundings": {"cwd": "/"}}, 400, "absolute"),
    ("POST", "/v1/projects", {"root": "/no/such", "surroundings": {"cwd": "/"}}, 404, "does not exist"),
    ("POST", "/v1/projects", {"root": __file__, "surroundings": {"cwd": "/"}}, 404, "not a folder"),
    ("POST", "/v1/projects", {"root": "/"}, 400, "surroundings"),
    ("POST", "/v1/projects", {"root": 3, "surroundings": {"cwd": "/"}}, 400, "root"),
    ("DELETE", "/v1/projects", {"root": "/no/such"}, 404, "not watched"),
    ("POST", "/v1/trust", {"root": "/p"}, 400, "trusted"),
    ("POST", "/v1/resolve", {"root": "/no/such"}, 404, "not watched"),
    ("POST", "/v1/cancel", {"root": "/no/such"}, 404, "not watched"),
    ("GET", "/v1/wheels?name=numpy&project=/no/such", None, 404, "not watched"),
    ("GET", "/v1/wheels?name=numpy", None, 400, "not an absolute path"),
    ("GET", "/v1/wheels?name=numpy&limit=few", None, 400, "limit"),
    ("GET", "/v1/events?since=soon", None, 400, "since"),
    ("GET", "/v1/nothing", None, 404, "/v1/nothing"),
    ("PUT", "/v1/hello", None, 405, "PUT"),
]


async def test_wrong_calls_are_answered_with_what_is_wrong(running: Daemon) -> None:
    connector = aiohttp.UnixConnector(str(running.paths.socket))
    async with aiohttp.ClientSession(connector=connector) as session:
        for method, path, body, status, says in WRONG_CALLS:
            data = None if body is None else msgspec.json.encode(body)
            async with session.request(method, f"http://mfenvd{path}", data=data) as response:
                told = msgspec.json.decode(await response.read())
            assert response.status == status, path
            assert says in told["error"]["message"]
            assert set(told["error"]) == {"message", "fix"}


def test_trust_can_be_given_before_a_folder_is_registered(running: Daemon, root: Path) -> None:
    assert running.connection.set_trust(str(root), trusted=True).trusted
    assert running.connection.status().projects == ()
    assert running.up(root).trusted


def test_project_is_known_by_its_real_path(running: Daemon, root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    (root / "flow.py").write_text("start: requests\n")
    assert running.up(link).root == str(root)
    until(lambda: running.states(link))
    running.connection.remove_project(str(link))
    with pytest.raises(RequestRefusedError):
        running.connection.remove_project(str(root))


def test_status_of_one_project_has_only_its_verdicts(running: Daemon, root: Path, tmp_path: Path) -> None:
    other = (tmp_path / "other").resolve()
    other.mkdir()
    for folder in (root, other):
        (folder / "flow.py").write_text("start: requests\n")
        running.settle(folder)
    assert len(running.connection.status().verdicts) == 2
    assert [one.source for one in running.connection.status(str(other)).verdicts] == [str(other / "flow.py")]
    assert len(running.connection.status(str(other)).projects) == 2


def test_huge_body_is_refused(running: Daemon, root: Path) -> None:
    surroundings = Surroundings(str(root), environ={"METAFLOW_X": "x" * (5 << 20)})
    with pytest.raises(RequestRefusedError):
        running.connection.add_project(str(root), surroundings)
