"""What Metaflow will need is known before it has answered, so that its resolving and fetching need not wait."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mfenvd.daemon.readers import Readers, Reading
from mfenvd.domain.loaded import LoadedFile
from mfenvd.domain.request import Kind
from mfenvd.domain.resolver import Context
from mfenvd.domain.surroundings import Surroundings
from mfenvd.paths import Paths, find_paths
from mfenvd.warm.core.ids import MetaflowSide

pytestmark = [
    pytest.mark.metaflow,
    pytest.mark.skipif(sys.platform != "linux", reason="asks for an environment of linux-64"),
]

FLOW = """\
from metaflow import FlowSpec, {decorators}, step
class AFlow(FlowSpec):
    @{decorator}(packages={{"six": "1.16.0"}}, python="3.10")
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    AFlow()
"""


class Project:
    """A folder, read by the daemon's reading process."""

    def __init__(self, folder: Path, readers: Readers, cache_dir: str) -> None:
        self.root = folder / "project"
        self.root.mkdir()
        environ = {"HOME": str(folder), "METAFLOW_HOME": str(folder), "USER": "tester", "PATH": os.environ["PATH"]}
        surroundings = Surroundings(str(self.root), sys.executable, platform.python_version(), environ)
        self._context = Context(cache_dir, surroundings, str(self.root), "linux-64", trusted=True)
        self._readers = readers
        self._last: Reading | None = None

    async def read(self, *answers: LoadedFile, anew: bool = False) -> Reading:
        before = self._last.understanding if self._last else None
        self._last = await self._readers.read((), before, self._context, anew=anew, answers=answers)
        return self._last


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = find_paths({"MFENV_HOME": str(tmp_path / "mfenv")})
    Path(found.state).mkdir(parents=True)
    return found


@pytest.fixture
async def project(tmp_path: Path, paths: Paths) -> AsyncIterator[Project]:
    readers = Readers(paths)
    yield Project(tmp_path, readers, paths.cache)
    await readers.close()


def answers_of_metaflow(reading: Reading) -> list[LoadedFile]:
    questions = reading.questions
    assert questions.launcher is not None
    return list(MetaflowSide().ask(questions.files, questions.launcher, trusted=questions.trusted))


@pytest.mark.parametrize("decorator", ["pypi", "conda"])
async def test_what_is_foreseen_is_what_metaflow_says_then(project: Project, decorator: str) -> None:
    (project.root / "flow.py").write_text(FLOW.format(decorators=decorator, decorator=decorator))
    asked = await project.read(anew=True)
    expected = {needs.identity.key: needs.jobs for needs in asked.understanding.foreseen}
    assert len(expected) == 1
    assert asked.understanding.needs == {}

    told = await project.read(*answers_of_metaflow(asked))

    found = {key: needs.jobs for key, needs in told.understanding.needs.items()}
    assert expected.items() <= found.items()
    assert told.understanding.foreseen == []
    assert asked.understanding.jobs.keys() <= told.understanding.jobs.keys()
    kinds = {job.request.kind for job in asked.understanding.jobs.values()}
    assert kinds == ({Kind.PYPI, Kind.CONDA} if decorator == "pypi" else {Kind.CONDA})


async def test_nothing_is_foreseen_where_metaflow_is_not_asked(project: Project) -> None:
    (project.root / "mfenv.toml").write_text('[envs.plain]\npackages = ["six"]\npython = "3.10"\n')
    reading = await project.read(anew=True)
    assert [job.request.kind for job in reading.understanding.jobs.values()] == [Kind.PYPI]
    assert reading.understanding.foreseen == []
