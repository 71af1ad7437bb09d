"""What the screens beside the table look like, and what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from mfenvd.domain.event import DaemonInfo
from tests.tui import screen_samples
from tests.tui.support import dashboard, of_status, press, shows, text_of

Compare = Callable[..., bool]

SAYS = {
    "wheels": ("w", ("✗ none", "1.26.4", "✓ 3.13 glibc 2.27", "2 of 43 versions")),
    "conda": ("w", ("Conda packages", "✓ 3.12 glibc 2.17, CUDA", "✓ any")),
    "daemon": ("d", ("pid 4242 · up 3 min · 57 MiB", "3 workers · 1 running · 2 queued", "not trusted")),
    "mirror": ("m", ("s3://research/conda", "✗ unreachable · 3 min ago", "12 packages · 40.0 MiB · 5.5 MiB/s")),
    "filter": ("slash", ("2 of 6", "ScoreFlow")),
}
THEN = {"filter": "score", "conda": ("f2",)}
"""Keys that follow."""

LOOKS = {
    "60x20": ((60, 20), False),
    "80x24": ((80, 24), False),
    "140x45": ((140, 45), False),
    "no-color-ascii-80x24": ((80, 24), True),
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("screen", SAYS)
def test_screen(project: Path, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, screen: str, look: str) -> None:
    status = screen_samples.status_of_ana(project)

    async def info(_socket: Path) -> DaemonInfo:
        return status.daemon

    size, plain = LOOKS[look]
    if plain:
        monkeypatch.setenv("NO_COLOR", "1")
    app = dashboard(of_status(status), info=info, wheels=screen_samples.wheels, ascii_only=plain)
    key, says = SAYS[screen]

    async def open_it(pilot: Pilot[None]) -> None:
        await shows(pilot, "TrainFlow")
        await press(pilot, "down", "right", key, *THEN.get(screen, ()))
        for text in says:
            await shows(pilot, _in_ascii(text) if plain else text, limit=20)
        await asyncio.sleep(0.1)
        assert not plain or text_of(app).isascii()

    assert snap_compare(app, terminal_size=size, run_before=open_it)


def _in_ascii(text: str) -> str:
    return text.translate(str.maketrans("✗✓·", "x+-"))
