"""What the screen looks like in other themes than the dark one."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.tui.camera import Camera, Look
from tests.tui.support import dashboard, half_way, press, shows

WIDE = Look((140, 45), colourless=False, ascii_only=False)


@pytest.mark.parametrize("theme", ["textual-light", "ansi-dark", "ansi-light"])
async def test_a_theme(project: Path, snapshot: SnapshotAssertion, theme: str) -> None:
    app = dashboard(half_way(project))
    async with app.run_test(size=WIDE.size) as pilot:
        camera = Camera(pilot, WIDE, snapshot)
        await shows(pilot, "12/60")
        app.theme = theme
        await press(pilot, "down", "right")
        await camera.take("matrix", "numpy 2.4.6 needs GLIBC")
    camera.assert_nothing_differs()
