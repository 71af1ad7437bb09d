"""How commands end that are interrupted, that the system refuses something, or that have a bug."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mfenvd.cli.exit_codes import ExitCode
from mfenvd.cli.main import run
from mfenvd.paths import find_paths
from tests.cli.conftest import Run, started


def test_a_reader_that_leaves_early_causes_no_noise(project: Path) -> None:
    log = find_paths().log_file
    log.parent.mkdir(parents=True)
    log.write_text("a line of some length\n" * 50_000)
    with started("logs", "-n", "50000", cwd=project) as writing:
        assert writing.stdout
        assert writing.stderr
        writing.stdout.readline()
        writing.stdout.close()
        assert writing.wait(60) == 141
        assert writing.stderr.read() == ""


def test_a_bug_is_told_without_a_traceback(mfenv: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("https://me:secret@index.example/ surprised us")

    monkeypatch.setattr("mfenvd.cli.status.print_status", broken)
    ended = mfenv("status")
    assert ended.code == 3
    assert ended.err.startswith("error: mfenv failed: RuntimeError: https://****@index.example/ surprised us\nfix: ")
    assert "Traceback" not in ended.err
    (crash,) = Path(find_paths().log).glob("crash-*.txt")
    assert str(crash) in ended.err
    written = crash.read_text()
    assert "Traceback" in written
    assert "secret" not in written


def test_what_the_system_refuses_is_no_bug(mfenv: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/cache/x")

    monkeypatch.setattr("mfenvd.cli.status.print_status", full)
    ended = mfenv("status")
    assert ended.code == 3
    assert ended.err.startswith("error: No space left on device: /cache/x\nfix: The details are in ")


def test_a_home_that_cannot_be_written_to_is_said_once(
    mfenv: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("MFENV_HOME", str(file))
    ended = mfenv("resolve", "demo", "--python", "3.11", "--arch", "linux-64", "--arch", "osx-arm64")
    assert (ended.code, ended.out) == (3, "")
    assert f"error: {file}/cache cannot be written to: Not a directory.\nfix: Set MFENV_HOME" in ended.err
    assert mfenv("status").code == 0


def test_a_working_directory_that_is_gone_is_said(mfenv: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    ended = mfenv("check")
    assert ended.code == 3
    assert ended.err.startswith("error: No such file or directory")


def test_ctrl_c_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], project: Path) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mfenvd.cli.status.print_status", interrupted)
    assert project
    assert run(["status"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("waiting", [False, True])
def test_ctrl_c_is_quiet_where_it_ends_the_reader_too(waiting: bool) -> None:
    code = f"""
import threading
from mfenvd.cli import main, status
def interrupted(**_):
    print("half")
    if {waiting}:
        threading.Thread(target=threading.Event().wait, args=(60,)).start()
    raise KeyboardInterrupt
status.print_status = interrupted
main.main()
"""
    reader, writer = os.pipe()
    os.close(reader)
    argv, environ = [sys.executable, "-c", code, "status"], {**os.environ, "PYTHONUNBUFFERED": ""}
    with os.fdopen(writer) as closed:
        ended = subprocess.run(argv, stdout=closed, stderr=subprocess.PIPE, check=False, timeout=30, env=environ)
    assert (ended.returncode, ended.stderr) == (130, b"")


def test_ctrl_c_is_quiet_while_modules_are_loaded() -> None:
    code = """
import sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == "msgspec":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from mfenvd.cli.entry import main
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code, "status"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (ExitCode.INTERRUPTED, "", "")


def test_a_second_ctrl_c_that_hits_a_lock_of_python_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], project: Path
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        lock = threading.Lock()
        with lock:  # given back already when the second one comes, as in `Condition.wait`
            lock.release()
            raise KeyboardInterrupt

    monkeypatch.setattr("mfenvd.cli.status.print_status", interrupted)
    assert project
    assert run(["status"]) == 130
    assert capsys.readouterr() == ("", "")
