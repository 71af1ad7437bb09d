from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.event import (
    AnyEvent,
    ProjectChanged,
    ResolveProgress,
    Settled,
    Stopping,
    VerdictChanged,
    VerdictRemoved,
)
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.resolver import Progress
from mfenvd.domain.state import State
from tests.cli.conftest import Run, started
from tests.support.fake_daemon import FakeDaemon

Make = Callable[[int], AnyEvent]


def settling(daemon: FakeDaemon, project: Path, *, findings: Sequence[Finding] = (), kept: bool = True) -> list[Make]:
    """What a daemon tells of the sample project from being registered to being settled."""
    info = msgspec.structs.replace(daemon.status.projects[0], reading=False, findings=tuple(findings))
    told: list[Make] = [lambda seq: ProjectChanged(seq, info)]
    for verdict in daemon.status.verdicts:
        if verdict.state.is_final:
            continue
        under_way = msgspec.structs.replace(verdict, state=State.RESOLVING, findings=())
        done = msgspec.structs.replace(verdict, state=State.RESOLVED, findings=())
        told += [
            lambda seq, it=under_way: VerdictChanged(seq, it),  # type: ignore[misc]
            lambda seq, it=verdict: ResolveProgress(seq, (it.id,), Progress("solving", 1, 2)),  # type: ignore[misc]
            lambda seq, it=done: VerdictChanged(seq, it),  # type: ignore[misc]
        ]
    if kept:
        told.append(lambda seq: Settled(seq, str(project)))
    return told


def play(daemon: FakeDaemon, events: Sequence[Make]) -> None:
    """Tells `events` as soon as a project is registered."""

    def on_add(_root: str) -> None:
        for make in events:
            daemon.publish(make)

    daemon.on_add = on_add


def test_up_ends_with_the_matrix_and_the_findings(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    play(daemon, settling(daemon, project))
    ended = mfenv("up")
    assert ended.code == 0
    assert "TrainFlow · train, evaluate  3.11    ✗ glibc          ✗ wheel gap  ✓ resolved" in ended.out
    assert "error[MFE302]: torch 2.6.0 has no wheel for osx-64." in ended.out
    assert ended.out.rstrip().endswith("✗ 3 blocked  ? 4 could not tell")
    assert f"mfenvd watches {project}." in ended.err


def test_up_lists_the_verdicts_as_status_does_however_they_came(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    first = daemon.status.verdicts[0]
    came: list[Make] = [lambda seq: VerdictRemoved(seq, first.id), lambda seq: VerdictChanged(seq, first)]
    play(daemon, [*came, *settling(daemon, project)])
    told = json.loads(mfenv("up", "--json").out)
    listed = [(verdict.source, verdict.step, str(verdict.target.arch)) for verdict in daemon.status.verdicts]
    assert [(each["source"], each["step"], each["target"]["arch"]) for each in told["verdicts"]] == listed


def test_progress_is_lines_where_there_is_no_terminal(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    play(daemon, settling(daemon, project))
    told = mfenv("up").err.splitlines()
    assert "TrainFlow · train  osx-arm64  ◌ resolving" in told
    assert any(line.startswith("TrainFlow · train  osx-arm64  ✓ resolved  (") for line in told)


def test_up_as_json_is_only_json(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    syntax = Finding(Code.SYNTAX_ERROR, Severity.ERROR, "invalid syntax", path=str(project / "broken.py"), line=3)
    play(daemon, settling(daemon, project, findings=[syntax]))
    ended = mfenv("up", "--json")
    told = json.loads(ended.out)
    assert ended.err == ""
    assert len(told["verdicts"]) == len(daemon.status.verdicts)
    assert [finding["code"] for finding in told["findings"]] == ["MFE103"]


def test_up_shows_only_what_was_asked_for(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    play(daemon, settling(daemon, project))
    told = json.loads(mfenv("up", "--json", "score.py").out)
    assert {verdict["source"] for verdict in told["verdicts"]} == {str(project / "score.py")}
    assert [call[2]["root"] for call in daemon.received if call[0] == "POST"] == [str(project)]


def test_up_registers_the_project_that_a_path_lies_in(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    (project / "mfenv.toml").write_text("")
    (project / "deep").mkdir()
    assert mfenv("up", "--no-wait", "deep").out == f"Watching {project}.\n"
    assert [call[2]["root"] for call in daemon.received if call[0] == "POST"] == [str(project)]


def test_a_pass_that_was_under_way_already_does_not_count(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    early: list[Make] = [lambda seq: Settled(seq, "/elsewhere")]
    play(daemon, early + settling(daemon, project))
    assert "✗ 3 blocked" in mfenv("up").out


def test_a_daemon_that_stops_meanwhile_is_said(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    play(daemon, [*settling(daemon, project, kept=False), lambda seq: Stopping(seq, "asked to stop")])
    ended = mfenv("up")
    assert ended.code == 3
    assert "error: mfenvd is stopping: asked to stop\nfix: Run `mfenv up` again.\n" in ended.err


def test_a_daemon_that_dies_meanwhile_is_said(mfenv: Run, daemon: FakeDaemon) -> None:
    daemon.on_add = lambda _root: daemon.close()
    ended = mfenv("up")
    assert ended.code == 3
    assert "error: mfenvd is not running" in ended.err


def test_a_stream_that_was_dropped_goes_on_where_it_was(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    told = settling(daemon, project)

    def on_add(_root: str) -> None:
        for number, make in enumerate(told):
            if number == len(told) // 2:
                daemon.drop_streams()
            daemon.publish(make)

    daemon.on_add = on_add
    ended = mfenv("up")
    assert ended.code == 0
    assert "TrainFlow · train, evaluate  3.11    ✗ glibc          ✗ wheel gap  ✓ resolved" in ended.out
    assert any(call[1].startswith("/v1/events?since=") for call in daemon.received)


def test_the_configuration_counts_for_every_path(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    setting = Finding(Code.BAD_SETTING, Severity.ERROR, "bad", path=str(project / "mfenv.toml"), line=1)
    other = Finding(Code.SYNTAX_ERROR, Severity.ERROR, "bad", path=str(project / "broken.py"), line=1)
    play(daemon, settling(daemon, project, findings=[setting, other]))
    told = json.loads(mfenv("up", "--json", "score.py").out)
    assert [finding["code"] for finding in told["findings"]] == ["MFE204"]


@pytest.mark.parametrize("name", ["up", "refresh"])
def test_ctrl_c_leaves_the_daemon_at_work(daemon: FakeDaemon, project: Path, name: str) -> None:
    play(daemon, settling(daemon, project, kept=False))
    daemon.on_resolve = lambda: daemon.on_add(str(project))
    with started(name, cwd=project, env=dict(os.environ)) as waiting:
        assert waiting.stderr
        assert any("✓ resolved" in line for line in waiting.stderr)
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(60) == 130
        rest = waiting.stderr.read()
    assert "Going on in the background" in rest
    assert "Traceback" not in rest
    assert not any(call[1] == "/v1/stop" for call in daemon.received)


@pytest.mark.parametrize("path", ["nowhere", "nowhere/train.py"])
def test_a_path_that_is_not_there_starts_nothing(mfenv: Run, path: str) -> None:
    ended = mfenv("up", path)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: {path} does not exist.")
