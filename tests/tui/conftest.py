from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.support import samples
from tests.tui.camera import LOOKS, Look


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the terminal that the tests run in."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def cursor_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that blinks is in every second picture only."""
    monkeypatch.setattr(Input, "_toggle_cursor", lambda _input: None)


@pytest.fixture(params=LOOKS, ids=str)
def look(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Every size, with and without NO_COLOR, which is set then, and `--ascii`; clock times are Greenwich's."""
    monkeypatch.setattr(time, "localtime", time.gmtime)
    chosen: Look = request.param
    if chosen.colourless:
        monkeypatch.setenv("NO_COLOR", "1")
    return chosen


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The sample project on disk."""
    root = tmp_path / "team-flows"
    samples.write_sample_project(root)
    return root


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a path short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="mf") as folder:
        yield Path(folder)


@pytest.fixture
def socket(home: Path) -> Path:
    """Where `mfenv-tui` looks with MFENV_HOME set to `home`."""
    (home / "run").mkdir()
    return home / "run" / "mfenvd.sock"
