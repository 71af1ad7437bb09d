"""Which worker does what, and how long it stays."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psutil
import pytest

from mfenvd.daemon import workers
from mfenvd.daemon.child import Child, ChildDiedError
from mfenvd.daemon.frames import REPLIES, Refresh, Refreshed
from mfenvd.daemon.workers import BEHIND_ALL, Pool
from mfenvd.domain.arch import Arch
from mfenvd.domain.job import Job
from mfenvd.domain.request import Kind, PypiPart, Request
from mfenvd.domain.resolver import Context
from mfenvd.domain.surroundings import Surroundings
from tests.daemon import fakes
from tests.daemon.fakes import target
from tests.daemon.harness import REPOSITORY, eventually, is_running


@pytest.fixture
async def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pool]:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    one = new_pool(tmp_path)
    yield one
    await one.close()


def new_pool(folder: Path, idle_seconds: float = 60, last_idle_seconds: float = 60) -> Pool:
    return Pool(
        folder=folder, log=folder / "log", resolvers="tests.daemon.fakes:resolvers",
        idle_seconds=idle_seconds, last_idle_seconds=last_idle_seconds,
    )  # fmt: skip


def job(folder: Path, requirement: str = "requests", kind: Kind = Kind.PYPI, arch: Arch = Arch.LINUX_64) -> Job:
    request = Request(kind, "3.11", PypiPart((requirement,)))
    return Job(request, target(arch), Context(str(folder), Surroundings(str(folder)), str(folder), "linux-64"))


async def pids(pool: Pool, *jobs: Job) -> list[str]:
    """The processes that do `jobs`, one after another."""
    for one in jobs:
        await pool.settle(one, lambda _: None)
    return fakes.notes(Path(jobs[0].context.cache_dir), "pid")[-len(jobs) :]


async def two_workers(pool: Pool, first: Job, second: Job) -> None:
    """Leaves one worker that did `first` and one that did `second`; the jobs must overlap."""
    await asyncio.gather(*(pool.settle(one, lambda _: None) for one in (first, second)))
    assert len(set(fakes.notes(Path(first.context.cache_dir), "pid"))) == 2


async def test_work_goes_to_the_worker_that_did_such_work_before(pool: Pool, tmp_path: Path) -> None:
    conda, pypi = job(tmp_path, "sleep==1", Kind.CONDA), job(tmp_path, "sleep==1")
    await two_workers(pool, conda, pypi)
    first, second, third, fourth = await pids(
        pool,
        job(tmp_path, "a", Kind.CONDA),
        job(tmp_path, "b"),
        job(tmp_path, "c", Kind.CONDA, Arch.OSX_64),
        job(tmp_path, "d"),
    )
    assert first == third != second == fourth


async def test_of_several_the_one_that_knows_the_arch_is_taken(pool: Pool, tmp_path: Path) -> None:
    await two_workers(
        pool,
        job(tmp_path, "sleep==1", Kind.CONDA, Arch.OSX_64),
        job(tmp_path, "sleep==1", Kind.CONDA, Arch.LINUX_64),
    )
    osx, linux, again = await pids(
        pool,
        job(tmp_path, "a", Kind.CONDA, Arch.OSX_64),
        job(tmp_path, "b", Kind.CONDA, Arch.LINUX_64),
        job(tmp_path, "c", Kind.CONDA, Arch.OSX_64),
    )
    assert osx == again != linux


async def test_a_warm_worker_of_another_kind_is_better_than_a_new_one(pool: Pool, tmp_path: Path) -> None:
    one, other = await pids(pool, job(tmp_path), job(tmp_path, kind=Kind.CONDA))
    assert one == other
    assert len(pool) == 1


async def test_a_worker_that_was_prepared_does_the_next_work(pool: Pool, tmp_path: Path) -> None:
    pool.prepare()
    pool.prepare()
    await eventually(lambda: len(pool) == 1)
    await pids(pool, job(tmp_path))
    pool.prepare()
    assert len(pool) == 1


async def test_a_pool_that_closes_while_one_is_prepared_leaves_none(pool: Pool) -> None:
    pool.prepare()
    await pool.close()
    assert len(pool) == 0


async def test_of_idle_workers_of_a_kind_one_stays_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    pool = new_pool(tmp_path, idle_seconds=0.2)
    await two_workers(pool, job(tmp_path, "sleep==1"), job(tmp_path, "sleep==1", arch=Arch.OSX_64))
    processes = [int(pid) for pid in fakes.notes(tmp_path, "pid")]
    await eventually(lambda: len(list(filter(is_running, processes))) == 1)
    await asyncio.sleep(0.5)
    assert len(list(filter(is_running, processes))) == len(pool) == 1
    await pool.close()


async def test_the_last_idle_worker_ends_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    pool = new_pool(tmp_path, idle_seconds=0.1, last_idle_seconds=0.3)
    (pid,) = await pids(pool, job(tmp_path))
    await eventually(lambda: not is_running(int(pid)))
    assert len(pool) == 0
    await pool.close()


async def test_a_worker_that_has_grown_large_is_not_kept(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "LARGEST_IDLE", 1)
    await pids(pool, job(tmp_path))
    assert len(pool) == 0


async def test_refreshing_has_a_process_of_its_own_behind_all_others(pool: Pool, tmp_path: Path) -> None:
    one = job(tmp_path, kind=Kind.CONDA)
    (resolving,) = await pids(pool, one)
    order = Refresh(Kind.CONDA, ((one.request, one.target),), one.context)
    assert await pool.refresh(order) == 1_800
    (refreshed,) = fakes.notes(tmp_path, "refresh")
    pid, niceness, count = refreshed.split()
    assert (pid != resolving, niceness, count) == (True, str(min(19, psutil.Process().nice() + BEHIND_ALL)), "1")
    assert await pool.refresh(msgspec.structs.replace(order, kind=Kind.PYPI)) is None
    assert len(pool) == 1


async def test_refreshing_that_fails_says_so(pool: Pool, tmp_path: Path) -> None:
    one = job(tmp_path, "raise", kind=Kind.CONDA)
    with pytest.raises(ChildDiedError, match="exit code 1"):
        await pool.refresh(Refresh(Kind.CONDA, ((one.request, one.target),), one.context))
    assert len(pool) == 0


@pytest.mark.parametrize("module", ["worker", "reader"])
async def test_a_child_of_another_version_ends_instead_of_keeping_silent(module: str) -> None:
    options = {
        "worker": ("--resolvers", "tests.daemon.fakes:resolvers", "--log", "/log"),
        "reader": ("--reader", "tests.daemon.fakes:FakeReader"),
    }[module]
    command = (sys.executable, "-m", f"mfenvd.daemon.{module}", *options)
    child = await Child.start(command, str(REPOSITORY), logging.getLogger())
    await child.send(Refreshed(1.0))
    with pytest.raises(ChildDiedError):
        await child.receive(REPLIES)
    await child.ended()
