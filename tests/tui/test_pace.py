"""Many requests to draw are few drawings."""

from __future__ import annotations

import asyncio
import time
from itertools import count

import pytest
from textual.app import App

from mfenv_tui.pace import Pace


async def test_requests_in_a_row_are_drawn_together_and_the_last_is_not_lost() -> None:
    app = App[None]()
    drawn: list[int] = []
    told = 0
    async with app.run_test():
        pace = Pace(app, lambda: drawn.append(told), 0.1)
        started = time.monotonic()
        while time.monotonic() - started < 0.45:
            told += 1
            pace.request()
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.3)
        took = time.monotonic() - started
    assert drawn[-1] == told
    assert len(drawn) <= took / 0.1 + 2
    assert told > 3 * len(drawn)


async def test_the_first_request_is_drawn_at_once() -> None:
    app = App[None]()
    drawn: list[float] = []
    async with app.run_test():
        asked = time.monotonic()
        Pace(app, lambda: drawn.append(time.monotonic()), 60).request()
        await asyncio.sleep(0.5)
    assert drawn
    assert drawn[0] - asked < 30


async def test_a_drawing_is_not_lost_where_the_machine_stalls_between_two_looks_at_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = App[None]()
    drawn = asyncio.Event()
    clock = count()
    async with app.run_test():
        monkeypatch.setattr("textual._time.get_time", lambda: next(clock) * 10.0)
        Pace(app, drawn.set, 0.1).request()
        await asyncio.wait_for(drawn.wait(), 20)


async def test_nothing_is_drawn_while_the_terminal_has_not_taken_what_was_drawn_before() -> None:
    app = App[None]()
    drawn: list[int] = []
    told, taken = 0, False
    async with app.run_test():
        pace = Pace(app, lambda: drawn.append(told), 0.01, lambda: taken)
        for told in range(20):  # noqa: B007 - what is drawn
            pace.request()
            await asyncio.sleep(0.01)
        assert not drawn
        taken = True
        await asyncio.sleep(0.5)
    assert drawn == [told]
