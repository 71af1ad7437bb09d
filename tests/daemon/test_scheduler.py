from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import msgspec
import pytest

from mfenvd.daemon import scheduler as schedulers
from mfenvd.daemon.child import ChildDiedError
from mfenvd.daemon.journal import Journal
from mfenvd.daemon.journal_file import Record
from mfenvd.daemon.scheduler import Scheduler
from mfenvd.daemon.secrets import basis
from mfenvd.daemon.workers import Pool
from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.job import Job
from mfenvd.domain.request import Kind, PypiPart, Request
from mfenvd.domain.resolution import Outcome, Resolution
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from tests.daemon.fakes import target
from tests.daemon.harness import eventually

Answer = Outcome | BaseException
ROOT = "/p"


class FakePool:
    """Answers when told to."""

    def __init__(self) -> None:
        self.asked: list[Job] = []
        self.answers: dict[str, asyncio.Future[Outcome]] = {}
        self.cancelled: list[str] = []

    async def settle(self, job: Job, report: Callable[[Progress], None]) -> Outcome:
        self.asked.append(job)
        self.answers[job.key] = asyncio.get_running_loop().create_future()
        try:
            return await self.answers[job.key]
        except asyncio.CancelledError:
            self.cancelled.append(job.key)
            raise

    async def answer(self, key: str, answer: Answer) -> None:
        await eventually(lambda: key in self.answers)
        future = self.answers.pop(key)
        if isinstance(answer, Outcome):
            future.set_result(answer)
        else:
            future.set_exception(answer)


class Told:
    def __init__(self) -> None:
        self.changed: list[str] = []
        self.progress: list[Progress] = []

    def job_changed(self, key: str) -> None:
        self.changed.append(key)

    def job_progressed(self, _: str, progress: Progress) -> None:
        self.progress.append(progress)


