"""When the daemon does what nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from mfenvd.daemon import tidying
from mfenvd.daemon.child import ChildDiedError
from mfenvd.daemon.scheduler import Scheduler
from mfenvd.daemon.tidying import Tidying
from mfenvd.daemon.warming import Warming
from mfenvd.daemon.workers import Pool
from mfenvd.domain.resolver import Context
from mfenvd.domain.surroundings import Surroundings
from tests.daemon.harness import eventually


class Bench:
    """A pool, a scheduler and a warming that say what the test wants."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.removing: list[str] = []
        self.has_looked = True
        self.queued = self.running = 0
        self.readied: dict[str, set[str]] = {}
        self.busy = self.is_fetching = False
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.dies = False
        self.tidying = Tidying(cast("Pool", self), cast("Scheduler", self), cast("Warming", self))

    async def tidy(self, context: Context, *, removes: bool) -> None:
        self.asked.append(context.root)
        self.removing += [context.root] * removes
        await self.goes_on.wait()
        if self.dies:
            raise ChildDiedError("killed")

    def contexts(self) -> dict[str, Context]:
        return {root: Context("/c", Surroundings(root), root, "linux-64") for root in self.readied}

    def ready(self, root: str) -> frozenset[str]:
        return frozenset(self.readied[root])

    def is_busy(self, _: str) -> bool:
        return self.busy

    async def looks(self) -> None:
        """As often as it takes to be sure that nothing else is begun."""
        await asyncio.sleep(0.1)


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(tidying, "LOOK_SECONDS", 0.01)
    bench = Bench()
    bench.tidying.start()
    yield bench
    await bench.tidying.close()


async def test_each_project_once_and_again_when_something_else_is_ready(bench: Bench) -> None:
    bench.readied = {"/a": set(), "/b": {"one"}}
    await eventually(lambda: sorted(bench.asked) == ["/a", "/b"])
    await bench.looks()
    assert len(bench.asked) == 2
    bench.readied["/b"].add("two")
    await eventually(lambda: bench.asked[2:] == ["/b"])
    bench.readied["/b"].remove("two")
    await bench.looks()
    assert len(bench.asked) == 3


async def test_once_a_day(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.readied = {"/a": set()}
    await eventually(lambda: bench.asked == ["/a"])
    monkeypatch.setattr(tidying, "DAY", 0.05)
    await eventually(lambda: len(bench.asked) > 2)
    assert bench.removing == bench.asked


async def test_nothing_is_removed_before_it_is_known_what_is_wanted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that has just begun, or a machine that slept over a weekend, has not wanted anything for long."""
    bench.has_looked = False
    bench.readied = {"/a": {"one"}}
    await eventually(lambda: bench.asked == ["/a"])
    await bench.looks()
    assert bench.removing == []
    bench.has_looked = True
    await eventually(lambda: bench.removing == ["/a"])
    await bench.looks()
    assert bench.asked == ["/a", "/a"]
    bench.has_looked = False
    monkeypatch.setattr(tidying, "DAY", 0.0)
    await bench.looks()
    assert bench.asked == ["/a", "/a"]
    bench.readied["/a"].add("two")
    await eventually(lambda: len(bench.asked) == 3)
    assert bench.removing == ["/a"]


@pytest.mark.parametrize("what", ["queued", "running", "busy", "is_fetching"])
async def test_not_while_there_is_other_work(bench: Bench, what: str) -> None:
    setattr(bench, what, 1)
    bench.readied = {"/a": set()}
    await bench.looks()
    assert bench.asked == []
    setattr(bench, what, 0)
    await eventually(lambda: bench.asked == ["/a"])


async def test_one_at_a_time_and_a_death_ends_nothing_else(bench: Bench) -> None:
    bench.goes_on.clear()
    bench.dies = True
    bench.readied = {"/a": set(), "/b": set()}
    await eventually(lambda: len(bench.asked) == 1)
    await bench.looks()
    assert len(bench.asked) == 1
    bench.goes_on.set()
    await eventually(lambda: sorted(bench.asked) == ["/a", "/b"])
