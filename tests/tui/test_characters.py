"""What a terminal without colours or without Unicode gets."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.state import State
from mfenvd.domain.words import Tone, tone_glyph
from tests.support import samples
from tests.tui.support import dashboard, of_status, press, shows, text_of

SIZE = (80, 24)


async def test_ascii_means_ascii_on_every_screen(project: Path) -> None:
    app = dashboard(of_status(samples.status(project)), ascii_only=True)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        for keys, shown in (
            ((), "TrainFlow - start"),
            (("tab",), "x error"),
            (("enter",), "finding 1 of 2"),
            (("escape", "question_mark"), "Copy what to type"),
            (("escape", "y"), "Copied: Ask"),
            (("ctrl+p",), "Type a command"),
            (("escape", "escape", "ctrl+end", "end"), "5 packages"),
        ):
            await press(pilot, *keys)
            await shows(pilot, shown)
            text = text_of(app)
            assert text.isascii(), {char for char in text if not char.isascii()}


async def test_ascii_without_a_daemon() -> None:
    app = dashboard(ascii_only=True)
    async with app.run_test(size=SIZE) as pilot:
        await shows(pilot, "Press s")
        assert text_of(app).isascii()


@pytest.mark.parametrize("ascii_only", [False, True])
async def test_every_state_has_a_glyph_and_a_word(project: Path, ascii_only: bool) -> None:
    app = dashboard(of_status(samples.status(project)), ascii_only=ascii_only)
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "TrainFlow")
        words = {
            Tone.BAD: "wheel gap",
            Tone.UNKNOWN: "unknown value",
            Tone.WARNING: "held back",
            Tone.BUSY: "resolving",
            Tone.WAITING: "queued",
            Tone.OUTDATED: "stale",
            Tone.GOOD: "warm",
        }
        for tone, word in words.items():
            assert f"{tone_glyph(tone, ascii_only=ascii_only)} {word}" in text_of(app)


async def test_no_color_means_greys(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = dashboard(of_status(samples.status(project)))
    async with app.run_test(size=SIZE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "down", "right", "tab")
        picture = app.export_screenshot()
    body = picture[picture.index("</defs>") :]
    styles = re.findall(r"-r\d+ \{ fill: (#[0-9a-f]{6})", picture)
    fills = re.findall(r'<rect fill="(#[0-9a-f]{6})" x=', body)
    assert styles
    assert fills
    default = "#c5c8c6"  # what the picture draws text in that has no colour
    assert {c for c in (*styles, *fills) if len({c[1:3], c[3:5], c[5:7]}) > 1} <= {default}


async def test_control_characters_in_messages_do_not_reach_the_terminal(project: Path) -> None:
    bell = "evil\x1b]0;title\x07 package\x1b[31m"
    finding = Finding(Code.CONFLICT, Severity.ERROR, bell, fix=bell, chain=(bell, bell), detail=(bell,))
    status = samples.status(project)
    verdict = msgspec.structs.replace(status.verdicts[0], state=State.BLOCKED, findings=(finding,))
    app = dashboard(of_status(msgspec.structs.replace(status, verdicts=(verdict,))))
    async with app.run_test(size=SIZE) as pilot:
        await shows(pilot, "evil")
        assert not {"\x1b", "\x07"} & set(text_of(app))
        await press(pilot, "y")
        assert "\x1b" not in app.clipboard
        await press(pilot, "enter")
        await shows(pilot, "docs/findings.md")
        assert not {"\x1b", "\x07"} & set(text_of(app))
