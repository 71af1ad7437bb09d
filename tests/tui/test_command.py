"""`mfenv-tui` as a process, in a pipe and in a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from mfenv_tui.hangup import HUNG_UP
from mfenv_tui.main import main
from mfenv_tui.matrix import Matrix
from mfenvd.domain.event import Status
from tests.support import samples
from tests.support.fake_daemon import empty_status, running_fake_daemon

COMMAND = [sys.executable, "-m", "mfenv_tui.main"]


def run(home: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env=settings(home, environ),
    )


def settings(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "LINES"}}
    return {**inherited, "MFENV_HOME": str(home), "PYTHONIOENCODING": "utf-8", "TERM": "xterm-256color", **more}


def test_once_prints_the_matrix_and_the_findings(project: Path, home: Path, socket: Path) -> None:
    with running_fake_daemon(socket, samples.status(project)):
        ended = run(home, "--once")
    assert (ended.returncode, ended.stderr) == (0, "")
    table, _, findings = ended.stdout.partition("\n\n")
    assert [line.split("  ")[0] for line in table.splitlines()] == [
        "environment",
        "ScoreFlow · start",
        "TrainFlow · evaluate, train",
        "ScoreFlow · end",
        "TrainFlow · end",
        "TrainFlow · report",
        "TrainFlow · start",
    ]
    assert "✗ glibc" in table
    assert "  fix  Pin `numpy==2.3.1`, or run on an image with GLIBC 2.27 or newer." in findings.splitlines()
    assert "\x1b" not in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) < 400


def test_ctrl_c_before_there_is_a_picture_ends_it_quietly(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("MFENV_HOME", str(home))
    monkeypatch.setattr("mfenvd.client.connection.Connection.status", interrupted)
    assert main(["--once"]) == 130
    assert capsys.readouterr().err == ""


def test_a_failure_of_once_is_a_line_and_a_log(
    project: Path, home: Path, socket: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MFENV_HOME", str(home))
    monkeypatch.setattr(Matrix, "update", lambda _: 1 / 0)
    with running_fake_daemon(socket, samples.status(project)):
        assert main(["--once"]) == 1
    log = home / "log" / "mfenv-tui.log"
    assert (
        capsys.readouterr().err
        == f"mfenv-tui failed (ZeroDivisionError: division by zero). Please report it with {log}.\n"
    )
    assert "Traceback" in log.read_text(encoding="utf-8")


def test_once_in_ascii(project: Path, home: Path, socket: Path) -> None:
    with running_fake_daemon(socket, samples.status(project)):
        ended = run(home, "--once", "--ascii")
    assert ended.stdout.isascii()
    assert "x glibc" in ended.stdout


def test_a_terminal_without_unicode_gets_ascii_by_itself(project: Path, home: Path, socket: Path) -> None:
    with running_fake_daemon(socket, samples.status(project)):
        ended = run(home, "--once", PYTHONIOENCODING="ascii")
    assert (ended.returncode, ended.stdout.isascii()) == (0, True)


def test_once_without_a_daemon_says_so_and_could_not_tell(home: Path, socket: Path) -> None:
    ended = run(home, "--once")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr == f"mfenvd is not running (nobody answers on {socket}).\nRun `mfenv up` to start it.\n"


@pytest.mark.parametrize(("projects", "said"), [(0, "No project is watched."), (1, "No environments.")])
def test_once_with_nothing_to_show(home: Path, socket: Path, projects: int, said: str) -> None:
    status = empty_status(socket)
    told = Status(status.daemon, samples.status(home).projects[:projects], ())
    with running_fake_daemon(socket, told):
        assert run(home, "--once").stdout.strip() == said


def test_version_and_help() -> None:
    assert main(["--version"]) == 0
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    with pytest.raises(SystemExit) as ended:
        main(["--unknown"])
    assert ended.value.code == 2


class Terminal:
    """A dashboard in a pseudo-terminal."""

    def __init__(self, home: Path, size: tuple[int, int], environ: Mapping[str, str]) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.process = subprocess.Popen(
            COMMAND, stdin=slave, stdout=slave, stderr=slave, env=settings(home, environ), start_new_session=True
        )
        os.close(slave)
        self.told = ""

    def wait_for(self, text: str, limit: float = 30) -> None:
        """Until `text` is written, from what was last waited for on."""
        deadline = time.monotonic() + limit
        while text not in self.told:
            if not select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{text!r} was not written within {limit:g} s: {self.told[-2000:]!r}")
            self.told += os.read(self.master, 65536).decode(errors="replace")
        self.told = self.told.partition(text)[2]

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def ended(self) -> tuple[int, str]:
        """Exit code, and what was written since what was last waited for."""
        deadline = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < deadline:
            self._drain(0.1)
        self._drain(0)
        return self.process.wait(30), self.told

    def _drain(self, seconds: float) -> None:
        while select.select([self.master], [], [], seconds)[0]:
            try:
                self.told += os.read(self.master, 65536).decode(errors="replace")
            except OSError:  # the other side is closed
                return


@contextmanager
def terminal(home: Path, size: tuple[int, int] = (140, 45), **environ: str) -> Iterator[Terminal]:
    opened = Terminal(home, size, environ)
    try:
        yield opened
    finally:
        opened.process.kill()
        opened.process.wait(10)
        os.close(opened.master)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_in_a_terminal_it_draws_lends_it_to_the_editor_and_leaves_it_clean(
    project: Path, home: Path, socket: Path, tmp_path: Path
) -> None:
    editor, opened = tmp_path / "vim", tmp_path / "opened"
    editor.write_text(f'#!/bin/sh\necho "$@" > {opened}\necho in the editor\nread line\n', encoding="utf-8")
    editor.chmod(0o755)
    with running_fake_daemon(socket, samples.status(project)), terminal(home, EDITOR=str(editor)) as screen:
        screen.wait_for("wheel gap")
        screen.press("\x1b[B\x1b[C")
        screen.wait_for("TrainFlow · evaluate, train · linux-64")
        screen.press("o")
        screen.wait_for("in the editor")
        assert opened.read_text(encoding="utf-8").split() == ["+11", str(project / "train.py")]
        screen.process.send_signal(signal.SIGINT)  # Ctrl-C in an editor is for the editor
        screen.press("\r")
        screen.wait_for("wheel gap")
        screen.press("q")
        code, rest = screen.ended()
    assert code == 0
    assert "\x1b[?1049l" in rest  # back on the shell's own screen
    assert "Traceback" not in rest


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_copying_sends_the_text_to_the_terminals_clipboard(project: Path, home: Path, socket: Path) -> None:
    with running_fake_daemon(socket, samples.status(project)), terminal(home) as screen:
        screen.wait_for("wheel gap")
        screen.press("\x1b[B\x1b[C\x1b[C")
        screen.wait_for("torch 2.6.0 has no wheel")
        screen.press("y")
        screen.wait_for("\x1b]52;c;dG9yY2g9PTIuMi4y\x07")  # torch==2.2.2


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_it_ends_when_its_terminal_goes_away(project: Path, home: Path, socket: Path) -> None:
    with running_fake_daemon(socket, samples.status(project)):
        screen = Terminal(home, (140, 45), {})
        try:
            screen.wait_for("wheel gap")
            os.close(screen.master)
            assert screen.process.wait(20) == HUNG_UP
        finally:
            screen.process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_it_ends_when_its_terminal_goes_away_while_it_starts(home: Path) -> None:
    screen = Terminal(home, (140, 45), {})
    try:
        os.close(screen.master)
        assert screen.process.wait(20) != 0
    finally:
        screen.process.kill()


def test_without_a_terminal_for_its_keys_it_says_so(home: Path) -> None:
    done = subprocess.run(
        COMMAND, stdin=subprocess.DEVNULL, env=settings(home, {}), capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "mfenv-tui --once" in done.stderr


def test_a_failure_is_one_line_for_the_user_and_a_log_for_who_mends_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mfenv_tui import main as command
    from mfenv_tui.app import Dashboard

    def fail(app: Dashboard) -> None:
        app.failure = ValueError("at https://ana:s3cret@index.example/")

    monkeypatch.setenv("MFENV_HOME", str(home))
    monkeypatch.setattr(Dashboard, "run", fail)
    monkeypatch.setattr(os, "isatty", lambda _: True)
    monkeypatch.setattr("mfenv_tui.hangup.end_with_terminal", lambda: None)  # it would end the tests
    assert command.main([]) == 1
    log = home / "log" / "mfenv-tui.log"
    told = capsys.readouterr()
    assert told.err == (
        f"mfenv-tui failed (ValueError: at https://****@index.example/). Please report it with {log}.\n"
    )
    assert "s3cret" not in log.read_text(encoding="utf-8")
    assert told.out == ""


async def test_an_error_inside_ends_it_and_is_kept() -> None:
    from tests.tui.support import dashboard

    app = dashboard()
    with pytest.raises(ZeroDivisionError):
        async with app.run_test():
            app.call_later(lambda: 1 / 0)
    assert isinstance(app.failure, ZeroDivisionError)


@pytest.mark.parametrize(
    ("imported", "left_out"),
    [
        ("mfenv_tui.main", ("textual", "rich", "aiohttp")),
        ("mfenv_tui.app", ("aiohttp", "packaging", "http.client", "typer", "uv", "watchfiles", "boto3")),
        ("mfenv_tui.once", ("textual", "aiohttp", "typer")),
    ],
)
def test_what_the_first_picture_does_not_need_is_not_imported(imported: str, left_out: tuple[str, ...]) -> None:
    code = f"import sys, {imported}; print(*(n for n in {left_out!r} if n in sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.split() == []
