"""Pictures of a dashboard in every size and look, compared with those that are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

from pytest_textual_snapshot import SVGImageExtension
from rich.color import Color
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from mfenv_tui.app import Dashboard
from tests.tui.support import at_rest, shows, text_of

SIZES = ((60, 20), (80, 24), (140, 45))


class Look(NamedTuple):
    """How a dashboard is looked at."""

    size: tuple[int, int]
    colourless: bool
    ascii_only: bool

    def __str__(self) -> str:
        width, height = self.size
        return f"{'no-color-' * self.colourless}{'ascii-' * self.ascii_only}{width}x{height}"


LOOKS = tuple(Look(*chosen) for chosen in product(SIZES, (False, True), (False, True)))

_IN_ASCII = str.maketrans({"→": "->", "✗": "x", "✓": "+", "·": "-", "●": "*", "◌": "~", "…": "..."})

_NEEDLESS = re.compile(
    r'@font-face \{.*?\}\s*|<clipPath id="[\w-]+-line-\d+">.*?</clipPath>\s*| clip-path="url\(#[\w-]+-line-\d+\)"'
    r"|<text [^>]*>\s*</text>",
    re.DOTALL,
)


class Picture(SVGImageExtension):  # type: ignore[misc]
    """An SVG without what every one of them has."""

    def serialize(self, *args: Any, **kwargs: Any) -> Any:
        return _NEEDLESS.sub("", super().serialize(*args, **kwargs))


class Camera:
    """Compares what is on the screen of a dashboard with the picture of that name."""

    def __init__(self, pilot: Pilot[None], look: Look, snapshot: SnapshotAssertion) -> None:
        assert isinstance(pilot.app, Dashboard)
        self._app = pilot.app
        self._pilot = pilot
        self._look = look
        self._pictures = snapshot.use_extension(Picture)
        self._different: list[str] = []

    async def take(self, name: str, *says: str) -> None:
        """Once `says` is on the screen and nothing moves any more."""
        for text in says:
            await shows(self._pilot, text.translate(_IN_ASCII) if self._look.ascii_only else text, limit=30)
        await at_rest(self._app)
        if self._look.ascii_only:
            assert text_of(self._app).isascii(), text_of(self._app)
        if self._look.colourless:
            assert all(map(_is_grey, _colours(self._app)))
        if self._app.export_screenshot() != self._pictures(name=name):
            self._different.append(name)

    def assert_nothing_differs(self) -> None:
        assert not self._different, f"look at them, then --snapshot-update: {self._different}"


def _colours(app: Dashboard) -> Iterator[Color]:
    styles = {segment.style for strip in app.screen._compositor.render_strips() for segment in strip}
    for style in styles:
        if style is not None:
            yield from filter(None, (style.color, style.bgcolor))


def _is_grey(colour: Color) -> bool:
    return colour.is_default or len(set(colour.get_truecolor())) == 1
