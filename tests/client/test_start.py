from __future__ import annotations

import signal
import subprocess
import sys
import threading
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


def test_nothing_of_the_working_directory_is_run(
    tmp_path: Path, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setenv("MFENV_HOME", "home")
    starter.write_text("import os; print('error', os.getcwd(), os.environ['MFENV_HOME']); raise SystemExit(1)")
    with pytest.raises(StartFailedError) as caught:
        start.ensure_running(tmp_path / "s.sock")
    assert caught.value.message == f"mfenvd did not start: {sys.prefix} {project / 'home'}"


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


HANGING = """
import signal, socket, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("listening", flush=True)
time.sleep(60)
"""


def test_a_daemon_that_hangs_is_ended_by_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_PATIENCE", 0.3)
    socket = tmp_path / "s.sock"
    with subprocess.Popen([sys.executable, "-c", HANGING, str(socket)], stdout=subprocess.PIPE) as hanging:
        assert hanging.stdout
        hanging.stdout.readline()
        # A child that nobody has waited for would count as running still.
        threading.Thread(target=hanging.wait, daemon=True).start()
        start.stop_by_force(socket)
        assert hanging.wait(60) == -signal.SIGKILL


def test_a_daemon_that_answers_is_asked_first(tmp_path: Path) -> None:
    with running_fake_daemon(tmp_path / "s.sock") as daemon:
        start.stop_by_force(tmp_path / "s.sock")
        assert daemon.received[0] == ("POST", "/v1/stop", {"drain": False})
    with pytest.raises(DaemonNotRunningError):
        start.stop_by_force(tmp_path / "s.sock")
