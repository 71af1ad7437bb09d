"""What each tab of the detail looks like, and what it says."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from mfenv_tui.app import Dashboard
from mfenvd.domain.history import History
from tests.tui import detail_samples
from tests.tui.support import dashboard, of_status, press, shows, text_of, until

Compare = Callable[..., bool]
Size = tuple[int, int]

SIZES = ((60, 20), (80, 24), (140, 45))
SAYS = {
    "1": ("MFE304", "fix", "pyarrow==17.0.0"),
    "2": ("package", "pandas", "2.2.3"),
    "3": ("for all archs: 17.0.0", "Python, macOS"),
    "4": ("GLIBC 2.26", "decides", "pyarrow 21.0.0", "2.28"),
    "5": ("2 packages differ", "2.2.6", "2.3.1"),
    "6": ("Since the resolution of 2 h ago", "attrs", "18.0.0 → 17.0.0"),
    "7": ("pandas 2.2.3", "python-dateutil 2.9.0", "six 1.17.0"),
    "8": ("17:20:01", "reading metadata 60/60"),
}
NAMES = {"1": "findings", "2": "packages", "3": "gaps", "4": "glibc", "5": "drift", "6": "diff", "7": "why", "8": "log"}


@pytest.fixture
def history(project: Path) -> Callable[[Path, str], Awaitable[History]]:
    async def tell(_socket: Path, id_: str) -> History:
        return detail_samples.history(project, id_)

    return tell


@pytest.fixture(autouse=True)
def greenwich(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clock times are the user's own."""
    monkeypatch.setattr(time, "localtime", time.gmtime)


def told(app: Dashboard) -> History | None:
    """What the daemon answered about the selected cell; most tabs show something before it comes."""
    detail = app._pane._detail
    return detail.history if detail else None


def looking_at(app: Dashboard, key: str, *says: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Selects Linux, turns to the tab, and makes sure that it says what it should."""

    async def look(pilot: Pilot[None]) -> None:
        await shows(pilot, "TrainFlow")
        await press(pilot, "right", key)
        if app.screen.size.width < 100 and key != "1":
            await press(pilot, "enter")
        for text in says:
            await shows(pilot, text)
        assert app._pane.active.id == NAMES[key]
        await until(pilot, lambda: not app._pane.active.ASKS or told(app) is not None, "answered")

    return look


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("key", SAYS, ids=NAMES.get)
def test_tab(project: Path, history: object, snap_compare: Compare, key: str, size: Size) -> None:
    app = dashboard(of_status(detail_samples.status(project)), history=history)
    assert snap_compare(app, terminal_size=size, run_before=looking_at(app, key, *SAYS[key]))


@pytest.mark.parametrize("key", SAYS, ids=NAMES.get)
def test_tab_without_colours_in_ascii(
    project: Path, history: object, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = dashboard(of_status(detail_samples.status(project)), history=history, ascii_only=True)
    look = looking_at(app, key, *(text.replace("→", "->") for text in SAYS[key]))

    async def look_at_characters(pilot: Pilot[None]) -> None:
        await look(pilot)
        assert text_of(app).isascii()

    assert snap_compare(app, terminal_size=(80, 24), run_before=look_at_characters)
