"""A whole session in a real terminal, with the real daemon: from a flow that cannot work to one that does."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_end_to_end import Session
from tests.support.index_server import IndexServer
from tests.support.wheels import wheel

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed (apt install tmux)")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with IndexServer() as index:
        index.add(
            wheel("requests", "2.32.0"),  # Metaflow puts it into every environment
            wheel("app", "1.0"),
            wheel("fast", "1.0", "cp311-cp311-manylinux_2_17_x86_64"),
            wheel("fast", "1.0", "cp311-cp311-macosx_11_0_arm64"),
            wheel("fast", "2.0", "cp311-cp311-manylinux_2_34_x86_64"),
            wheel("fast", "2.0", "cp311-cp311-macosx_11_0_arm64"),
        )
        opened = Session(tmp_path, index)
        # The Metaflow of the tests, whatever the shell has that runs them.
        with (opened.root / "mfenv.toml").open("a") as configuration:
            configuration.write(f'interpreter = "{sys.executable}"\n')
        yield opened
        opened.close()


class Tmux:
    """One window of 140 x 45 in a server of its own, with the dashboard in it."""

    def __init__(self, session: Session, *options: str) -> None:
        self._name = f"mfenv-{session.root.parent.name}"
        self._environ = {**session.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        command = [sys.executable, "-m", "mfenv_tui.main", *options]
        self._tmux(
            "-f", "/dev/null", "-u", "new-session", "-d", "-x", "140", "-y", "45", "-c", str(session.root), *command
        )

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def wait_for(self, text: str, limit: float = 60) -> str:
        deadline = time.monotonic() + limit
        while text not in (screen := self.screen()):
            assert time.monotonic() < deadline, f"{text!r} was not shown:\n{screen}"
            time.sleep(0.1)
        return screen

    def close(self) -> None:
        subprocess.run(["tmux", "-L", self._name, "kill-server"], env=self._environ, capture_output=True, check=False)

    @property
    def has_ended(self) -> bool:
        asked = ["tmux", "-L", self._name, "list-sessions"]
        return subprocess.run(asked, env=self._environ, capture_output=True, check=False).returncode != 0

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-L", self._name, *arguments]
        return subprocess.run(
            command, env=self._environ, capture_output=True, encoding="utf-8", check=True, timeout=20
        ).stdout


def test_from_a_broken_flow_to_a_fixed_one(session: Session) -> None:
    flow, recording = session.root / "flow.py", session.root.parent / "told.ndjson"
    session.mfenv("up")
    tmux = Tmux(session, "--record", str(recording))
    try:
        assert "DemoFlow" in tmux.wait_for("✗ glibc")
        tmux.press("Right")
        tmux.wait_for("fast==2.0")
        tmux.press("/")
        tmux.wait_for("2 of 2")
        tmux.press("e", "n", "d", "Enter")
        tmux.wait_for("1 of 2")
        tmux.press("Escape")
        flow.write_text(flow.read_text().replace('"fast": "2.0"', '"fast": "1.0"'))
        deadline = time.monotonic() + 60
        while "✗" in (screen := tmux.screen()) or "◌" in screen or "·  " in screen:
            assert time.monotonic() < deadline, screen
            time.sleep(0.2)
        assert "✓" in screen
        tmux.press("q")
        while not tmux.has_ended:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        tmux.close()
    assert b"hunter2" not in recording.read_bytes()
