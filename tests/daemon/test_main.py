"""The `mfenvd` command as users run it, with the real reader."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mfenvd.client.connection import Connection
from mfenvd.domain.codes import Code
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from mfenvd.paths import Paths, find_paths
from tests.daemon.harness import REPOSITORY, is_running, until

FLOW = """
from metaflow import FlowSpec, step, pypi

class Example(FlowSpec):
    @pypi(python="3.11", packages={packages})
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


class Command:
    def __init__(self, home: Path) -> None:
        self.environ = {**os.environ, "MFENV_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
        self.paths: Paths = find_paths(self.environ)
        self.connection = Connection(self.paths.socket)

    def run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mfenvd.daemon", *arguments]
        return subprocess.run(
            command, env=self.environ, capture_output=True, text=True, timeout=60, check=False, cwd=cwd
        )


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    one = Command(tmp_path / "home")
    yield one
    one.run("stop", "--now")


def test_start_leaves_a_daemon_behind_that_stop_ends(command: Command) -> None:
    started = command.run("start")
    assert (started.returncode, started.stderr) == (0, "")
    word, pid = started.stdout.split()
    assert word == "ok"
    assert command.connection.greet().pid == int(pid)
    again = command.run("start")
    assert (again.returncode, again.stdout) == (0, f"already running {pid}\n")
    status = json.loads(command.run("status").stdout)
    assert status["pid"] == int(pid)
    assert status["socket"] == str(command.paths.socket)
    stopped = command.run("stop")
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    until(lambda: not is_running(int(pid)))
    assert command.run("stop").stdout == "not running\n"
    assert command.run("status").returncode == 1


def test_started_daemon_holds_nothing_of_its_starter(command: Command, tmp_path: Path) -> None:
    starter_folder = tmp_path / "project"
    starter_folder.mkdir()
    pid = int(command.run("start", cwd=starter_folder).stdout.split()[1])
    process = psutil.Process(pid)
    assert process.cwd() == command.paths.state
    assert os.getsid(pid) == pid
    if sys.platform == "linux":
        streams = [str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in range(3)]
        assert streams == [os.devnull] * 3


def test_start_that_fails_says_why(command: Command) -> None:
    Path(command.paths.log).parent.mkdir()
    Path(command.paths.log).write_text("a file where a folder should be")
    started = command.run("start")
    assert started.returncode == 1
    assert started.stdout.startswith("error ")
    assert "log" in started.stdout


def test_modules_of_the_project_are_not_run(command: Command, root: Path) -> None:
    for name in ("argparse", "logging", "asyncio", "msgspec", "aiohttp", "packaging"):
        (root / f"{name}.py").write_text(f"open({str(root / 'run')!r}, 'a').write({name!r})\nraise SystemExit(9)\n")
    (root / "flow.py").write_text(FLOW.format(packages={}))
    command.environ.pop("PYTHONPATH")
    assert command.run("start", cwd=root).stdout.startswith("ok ")
    command.connection.add_project(str(root), Surroundings(str(root)))
    until(lambda: command.connection.status().projects[0].flows == 1)
    assert not (root / "run").exists()


def test_real_reader_settles_and_follows_saves(command: Command, root: Path) -> None:
    command.run("start")
    flow = root / "flow.py"
    # Nothing of this needs an index: a git requirement cannot cross architectures.
    flow.write_text(FLOW.format(packages={"clip": "@git+https://example.com/clip.git"}))
    (root / "mfenv.toml").write_text('archs = ["linux-64", "osx-arm64", "win-64"]\n')
    command.connection.add_project(str(root), Surroundings(str(root)))
    until(lambda: not command.connection.status().projects[0].reading)
    project = command.connection.status().projects[0]
    assert project.flows == 1
    verdicts = command.connection.status().verdicts
    assert {str(verdict.target.arch) for verdict in verdicts} >= {"osx-arm64", "win-64"}
    flow.write_text(flow.read_text() + "\n    def broken(:\n")
    until(lambda: Code.SYNTAX_ERROR in [f.code for f in command.connection.status().projects[0].findings])
    assert len(command.connection.status().verdicts) == len(verdicts)
    flow.unlink()
    until(lambda: command.connection.status().verdicts == ())


def test_foreign_archs_of_a_git_requirement_are_blocked_by_real_workers(command: Command, root: Path) -> None:
    command.run("start")
    (root / "flow.py").write_text(FLOW.format(packages={"clip": "@git+https://example.com/clip.git"}))
    (root / "mfenv.toml").write_text('archs = ["osx-64", "win-64"]\n')
    command.connection.add_project(str(root), Surroundings(str(root)))

    def foreign() -> set[State]:
        verdicts = command.connection.status().verdicts
        return {verdict.state for verdict in verdicts if str(verdict.target.arch) in {"osx-64", "win-64"}}

    until(lambda: foreign() == {State.BLOCKED}, patience=40)
