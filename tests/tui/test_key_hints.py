"""The last line names the keys that do something, as far as there is room; a click does what the key does."""

from __future__ import annotations

from pathlib import Path

import msgspec
from textual.pilot import Pilot

from mfenv_tui.widgets.help_screen import HelpScreen
from mfenv_tui.widgets.key_hints import KeyHints
from tests.support import samples
from tests.tui.support import dashboard, of, of_status, press, shows, text_of, until


def last_line(pilot: Pilot[None]) -> str:
    return text_of(of(pilot)).splitlines()[-1]


async def test_help_and_quit_are_named_however_little_room_there_is(project: Path) -> None:
    app = dashboard(of_status(samples.status(project)))
    async with app.run_test(size=(60, 20)) as pilot:
        await until(pilot, lambda: last_line(pilot).startswith("enter Details y Copy o Open"), "keys")
        for width in (60, 30, 14, 140):
            await pilot.resize_terminal(width, 20)
            await until(pilot, lambda: last_line(pilot).split()[-4:] == ["?", "Help", "q", "Quit"], "always there")
        await shows(pilot, "/ Filter")


async def test_a_click_presses_the_key_and_the_mouse_over_it_explains(project: Path) -> None:
    app = dashboard(of_status(samples.status(project)))
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(pilot, "y Copy")
        hints = app.query_one(KeyHints)
        at = last_line(pilot).index("Help")
        await pilot.hover(KeyHints, offset=(at, 0))
        assert hints.tooltip == "Show all keys."
        await pilot.hover(KeyHints, offset=(99, 0))
        assert hints.tooltip is None
        await pilot.click(KeyHints, offset=(at, 0))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the help")


async def test_a_fix_is_offered_where_the_finding_has_one_that_can_be_copied_or_applied(project: Path) -> None:
    app = dashboard(of_status(samples.status(project)))

    async def offers(*keys: str) -> None:
        await until(pilot, lambda: [key for key in ("y", "f") if f" {key} " in last_line(pilot)] == [*keys], f"{keys}")

    async with app.run_test(size=(140, 40)) as pilot:
        await offers("y")  # a wheel that has to be built
        await press(pilot, "down", "right", "right")
        await shows(pilot, "`torch==2.2.2`")
        await offers("y", "f")
        await press(pilot, "enter")
        await offers("y", "f")
        await press(pilot, "escape", "ctrl+end")
        await offers()  # no findings
        await press(pilot, "up", "up", "left", "left")
        await shows(pilot, "MFE315")
        await offers()  # a finding without a fix


async def test_each_finding_has_its_own_keys(project: Path) -> None:
    status = samples.status(project)
    found = [finding for verdict in status.verdicts for finding in verdict.findings]
    pin = next(finding for finding in found if "torch==2.2.2" in (finding.fix or ""))
    other = next(finding for finding in found if finding.fix is None)
    verdict = msgspec.structs.replace(status.verdicts[0], findings=(pin, other))
    app = dashboard(of_status(msgspec.structs.replace(status, verdicts=(verdict,))))
    async with app.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: "f Fix" in last_line(pilot), "the pin's")
        await press(pilot, "tab", "down")
        await until(pilot, lambda: "Fix" not in last_line(pilot), "none")
        await press(pilot, "enter", "right")
        await until(pilot, lambda: "f Fix" in last_line(pilot), "the pin's")
        await press(pilot, "right")
        await until(pilot, lambda: "Fix" not in last_line(pilot), "none")


async def test_the_line_follows_what_has_the_keys(project: Path) -> None:
    app = dashboard(of_status(samples.status(project)))
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(pilot, "enter Details")
        await press(pilot, "ctrl+end", "right", "2", "tab")
        await shows(pilot, "S Sort")
        await press(pilot, "escape", "w")
        await until(pilot, lambda: "Other package" in last_line(pilot), "those of the screen")
