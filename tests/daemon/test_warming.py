"""Which of Metaflow's environments are made ready, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest

from mfenvd.daemon import warming as warmings
from mfenvd.daemon.child import ChildDiedError
from mfenvd.daemon.journal_file import Record
from mfenvd.daemon.scheduler import Scheduler
from mfenvd.daemon.stages import Stages
from mfenvd.daemon.warming import Warming
from mfenvd.daemon.workers import Pool
from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.identity import Identity
from mfenvd.domain.mirror import Bucket
from mfenvd.domain.resolution import LockedPackage, Outcome, Resolution
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.warming import WarmTask, Warmth
from mfenvd.engine import Needs
from tests.daemon.fakes import target
from tests.daemon.harness import eventually

ROOT = "/p"
CONTEXT = Context("/c", Surroundings(ROOT), ROOT, "linux-64")
WARM = Warmth(State.WARM, watched=("/p/.metaflow/Flow/conda.manifest",))


class FakePool:
    """Answers when told to."""

    def __init__(self) -> None:
        self.tasks: list[WarmTask] = []
        self.fetched: list[tuple[list[str], bool]] = []
        self.fetching = asyncio.Event()
        self.fetching.set()
        self.waiting: list[asyncio.Future[Warmth]] = []
        self.report: Callable[[Progress], None] = lambda _: None

    async def warm(self, task: WarmTask, report: Callable[[Progress], None]) -> Warmth:
        self.tasks.append(task)
        self.report = report
        self.waiting.append(asyncio.get_running_loop().create_future())
        return await self.waiting[-1]

    async def fetch(self, task: WarmTask) -> None:
        self.fetched.append((sorted(task.conda), task.wheels is not None))
        await self.fetching.wait()

    @property
    def asked(self) -> list[str]:
        return [task.identity.id for task in self.tasks]


class FakeScheduler:
    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.busy: set[str] = set()
        self.stages = Stages()

    def record(self, key: str) -> Record | None:
        return self.records.get(key)

    def is_under_way(self, _: str, key: str) -> bool:
        return key in self.busy


class Told:
    def __init__(self) -> None:
        self.changed: list[str] = []
        self.progress: list[str] = []

    def warmth_changed(self, key: str) -> None:
        self.changed.append(key)

    def warmth_progressed(self, key: str, progress: Progress) -> None:
        self.progress.append(progress.stage)


class Bench:
    def __init__(self) -> None:
        self.pool, self.scheduler, self.told = FakePool(), FakeScheduler(), Told()
        self.carried: list[Bucket] = []
        self.warming = Warming(cast("Pool", self.pool), cast("Scheduler", self.scheduler), log="/log", carry=self.carry)
        self.warming.attach(ROOT, self.told)

    def carry(self, bucket: Bucket, _: Surroundings) -> None:
        self.carried.append(bucket)

    def want(self, *ids: str, context: Context = CONTEXT) -> None:
        self.warming.want(ROOT, {needs(id_).identity.key: needs(id_) for id_ in ids}, context)

    def resolved(self, job: str, version: str = "1.0") -> None:
        package = LockedPackage(job, version, "", f"mem://{job}/{version}")
        self.scheduler.records[job] = Record(Outcome(Resolution(job, target(Arch.LINUX_64), (package,))), 0.0, "")
        self.warming.job_changed(ROOT, job)

    async def answer(self, number: int, warmth: Warmth | Exception = WARM) -> None:
        await eventually(lambda: len(self.pool.waiting) > number)
        waiting = self.pool.waiting[number]
        if isinstance(warmth, Exception):
            waiting.set_exception(warmth)
        else:
            waiting.set_result(warmth)
        count = len(self.told.changed)
        await eventually(lambda: len(self.told.changed) > count)

    def warmth(self, id_: str) -> Warmth | None:
        return self.warming.warmth(ROOT, needs(id_).identity.key)


def needs(id_: str) -> Needs:
    """A `@pypi` environment: it rests on the jobs `conda` and `wheels-<id>`."""
    identity = Identity(
        id_, "Flow", "3.11", "linux-64", "linux-64", {}, {}, "local", "/p/.metaflow/conda", "/p/.metaflow"
    )
    return Needs(identity, {"linux-64": "conda"}, f"wheels-{id_}")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    one = Bench()
    yield one
    await one.warming.close()


async def test_work_begins_when_everything_is_resolved_and_is_done_once(bench: Bench) -> None:
    bench.want("a")
    bench.resolved("conda")
    assert not bench.warming.is_busy(ROOT)
    bench.resolved("wheels-a")
    assert bench.warming.is_busy(ROOT)
    await bench.answer(0)
    assert bench.warmth("a") == WARM
    assert bench.pool.tasks[0].wheels is not None
    assert list(bench.pool.tasks[0].conda) == ["linux-64"]
    bench.resolved("conda")
    bench.want("a")
    await asyncio.sleep(0)
    assert bench.pool.asked == ["a"]
    assert not bench.warming.is_busy(ROOT)


async def test_what_is_resolved_first_is_fetched_meanwhile_once_and_waited_for(bench: Bench) -> None:
    conda: tuple[list[str], bool] = (["linux-64"], False)
    wheels: tuple[list[str], bool] = ([], True)
    bench.pool.fetching.clear()
    bench.want("a", "b")
    bench.resolved("conda")
    await eventually(lambda: bench.pool.fetched == [conda])
    bench.resolved("wheels-a")
    # The rest of what is waited for is fetched as well.
    await eventually(lambda: bench.pool.fetched == [conda, wheels])
    assert bench.pool.asked == []
    bench.pool.fetching.set()
    await bench.answer(0)
    bench.resolved("wheels-b")
    await bench.answer(1)
    assert bench.pool.fetched == [conda, wheels]
    bench.resolved("wheels-a", "2.0")
    await bench.answer(2)
    assert bench.pool.asked == ["a", "b", "a"]


async def test_what_metaflow_is_still_asked_about_is_fetched_and_not_made_ready(bench: Bench) -> None:
    bench.warming.want(ROOT, {}, CONTEXT, [needs("a")])
    bench.resolved("conda")
    bench.resolved("wheels-a")
    await eventually(lambda: bench.pool.fetched == [(["linux-64"], False), ([], True)])
    assert not bench.warming.is_busy(ROOT)
    bench.want("a")
    await bench.answer(0)
    assert bench.pool.asked == ["a"]
    assert len(bench.pool.fetched) == 2


async def test_no_more_than_two_jobs_are_fetched_for_at_once(bench: Bench) -> None:
    bench.pool.fetching.clear()
    bench.want("a", "b", "c")
    for job in ("wheels-a", "wheels-b", "wheels-c"):
        bench.resolved(job)
    await eventually(lambda: len(bench.pool.fetched) == 2)
    await asyncio.sleep(0.05)
    assert len(bench.pool.fetched) == 2
    bench.pool.fetching.set()


async def test_a_fetch_that_fails_changes_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def die(_: WarmTask) -> None:
        raise ChildDiedError("exit code 1")

    monkeypatch.setattr(bench.pool, "fetch", die)
    bench.want("a")
    bench.resolved("wheels-a")
    await asyncio.sleep(0)
    bench.resolved("conda")
    await bench.answer(0)
    assert bench.warmth("a") == WARM


async def test_what_waits_for_a_bucket_is_looked_at_again_when_that_has_more(bench: Bench) -> None:
    bench.want("a", "b")
    for job in ("conda", "wheels-a", "wheels-b"):
        bench.resolved(job)
    queued = Warmth(State.RESOLVED, awaits=Bucket("s3://team/conda"))
    await bench.answer(0, queued)
    await bench.answer(1)
    assert bench.carried == [Bucket("s3://team/conda")]
    bench.warming.sent("s3://other/conda")
    assert not bench.warming.is_busy(ROOT)

    bench.warming.sent("s3://team/conda")
    await bench.answer(2)
    assert bench.pool.asked == ["a", "b", "a"]
    assert bench.warmth("a") == WARM
    bench.warming.sent("s3://team/conda")
    assert not bench.warming.is_busy(ROOT)


async def test_another_resolution_is_made_ready_too(bench: Bench) -> None:
    bench.want("a")
    bench.resolved("conda")
    bench.resolved("wheels-a")
    await bench.answer(0)
    bench.resolved("wheels-a", "2.0")
    await bench.answer(1)
    assert [task.wheels.packages[0].version for task in bench.pool.tasks if task.wheels] == ["1.0", "2.0"]


async def test_a_resolution_that_changes_while_it_is_made_ready_comes_next(bench: Bench) -> None:
    bench.want("a")
    bench.resolved("conda")
    bench.resolved("wheels-a")
    await eventually(lambda: len(bench.pool.tasks) == 1)
    bench.resolved("wheels-a", "2.0")
    await bench.answer(0)
    await bench.answer(1)
    assert [task.wheels.packages[0].version for task in bench.pool.tasks if task.wheels] == ["1.0", "2.0"]


async def test_what_cannot_be_resolved_is_left_alone(bench: Bench) -> None:
    bench.want("a")
    bench.resolved("conda")
    error = Finding(Code.NO_SUCH_PACKAGE, Severity.ERROR, "no")
    bench.scheduler.records["wheels-a"] = Record(Outcome(findings=(error,)), 0.0, "")
    bench.warming.job_changed(ROOT, "wheels-a")
    assert not bench.warming.is_busy(ROOT)


async def test_no_more_than_two_are_made_ready_at_once(bench: Bench) -> None:
    bench.want("a", "b", "c")
    for job in ("conda", "wheels-a", "wheels-b", "wheels-c"):
        bench.resolved(job)
    await eventually(lambda: len(bench.pool.tasks) == 2)
    await asyncio.sleep(0.05)
    assert len(bench.pool.tasks) == 2
    await bench.answer(0)
    await eventually(lambda: len(bench.pool.tasks) == 3)


async def test_a_change_of_what_is_watched_is_looked_at(bench: Bench) -> None:
    bench.want("a")
    bench.resolved("conda")
    bench.resolved("wheels-a")
    await bench.answer(0)
    assert bench.warming.watched(ROOT) == {"/p/.metaflow/Flow/conda.manifest"}
    bench.warming.files_changed(ROOT, {"/p/flow.py"})
    assert not bench.warming.is_busy(ROOT)
    bench.warming.files_changed(ROOT, {"/p/.metaflow/Flow/conda.manifest"})
    await bench.answer(1, Warmth(State.RESOLVED))
    assert bench.warmth("a") == Warmth(State.RESOLVED)


async def test_other_surroundings_are_looked_at(bench: Bench) -> None:
    bench.want("a")
    bench.resolved("conda")
    bench.resolved("wheels-a")
    await bench.answer(0)
    bench.want("a", context=Context("/c", Surroundings(ROOT, environ={"MAMBA_ROOT_PREFIX": "/m"}), ROOT, "linux-64"))
    await bench.answer(1)
    assert bench.pool.tasks[1].context.surroundings.environ == {"MAMBA_ROOT_PREFIX": "/m"}


async def test_what_fails_in_passing_is_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warmings, "RETRY_SECONDS", (0.01, 60.0))
    bench.want("a")
    bench.resolved("conda")
    bench.resolved("wheels-a")
    await bench.answer(0, ChildDiedError("killed by signal 9"))
    warmth = bench.warmth("a")
    assert warmth is not None
    assert [finding.code for finding in warmth.findings] == [Code.WORKER_DIED]
    await bench.answer(1)
    assert bench.warmth("a") == WARM


async def test_what_nobody_foresaw_is_a_finding_and_the_next_one_is_made_ready(bench: Bench) -> None:
    bench.want("a")
    bench.resolved("conda")
    bench.resolved("wheels-a")
    await bench.answer(0, ValueError("not foreseen"))
    warmth = bench.warmth("a")
    assert warmth is not None
    assert [finding.code for finding in warmth.findings] == [Code.INTERNAL_ERROR]
    assert not bench.warming.is_busy(ROOT)


async def test_a_refresh_replaces_once_everything_is_resolved_anew(bench: Bench) -> None:
    bench.want("a", "b")
    for job in ("conda", "wheels-a", "wheels-b"):
        bench.resolved(job)
    await bench.answer(0)
    await bench.answer(1)

    bench.scheduler.busy = {"wheels-a"}
    bench.warming.replace(ROOT, {"wheels-a"})
    bench.warming.job_changed(ROOT, "wheels-a")
    assert not bench.warming.is_busy(ROOT)
    bench.scheduler.busy = set()
    bench.resolved("wheels-a")  # with the same result: the manifest may hold something else
    await bench.answer(2)
    assert [(task.identity.id, task.replace) for task in bench.pool.tasks] == [
        ("a", False), ("b", False), ("a", True)
    ]  # fmt: skip
    bench.warming.files_changed(ROOT, ())
    await bench.answer(3)
    assert not any(task.replace for task in bench.pool.tasks[3:])


async def test_a_project_that_goes_ends_its_work(bench: Bench) -> None:
    bench.want("a")
    bench.resolved("conda")
    bench.resolved("wheels-a")
    await eventually(lambda: len(bench.pool.waiting) == 1)
    bench.warming.detach(ROOT)
    await eventually(bench.pool.waiting[0].cancelled)
    assert bench.warming.warmth(ROOT, needs("a").identity.key) is None
    bench.warming.job_changed(ROOT, "wheels-a")


async def test_an_environment_that_is_not_wanted_any_more_is_forgotten(bench: Bench) -> None:
    bench.want("a")
    bench.resolved("conda")
    bench.resolved("wheels-a")
    await bench.answer(0)
    bench.want("b")
    assert bench.warmth("a") is None


async def test_progress_is_told_but_not_too_often(bench: Bench) -> None:
    bench.want("a")
    bench.resolved("conda")
    bench.resolved("wheels-a")
    await eventually(lambda: len(bench.pool.waiting) == 1)
    for number in range(50):
        bench.pool.report(Progress(f"linking {number}"))
    assert bench.told.progress == ["linking 0"]


async def test_everything_is_looked_at_every_now_and_then(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warmings, "LOOK_SECONDS", 0.01)
    bench.want("a")
    bench.resolved("conda")
    bench.resolved("wheels-a")
    await bench.answer(0)
    assert not bench.warming.has_looked
    bench.warming.start()
    await bench.answer(1)
    assert set(bench.pool.asked) == {"a"}
    monkeypatch.setattr(warmings, "LOOK_SECONDS", 3600.0)
    assert bench.warming.has_looked
    # As after a night in which the machine slept.
    monkeypatch.setattr(warmings, "LOOK_SECONDS", 0.0)
    assert not bench.warming.has_looked
