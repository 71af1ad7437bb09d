"""When resolvers are asked to refresh what they cached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import cast

import pytest

from mfenvd.daemon import upkeep as upkeeps
from mfenvd.daemon.child import ChildDiedError
from mfenvd.daemon.frames import Refresh
from mfenvd.daemon.scheduler import Scheduler
from mfenvd.daemon.upkeep import Upkeep
from mfenvd.daemon.workers import Pool
from mfenvd.domain.arch import Arch
from mfenvd.domain.job import Job
from mfenvd.domain.request import Kind, Request
from mfenvd.domain.resolver import Context
from mfenvd.domain.surroundings import Surroundings
from tests.daemon.fakes import target
from tests.daemon.harness import eventually


class FakePool:
    def __init__(self) -> None:
        self.orders: list[Refresh] = []
        self.answers: list[float | Exception | None] = []

    async def refresh(self, order: Refresh) -> float | None:
        self.orders.append(order)
        answer = self.answers.pop(0) if self.answers else 3_600
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeScheduler:
    def __init__(self) -> None:
        self.queued = self.running = 0
        self.work: dict[str, tuple[Job, ...]] = {}
        self.used = 10.0**12

    def in_use(self, since: float) -> list[tuple[str, tuple[Job, ...]]]:
        return list(self.work.items()) if self.used >= since else []


class Bench:
    def __init__(self) -> None:
        self.pool = FakePool()
        self.scheduler = FakeScheduler()
        self.upkeep = Upkeep(cast("Pool", self.pool), cast("Scheduler", self.scheduler))

    @property
    def asked(self) -> list[tuple[str, Kind, int]]:
        return [(order.context.root, order.kind, len(order.work)) for order in self.pool.orders]

    async def looks(self) -> None:
        """Waits for some looks at what is due."""
        await asyncio.sleep(upkeeps.LOOK_SECONDS * 10)


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(upkeeps, "LOOK_SECONDS", 0.01)
    one = Bench()
    yield one
    await one.upkeep.close()


def job(root: str, kind: Kind, arch: Arch = Arch.LINUX_64) -> Job:
    return Job(Request(kind, "3.11"), target(arch), Context("/c", Surroundings(root), root, "linux-64"))


async def test_all_work_of_a_project_and_kind_is_one_order(bench: Bench) -> None:
    bench.scheduler.work = {
        "/a": (job("/a", Kind.CONDA), job("/a", Kind.CONDA, Arch.OSX_64), job("/a", Kind.PYPI)),
        "/b": (job("/b", Kind.CONDA),),
    }
    bench.upkeep.start()
    await eventually(lambda: len(bench.asked) == 3)
    await bench.looks()
    assert bench.asked == [("/a", Kind.CONDA, 2), ("/a", Kind.PYPI, 1), ("/b", Kind.CONDA, 1)]


async def test_it_comes_again_when_the_resolver_said(bench: Bench) -> None:
    bench.scheduler.work = {"/a": (job("/a", Kind.CONDA),)}
    bench.pool.answers = [0.05, 0.05]
    bench.upkeep.start()
    await eventually(lambda: len(bench.asked) == 3)
    await bench.looks()
    assert len(bench.asked) == 3


async def test_a_kind_that_caches_nothing_is_asked_once(bench: Bench) -> None:
    bench.scheduler.work = {"/a": (job("/a", Kind.PYPI),), "/b": (job("/b", Kind.PYPI),)}
    bench.pool.answers = [None]
    bench.upkeep.start()
    await eventually(lambda: bench.asked)
    await bench.looks()
    assert len(bench.asked) == 1


async def test_a_failure_waits_for_the_next_hour(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.scheduler.work = {"/a": (job("/a", Kind.CONDA),)}
    bench.pool.answers = [ChildDiedError("exit code 1")]
    bench.upkeep.start()
    await eventually(lambda: bench.asked)
    await bench.looks()
    assert len(bench.asked) == 1
    later = time.time() + upkeeps.AFTER_FAILURE_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    await eventually(lambda: len(bench.asked) == 2)


async def test_nothing_while_jobs_wait_or_run(bench: Bench) -> None:
    bench.scheduler.work = {"/a": (job("/a", Kind.CONDA),)}
    bench.scheduler.running = 1
    bench.upkeep.start()
    await bench.looks()
    assert not bench.asked
    bench.scheduler.running = 0
    await eventually(lambda: bench.asked)


async def test_nothing_for_a_project_that_nobody_works_on(bench: Bench) -> None:
    bench.scheduler.work = {"/a": (job("/a", Kind.CONDA),)}
    bench.scheduler.used = 0
    bench.upkeep.start()
    await bench.looks()
    assert not bench.asked
