from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.support import samples


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the terminal that the tests run in."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def cursor_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that blinks is in every second picture only."""
    monkeypatch.setattr(Input, "_toggle_cursor", lambda _input: None)


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