class Bench:
    """A scheduler over a real journal and a pool that answers when told to."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.pool = FakePool()
        self.told = Told()
        self.scheduler = Scheduler(cast("Pool", self.pool), journal, workers=2, log="/log")
        self.scheduler.attach(ROOT, self.told)

    async def want(self, *jobs: Job, limit: int | None = None) -> None:
        await self.scheduler.want(ROOT, {one.key: one for one in jobs}, limit)

    async def answer(self, one: Job, answer: Answer) -> None:
        await self.pool.answer(one.key, answer)
        await eventually(lambda: self.scheduler.state(ROOT, one.key) is not State.RESOLVING)

    def state(self, one: Job) -> State | None:
        return self.scheduler.state(ROOT, one.key)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    journal = Journal(tmp_path / "journal.sqlite")
    await journal.open()
    one = Bench(journal)
    yield one
    await one.scheduler.close(0)
    await journal.close()


def job(name: str, arch: Arch = Arch.LINUX_64, *, environ: dict[str, str] | None = None) -> Job:
    request = Request(Kind.PYPI, "3.11", PypiPart((name,)))
    return Job(request, target(arch), Context("/c", Surroundings("/p", environ=environ or {}), ROOT, "linux-64"))


def good(one: Job) -> Outcome:
    return Outcome(Resolution(one.request.key, one.target, ()))


def failed(code: Code) -> Outcome:
    return Outcome(findings=(Finding(code.value, Severity.ERROR, "no"),), failed=True)


async def test_no_more_run_at_once_than_there_are_workers(bench: Bench) -> None:
    jobs = [job(name) for name in "abc"]
    await bench.want(*jobs)
    assert [bench.state(one) for one in jobs] == [State.RESOLVING, State.RESOLVING, State.QUEUED]
    await bench.answer(jobs[0], good(jobs[0]))
    assert [bench.state(one) for one in jobs] == [None, State.RESOLVING, State.RESOLVING]


async def test_limit_of_the_project_counts(bench: Bench) -> None:
    jobs = [job(name) for name in "abc"]
    await bench.want(*jobs, limit=1)
    assert bench.scheduler.running == 1
    await bench.want(*jobs, limit=3)
    assert bench.scheduler.running == 3


async def test_cancelled_work_ends_at_once_and_stays_ended(bench: Bench) -> None:
    jobs = [job(name) for name in "abc"]
    await bench.want(*jobs)
    await eventually(lambda: len(bench.pool.answers) == 2)
    assert bench.scheduler.cancel(ROOT, {jobs[0].key, jobs[2].key}) == 2
    assert [bench.state(one) for one in jobs] == [None, State.RESOLVING, None]
    await eventually(lambda: bench.pool.cancelled == [jobs[0].key])
    for one in (jobs[0], jobs[2]):
        record = bench.scheduler.record(one.key)
        assert record is not None
        assert [finding.code for finding in record.outcome.findings] == [Code.CANCELLED]
    await bench.want(*jobs)
    assert [bench.state(one) for one in jobs] == [None, State.RESOLVING, None]
    assert await bench.journal.work(ROOT) == {jobs[1].key: False}
    assert await bench.journal.records([jobs[0].key]) == {}
    assert bench.scheduler.cancel(ROOT, None) == 1
    assert bench.scheduler.cancel(ROOT, None) == 0


async def test_cancelling_keeps_what_was_known_and_makes_room_for_others(bench: Bench) -> None:
    one, other = job("a"), job("b")
    await bench.want(one, other, limit=1)
    await bench.answer(one, good(one))
    bench.scheduler.again(ROOT, {one.key}, refresh=True)
    await bench.answer(other, good(other))
    assert bench.state(one) is State.RESOLVING
    assert bench.scheduler.cancel(ROOT, {one.key}) == 1
    record = bench.scheduler.record(one.key)
    assert record is not None
    assert record.outcome == good(one)
    assert (bench.state(one), bench.scheduler.is_busy(ROOT)) == (None, False)


async def test_settled_work_is_not_started_again(bench: Bench) -> None:
    one = job("a")
    await bench.want(one)
    await bench.answer(one, good(one))
    await bench.want(one)
    assert not bench.scheduler.is_busy(ROOT)
    assert len(bench.pool.asked) == 1


async def test_unwanted_work_is_cancelled_and_its_place_given_on(bench: Bench) -> None:
    jobs = [job(name) for name in "abc"]
    await bench.want(*jobs)
    await eventually(lambda: len(bench.pool.asked) == 2)
    await bench.want(jobs[1], jobs[2])
    await eventually(lambda: bench.pool.cancelled == [jobs[0].key])
    assert [bench.state(one) for one in jobs[1:]] == [State.RESOLVING, State.RESOLVING]
    assert await bench.journal.work(ROOT) == {one.key: False for one in jobs[1:]}


async def test_renewed_surroundings_begin_running_work_anew(bench: Bench) -> None:
    before, after = job("a"), job("a", environ={"PIP_PASSWORD": "renewed"})
    assert before.key == after.key
    await bench.want(before)
    await eventually(lambda: bench.pool.asked)
    await bench.want(after)
    await eventually(lambda: len(bench.pool.asked) == 2)
    assert bench.pool.cancelled == [before.key]
    assert bench.pool.asked[1].context.surroundings.environ == {"PIP_PASSWORD": "renewed"}
    await bench.answer(after, good(after))
    assert bench.state(after) is None


async def test_answer_older_than_a_day_is_stale_until_it_is_made_sure_of(bench: Bench) -> None:
    one = job("a")
    settled = time.time() - schedulers.STALE_SECONDS - 1
    await bench.journal.settle(one.key, Record(good(one), settled, basis(one.context.surroundings)))
    await bench.want(job("b"), job("c"), one)
    assert bench.state(one) is State.STALE
    record = bench.scheduler.record(one.key)
    assert record is not None
    assert record.outcome.resolution is not None


async def test_sweep_finds_what_has_become_stale(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    one = job("a")
    await bench.want(one)
    await bench.answer(one, good(one))
    monkeypatch.setattr(schedulers, "STALE_SECONDS", -1.0)
    monkeypatch.setattr(schedulers, "SWEEP_SECONDS", 0.05)
    bench.scheduler.start()
    await eventually(lambda: len(bench.pool.asked) == 2)
    assert not bench.pool.asked[1].context.refresh


async def test_answer_of_another_version_or_index_is_not_taken(bench: Bench) -> None:
    one = job("a")
    await bench.journal.settle(one.key, Record(good(one), time.time(), "another basis"))
    await bench.want(one)
    assert bench.state(one) is State.RESOLVING


@pytest.mark.parametrize("code", [Code.INDEX_UNREACHABLE, Code.CHANNEL_UNREACHABLE, Code.CHANNEL_UNREADABLE])
async def test_passing_failure_is_retried_with_growing_pauses(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, code: Code
) -> None:
    monkeypatch.setattr(schedulers, "RETRY_SECONDS", (0.05, 0.3, 0.3))
    one = job("a")
    await bench.want(one)
    began = time.monotonic()
    for attempt in range(3):
        await eventually(lambda attempt=attempt: len(bench.pool.asked) == attempt + 1)  # type: ignore[misc]
        await bench.answer(one, failed(code))
    assert time.monotonic() - began >= 0.35
    assert not bench.scheduler.is_busy(ROOT)
    await eventually(lambda: len(bench.pool.asked) == 4)
    await bench.answer(one, good(one))
    await asyncio.sleep(0.4)
    assert len(bench.pool.asked) == 4


async def test_what_old_lists_block_is_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedulers, "RETRY_SECONDS", (0.05, 30.0))
    one = job("a")
    await bench.want(one)
    blocked = (
        Finding(Code.NO_SUCH_VERSION, Severity.ERROR, "there is none"),
        Finding(Code.CHANNEL_UNREACHABLE, Severity.NOTICE, "what it listed yesterday was used"),
    )
    await bench.answer(one, Outcome(findings=blocked))
    await eventually(lambda: len(bench.pool.asked) == 2)
    await bench.answer(one, Outcome(findings=blocked))
    await asyncio.sleep(0.2)
    assert len(bench.pool.asked) == 2


@pytest.mark.parametrize("code", [Code.INDEX_REFUSES, Code.KIND_NOT_SUPPORTED, Code.BUILD_NEEDS_TRUST])
async def test_failure_that_stays_is_not_retried_by_itself(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, code: Code
) -> None:
    monkeypatch.setattr(schedulers, "RETRY_SECONDS", (0.0,))
    one = job("a")
    await bench.want(one)
    await bench.answer(one, failed(code))
    await bench.want(one)
    await asyncio.sleep(0.05)
    assert len(bench.pool.asked) == 1
    bench.scheduler.retry_failed(ROOT)
    await eventually(lambda: len(bench.pool.asked) == 2)


async def test_what_is_wanted_later_is_tried_again_too_and_nothing_twice(bench: Bench) -> None:
    one, late = job("a"), job("b")
    for each in (one, late):
        await bench.want(each)
        await bench.answer(each, failed(Code.INDEX_REFUSES))
    await bench.want(one)
    tried = bench.scheduler.retry_failed(ROOT)
    assert tried == (one.key,)
    await bench.answer(one, failed(Code.INDEX_REFUSES))
    await bench.want(one, late)
    assert bench.scheduler.retry_failed(ROOT, tried) == (late.key,)


async def test_save_does_not_hasten_a_retry(bench: Bench) -> None:
    one = job("a")
    await bench.want(one)
    await bench.answer(one, failed(Code.INDEX_UNREACHABLE))
    await bench.want(one, job("b"))
    await bench.want(one)
    assert len([asked for asked in bench.pool.asked if asked.key == one.key]) == 1


async def test_dead_worker_is_replaced_once(bench: Bench) -> None:
    one = job("a")
    await bench.want(one)
    await bench.pool.answer(one.key, ChildDiedError("killed by signal 9"))
    await bench.pool.answer(one.key, ChildDiedError("killed by signal 9"))
    await eventually(lambda: bench.state(one) is None)
    record = bench.scheduler.record(one.key)
    assert record is not None
    assert record.outcome.failed
    assert [finding.code for finding in record.outcome.findings] == [Code.WORKER_DIED]


async def test_progress_keeps_the_last_word(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedulers, "PROGRESS_SECONDS", 0.05)
    reports: list[Callable[[Progress], None]] = []

    async def settle(_: Job, report: Callable[[Progress], None]) -> Outcome:
        reports.append(report)
        await asyncio.Event().wait()
        return Outcome()

    monkeypatch.setattr(bench.pool, "settle", settle)
    await bench.want(job("a"))
    await eventually(lambda: reports)
    for number in range(100):
        reports[0](Progress("fetching", number, 100))
    await eventually(lambda: bench.told.progress)
    await asyncio.sleep(0.1)
    assert bench.told.progress[-1].done == 99
    assert len(bench.told.progress) <= 2


async def test_what_runs_when_closing_stays_in_the_journal(bench: Bench) -> None:
    jobs = [job(name) for name in "abc"]
    await bench.want(*jobs)
    await eventually(lambda: len(bench.pool.asked) == 2)
    closing = asyncio.create_task(bench.scheduler.close(0.2))
    await bench.pool.answer(jobs[0].key, good(jobs[0]))
    await closing
    assert bench.pool.cancelled == [jobs[1].key]
    assert await bench.journal.work(ROOT) == {one.key: False for one in jobs[1:]}
    assert set(await bench.journal.records([one.key for one in jobs])) == {jobs[0].key}


async def test_refresh_is_part_of_the_job_only_when_asked_for(bench: Bench) -> None:
    one = job("a")
    await bench.want(one)
    await bench.answer(one, good(one))
    assert bench.scheduler.again(ROOT, None, refresh=True) == 1
    await eventually(lambda: len(bench.pool.asked) == 2)
    assert [asked.context.refresh for asked in bench.pool.asked] == [False, True]
    assert msgspec.structs.replace(bench.pool.asked[1], context=one.context) == one
