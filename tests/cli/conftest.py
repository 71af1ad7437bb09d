from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from mfenvd.cli.main import run
from mfenvd.cli.terminal import STYLES, Terminal
from mfenvd.paths import find_paths
from tests.support import samples
from tests.support.fake_daemon import FakeDaemon, running_fake_daemon


@dataclass(frozen=True)
class Ended:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


def started(*arguments: str, **options: object) -> subprocess.Popen[str]:
    """`mfenv` as a process of its own."""
    argv = [sys.executable, "-c", "from mfenvd.cli.main import main; main()", *arguments]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sample project, being the working directory, with mfenv's folders beside it."""
    root = tmp_path / "flows"
    samples.write_sample_project(root)
    monkeypatch.chdir(root)
    monkeypatch.setenv("MFENV_HOME", str(tmp_path / "home"))
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return root


@pytest.fixture
def daemon(project: Path) -> Iterator[FakeDaemon]:
    """A fake daemon that watches the sample project, where commands look for one."""
    socket = find_paths().socket
    with running_fake_daemon(socket, samples.status(project, socket=str(socket))) as running:
        yield running


@pytest.fixture
def mfenv(project: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process; standard output is no terminal."""

    def run_it(*arguments: str) -> Ended:
        capsys.readouterr()
        code = run(arguments)
        told = capsys.readouterr()
        return Ended(code, told.out, told.err)

    return run_it


def terminal(width: int = 120, *, here: Path, ascii_only: bool = False, tty: bool = False) -> Terminal:
    """A terminal in memory, without colours."""
    out, err = (
        Console(
            file=io.StringIO(), width=width, height=30, force_terminal=tty, color_system=None, theme=STYLES,
            highlight=False, markup=False, emoji=False,
        )
        for _ in range(2)
    )  # fmt: skip
    return Terminal(out=out, err=err, ascii_only=ascii_only, here=here)


def shown(on: Terminal) -> str:
    """What was printed on `out`, without the spaces that fill up lines."""
    assert isinstance(on.out.file, io.StringIO)
    return "\n".join(line.rstrip() for line in on.out.file.getvalue().splitlines())
