from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from mfenvd.client.calls import Call, Queued
from mfenvd.client.connection import Connection
from mfenvd.client.errors import (
    ConnectionLostError,
    DaemonNotRunningError,
    DaemonUnresponsiveError,
    OtherProtocolError,
    RequestRefusedError,
    SocketPathTooLongError,
    UnexpectedAnswerError,
)
from mfenvd.domain.event import PROTOCOL, Settled, Snapshot, VerdictChanged
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from tests.support import samples
from tests.support.fake_daemon import FakeDaemon, running_fake_daemon


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    with running_fake_daemon(tmp_path / "s.sock", samples.status(tmp_path)) as running:
        yield running


def test_status_arrives_as_it_was_sent(daemon: FakeDaemon) -> None:
    assert Connection(daemon.socket).status() == daemon.status


def test_a_project_is_limited_by_a_query(daemon: FakeDaemon) -> None:
    Connection(daemon.socket).status("/home/ana/flows & more")
    assert daemon.received == [("GET", "/v1/status?project=%2Fhome%2Fana%2Fflows+%26+more", None)]


def test_registering_sends_the_shell(daemon: FakeDaemon, tmp_path: Path) -> None:
    shell = Surroundings(cwd=str(tmp_path), interpreter="/v/bin/python", python="3.11.7", environ={"PIP_PRE": "1"})
    project = Connection(daemon.socket).add_project(str(tmp_path), shell)
    assert project.root == str(tmp_path)
    method, path, body = daemon.received[-1]
    assert (method, path) == ("POST", "/v1/projects")
    assert body == {"root": str(tmp_path), "surroundings": msgspec.json.decode(msgspec.json.encode(shell))}


def test_every_call_speaks_the_contract(daemon: FakeDaemon, tmp_path: Path) -> None:
    connection = Connection(daemon.socket)
    connection.remove_project("/a")
    assert connection.set_trust("/a", trusted=True).trusted
    assert connection.resolve_again("/a", ["x"]) == len(daemon.status.verdicts)
    connection.stop(drain=False)
    assert daemon.received == [
        ("DELETE", "/v1/projects", {"root": "/a"}),
        ("POST", "/v1/trust", {"root": "/a", "trusted": True}),
        ("POST", "/v1/resolve", {"root": "/a", "ids": ["x"], "refresh": True}),
        ("POST", "/v1/stop", {"drain": False}),
    ]


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(DaemonNotRunningError) as caught:
        Connection(tmp_path / "none.sock").greet()
    assert str(tmp_path / "none.sock") in caught.value.message
    assert "mfenv up" in (caught.value.fix or "")


def test_a_socket_that_was_left_behind_counts_as_nobody_there(tmp_path: Path) -> None:
    left = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(left))
    with pytest.raises(DaemonNotRunningError):
        Connection(left).greet()


def test_a_path_that_is_too_long_is_said(tmp_path: Path) -> None:
    with pytest.raises(SocketPathTooLongError):
        Connection(tmp_path / ("x" * 200)).greet()


def test_another_protocol_names_both_versions(daemon: FakeDaemon) -> None:
    daemon.hello = msgspec.structs.replace(daemon.hello, protocol=PROTOCOL + 1, version="9.0")
    with pytest.raises(OtherProtocolError, match=rf"9\.0 .* protocol {PROTOCOL + 1}; .* protocol {PROTOCOL}"):
        Connection(daemon.socket).greet()


def test_a_daemon_that_does_not_answer(daemon: FakeDaemon) -> None:
    daemon.delay = 1.0
    with pytest.raises(DaemonUnresponsiveError, match=r"within 0\.2 s"):
        Connection(daemon.socket, timeout=0.2).status()


def test_a_refusal_is_told_in_the_daemons_words(daemon: FakeDaemon) -> None:
    daemon.refuse["/v1/trust"] = (404, "/a is not watched.", "Run `mfenv up /a`.")
    with pytest.raises(RequestRefusedError) as caught:
        Connection(daemon.socket).set_trust("/a", trusted=True)
    assert (caught.value.status, caught.value.message, caught.value.fix) == (
        404,
        "/a is not watched.",
        "Run `mfenv up /a`.",
    )


def test_something_else_that_answers_is_recognized(daemon: FakeDaemon) -> None:
    with pytest.raises(UnexpectedAnswerError):
        Connection(daemon.socket).call(Call("GET", "/v1/hello", Queued))


def test_events_begin_with_a_snapshot_and_go_on(daemon: FakeDaemon, tmp_path: Path) -> None:
    first = msgspec.structs.replace(daemon.status.verdicts[4], state=State.RESOLVED)
    with Connection(daemon.socket).events() as events:
        snapshot = next(events)
        daemon.publish(lambda seq: VerdictChanged(seq, first))
        daemon.publish(lambda seq: Settled(seq, str(tmp_path)))
        assert isinstance(snapshot, Snapshot)
        assert next(events) == VerdictChanged(101, first)
        assert next(events) == Settled(102, str(tmp_path))


def test_events_resume_after_the_last_one_seen(daemon: FakeDaemon) -> None:
    for root in ("/a", "/b", "/c"):
        daemon.publish(lambda seq, root=root: Settled(seq, root))  # type: ignore[misc]
    with Connection(daemon.socket).events(since=101, boot=str(samples.STARTED)) as events:
        assert [next(events), next(events)] == [Settled(102, "/b"), Settled(103, "/c")]


def test_a_stream_that_ends_is_an_error(daemon: FakeDaemon) -> None:
    with Connection(daemon.socket).events() as events:
        next(events)
        daemon.drop_streams()
        with pytest.raises(ConnectionLostError):
            next(events)


def test_an_error_of_the_consumer_is_left_alone(daemon: FakeDaemon) -> None:
    def print_one() -> None:
        with Connection(daemon.socket).events() as events:
            next(events)
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        print_one()
