"""What is read elsewhere comes back whole, and only what is different comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psutil
import pytest

from mfenvd.daemon import readers as module
from mfenvd.daemon.readers import FolderGoneError, Readers, Reading, ReadingFailedError
from mfenvd.daemon.verdicts import Understanding
from mfenvd.domain.resolver import Context
from mfenvd.domain.surroundings import Surroundings
from mfenvd.paths import Paths, find_paths
from tests.daemon import fakes
from tests.daemon.harness import REPOSITORY, eventually


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    found = find_paths({"MFENV_HOME": str(tmp_path / "home")})
    Path(found.state).mkdir(parents=True)
    return found


@pytest.fixture
async def readers(paths: Paths) -> AsyncIterator[Readers]:
    one = Readers(paths, reader="tests.daemon.fakes:FakeReader")
    yield one
    await one.close()


class Project:
    """A folder, read over and over."""

    def __init__(self, readers: Readers, root: Path, paths: Paths) -> None:
        self.readers = readers
        self.root = root
        self.context = Context(paths.cache, Surroundings(str(root)), str(root), "linux-64")
        self.last: Understanding | None = None

    async def read(self, *changed: str, anew: bool = False) -> Reading:
        paths = [str(self.root / name) for name in changed]
        reading = await self.readers.read(paths, self.last, self.context, anew=anew)
        self.last = reading.understanding
        return reading

    def write(self, name: str, text: str) -> str:
        (self.root / name).write_text(text)
        return name

    @property
    def asks_for(self) -> dict[str | None, str]:
        """The requirements of each step."""
        assert self.last is not None
        requests = {row.environment.step: row.environment.request for row in self.last.rows}
        return {step: " ".join(request.pypi.requirements) for step, request in requests.items() if request}


@pytest.fixture
def project(readers: Readers, root: Path, paths: Paths) -> Project:
    return Project(readers, root, paths)


def process(readers: Readers) -> psutil.Process:
    (reader,) = readers._readers
    return psutil.Process(reader.child.pid)


async def test_all_of_a_project_comes_in_the_order_of_its_plan(project: Project) -> None:
    project.write("b.py", "".join(f"step{n}: package{n}\n" for n in range(60)))
    project.write("a.py", "start: requests @linux-64 @osx-64\n")
    reading = await project.read()
    understood = reading.understanding
    assert list(project.asks_for.items())[:2] == [("start", "requests"), ("step0", "package0")]
    assert len(understood.rows) == 61
    assert understood.flows == 2
    assert reading.files == {str(project.root / name) for name in ("a.py", "b.py")}
    assert all(key == job.key and job.context == project.context for key, job in understood.jobs.items())
    assert len(understood.jobs) == 62


async def test_after_a_change_only_what_it_changed_is_another_row(project: Project) -> None:
    project.write("flow.py", "start: one\nmiddle: two\nend: three\n")
    before = (await project.read()).understanding
    reading = await project.read(project.write("flow.py", "start: one\nend: four\nlast: two\n"))
    assert project.asks_for == {"start": "one", "end": "four", "last": "two"}
    assert [row in before.rows for row in reading.understanding.rows] == [True, False, False]
    same = await project.read(project.write("flow.py", "# remark\nstart: one\nend: four\nlast: two\n"))
    assert same.understanding is reading.understanding


async def test_other_surroundings_have_it_read_from_scratch_and_all_work_is_new(project: Project) -> None:
    project.write("flow.py", "start: one\n")
    (before,) = (await project.read()).understanding.rows
    project.context = msgspec.structs.replace(
        project.context, surroundings=Surroundings(str(project.root), environ={"PIP_PASSWORD": "new"})
    )
    (after,) = (await project.read("flow.py")).understanding.rows
    assert after is not before
    assert [*after.jobs] == [*before.jobs]
    assert [job.context for job in after.jobs.values()] == [project.context]


async def test_trust_makes_other_work_of_the_same_plan(project: Project) -> None:
    project.write("flow.py", "start: one\n")
    before = (await project.read()).understanding
    project.context = msgspec.structs.replace(project.context, trusted=True)
    after = (await project.read()).understanding
    assert before.jobs.keys().isdisjoint(after.jobs)
    assert len(fakes.notes(Path(project.context.cache_dir), "read")) == 1


async def test_a_reader_that_ends_is_replaced_and_nothing_seems_changed(readers: Readers, project: Project) -> None:
    project.write("flow.py", "start: one\n")
    before = (await project.read()).understanding
    process(readers).kill()
    reader = readers._readers[0]
    await eventually(lambda: not reader.child.alive)
    assert (await project.read("flow.py")).understanding is before
    assert len(fakes.notes(Path(project.context.cache_dir), "read")) == 2


async def test_a_reader_that_dies_while_reading_gets_a_second_attempt(project: Project) -> None:
    project.write("flow.py", "hog 60\nstart: one\n")
    reading = asyncio.create_task(project.read())
    await eventually(lambda: fakes.notes(Path(project.context.cache_dir), "hog"))
    project.write("flow.py", "start: one\n")
    process(project.readers).kill()
    await reading
    assert project.asks_for == {"start": "one"}


async def test_a_project_that_its_reader_dies_of_is_told(project: Project) -> None:
    project.write("flow.py", "hog 60\nstart: one\n")
    reading = asyncio.create_task(project.read())
    await eventually(lambda: len(fakes.notes(Path(project.context.cache_dir), "read")) == 1)
    process(project.readers).kill()
    await eventually(lambda: len(fakes.notes(Path(project.context.cache_dir), "read")) == 2)
    process(project.readers).kill()
    with pytest.raises(ReadingFailedError, match="killed by signal 9"):
        await reading


async def test_an_error_in_the_reader_is_told_and_the_next_reading_begins_anew(project: Project) -> None:
    await project.read(project.write("flow.py", "start: one\n"))
    with pytest.raises(ReadingFailedError, match="RuntimeError: the reader failed"):
        await project.read(project.write("flow.py", "boom\n"))
    await project.read(project.write("flow.py", "start: two\n"))
    assert project.asks_for == {"start": "two"}


async def test_a_folder_that_went_is_not_an_empty_one(project: Project) -> None:
    await project.read(project.write("flow.py", "start: one\n"))
    (project.root / "flow.py").unlink()
    project.root.rmdir()
    with pytest.raises(FolderGoneError):
        await project.read("flow.py")


async def test_cancelled_reading_ends_with_its_process(readers: Readers, project: Project) -> None:
    project.write("flow.py", "hog 60\nstart: one\n")
    reading = asyncio.create_task(project.read())
    await eventually(lambda: fakes.notes(Path(project.context.cache_dir), "read"))
    child = process(readers)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert len(readers) == 0
    await eventually(lambda: not child.is_running())


async def test_a_folder_that_does_not_answer_keeps_nobody_else_waiting(
    readers: Readers, project: Project, paths: Paths, tmp_path: Path
) -> None:
    project.write("flow.py", "hog 60\n")
    stuck = asyncio.create_task(project.read())
    await eventually(lambda: fakes.notes(Path(paths.cache), "read"))
    (tmp_path / "other").mkdir()
    other = Project(readers, tmp_path / "other", paths)
    await other.read(other.write("flow.py", "start: two\n"))
    assert other.asks_for == {"start": "two"}
    assert len(readers) == module.MOST
    stuck.cancel()
    await asyncio.wait([stuck])


async def test_projects_share_a_process_that_is_free(readers: Readers, project: Project, paths: Paths) -> None:
    await project.read(project.write("flow.py", "start: one\n"))
    (project.root / "inner").mkdir()
    other = Project(readers, project.root / "inner", paths)
    await other.read(other.write("flow.py", "start: two\n"))
    assert len(readers) == 1
    assert (await project.read()).understanding is project.last


async def test_without_work_it_ends_unless_something_would_be_lost(root: Path, paths: Paths) -> None:
    readers = Readers(paths, reader="tests.daemon.fakes:FakeReader", idle_seconds=0.3)
    project = Project(readers, root, paths)
    await project.read(project.write("flow.py", "start: one\n"))
    await project.read(project.write("flow.py", "!\n"))
    await asyncio.sleep(1)
    assert project.asks_for == {"start": "one"}
    assert len(readers) == 1
    await project.read(project.write("flow.py", "start: two\n"))
    await eventually(lambda: len(readers) == 0)
    await readers.close()


async def test_a_forgotten_project_keeps_no_process(root: Path, paths: Paths) -> None:
    readers = Readers(paths, reader="tests.daemon.fakes:FakeReader", idle_seconds=0.3)
    project = Project(readers, root, paths)
    await project.read(project.write("flow.py", "!\n"))
    readers.forget(str(root))
    await eventually(lambda: len(readers) == 0)
    await readers.close()
