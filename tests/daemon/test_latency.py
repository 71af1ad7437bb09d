"""The daemon goes on answering while everything else is busy; `tests/bench/save_latency.py` prints how soon."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from mfenvd.domain.state import State
from tests.daemon.harness import Daemon, until

ENOUGH = 10
"""Answers in the two or three seconds for which it is busy; within 50 ms each there would be at least thirty."""


def answers_until(running: Daemon, done: Callable[[], bool]) -> int:
    """How often the daemon gave its status until what keeps it busy was done."""
    count = 0
    while not done():
        running.connection.status()
        count += 1
        time.sleep(0.01)
    return count


def all_resolved(running: Daemon, count: int) -> bool:
    states = running.states()
    return len(states) == count and set(states.values()) == {State.RESOLVED}


def test_while_solvers_use_every_core(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("".join(f"step{n}: spin==2 package{n}\n" for n in range(4)))
    running.up(root, FAKE_WORKERS="4")
    until(lambda: len(running.notes("resolve")) == 4)
    assert answers_until(running, lambda: all_resolved(running, 4)) >= ENOUGH


def test_while_a_reading_thread_holds_the_interpreter(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("hog 3\nstart: requests\n")
    running.up(root)
    assert answers_until(running, lambda: not running.project(root).reading) >= ENOUGH


def test_while_a_thousand_verdicts_change_at_once(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("".join(f"step{n}: requests\n" for n in range(1000)))
    running.up(root)
    assert answers_until(running, lambda: all_resolved(running, 1000)) >= 3, "a quarter of a second"
