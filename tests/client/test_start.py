from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mfenvd.client import start
from mfenvd.client.errors import DaemonNotRunningError, DaemonUnresponsiveError, StartFailedError, StartTimedOutError
from tests.support.fake_daemon import running_fake_daemon


@pytest.fixture
def starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for `python -m mfenvd.daemon start`: the script's content says what it does."""
    script = tmp_path / "starter.py"
    launcher = tmp_path / "python"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    launcher.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(launcher))
    return script


def test_a_daemon_that_runs_is_not_started_again(tmp_path: Path, starter: Path) -> None:
    with running_fake_daemon(tmp_path / "s.sock"):
        running = start.ensure_running(tmp_path / "s.sock")
    assert not running.started
    assert running.hello.pid == 4242
    assert not starter.exists()


def test_it_is_started_as_a_module_of_this_interpreter(tmp_path: Path, starter: Path) -> None:
    starter.write_text(
        f"import sys; open({str(tmp_path / 'argv')!r}, 'w').write(' '.join(sys.argv[1:])); print('ok 7')"
    )
    with pytest.raises(DaemonNotRunningError):
        start.ensure_running(tmp_path / "s.sock")
    assert (tmp_path / "argv").read_text() == "-m mfenvd.daemon start"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "print('error the cache folder is read-only'); raise SystemExit(1)",
            "did not start: the cache folder is read",
        ),
        ("print('error https://me:secret@host/ refused'); raise SystemExit(1)", r"https://\*\*\*\*@host/ refused"),
        ("import sys; sys.exit('No module named aiohttp')", "did not start: No module named aiohttp"),
        ("raise SystemExit(3)", "did not start: it ended with exit code 3"),
    ],
)
def test_a_start_that_fails_says_why(tmp_path: Path, starter: Path, script: str, message: str) -> None:
    starter.write_text(script)
    with pytest.raises(StartFailedError, match=message):
        start.ensure_running(tmp_path / "s.sock")


def test_a_start_that_takes_too_long_says_so(tmp_path: Path, starter: Path) -> None:
    starter.write_text("print('time-out'); raise SystemExit(1)")
    with pytest.raises(StartTimedOutError):
        start.ensure_running(tmp_path / "s.sock")


def test_losing_the_race_to_start_is_no_error(tmp_path: Path, starter: Path) -> None:
    starter.write_text("print('already running 4242')")
    with pytest.raises(DaemonNotRunningError):
        start.ensure_running(tmp_path / "s.sock")
    with running_fake_daemon(tmp_path / "s.sock"):
        assert not start.ensure_running(tmp_path / "s.sock").started


def test_stopping_waits_until_it_is_gone(tmp_path: Path) -> None:
    socket = tmp_path / "s.sock"
    with running_fake_daemon(socket) as daemon:
        start.stop(socket, drain=False)
        assert not socket.exists()
        assert daemon.received[0] == ("POST", "/v1/stop", {"drain": False})
    with pytest.raises(DaemonNotRunningError):
        start.stop(socket)


def test_a_daemon_that_stays_is_said(tmp_path: Path) -> None:
    with running_fake_daemon(tmp_path / "s.sock") as daemon:
        daemon.ignores_stop = True
        with pytest.raises(DaemonUnresponsiveError, match=r"within 0\.2 s"):
            start.stop(tmp_path / "s.sock", timeout=0.2)
