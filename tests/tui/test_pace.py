"""Many requests to draw are few drawings."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest
from textual.app import App

from mfenv_tui.pace import Pace
from tests.daemon.harness import eventually


async def test_requests_in_a_row_are_drawn_together_and_the_last_is_not_lost() -> None:
    app = App[None]()
    drawn: list[int] = []
    told = 0
    async with app.run_test():
        pace = Pace(app, lambda: drawn.append(told), 0.05)
        for burst in range(1, 5):
            for _ in range(50):
                told += 1
                pace.request()
            await eventually(lambda burst=burst: len(drawn) == burst)  # type: ignore[misc]
    assert drawn == [50, 100, 150, 200]


async def test_the_first_request_is_drawn_at_once() -> None:
    app = App[None]()
    drawn = asyncio.Event()
    async with app.run_test():
        Pace(app, drawn.set, 600).request()
        await asyncio.wait_for(drawn.wait(), 20)


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
        await eventually(lambda: drawn)
    assert drawn == [told]
