"""From a save to an environment that the real Metaflow finds ready: nothing is faked but the network."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.client.connection import Connection
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.verdict import Verdict
from mfenvd.paths import find_paths
from tests.daemon.harness import until
from tests.support.conda_python import PYTHON_VERSION
from tests.support.metaflow_world import CONDA_FLOW, PYPI_FLOW, World, metaflow_world

pytestmark = pytest.mark.metaflow

PATIENCE = 120.0


class Mfenvd:
    """A daemon with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.environ = {**os.environ, "MFENV_HOME": str(home)}
        self.connection = Connection(find_paths(self.environ).socket)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        done = [sys.executable, "-m", "mfenvd.daemon", command]
        return subprocess.run(done, env=self.environ, capture_output=True, text=True, check=True, timeout=60)

    def up(self, world: World) -> None:
        surroundings = Surroundings(str(world.project), world.python, PYTHON_VERSION, world.environ)
        self.connection.add_project(str(world.project), surroundings)

    def verdicts(self) -> dict[str, Verdict]:
        """By step and arch."""
        return {f"{one.step} {one.target.arch}": one for one in self.connection.status().verdicts}

    def states(self) -> set[State]:
        return {verdict.state for verdict in self.connection.status().verdicts}

    def becomes_warm(self) -> None:
        try:
            until(lambda: self.states() == {State.WARM}, PATIENCE)
        except AssertionError:
            shown = [(name, one.state, [f.message for f in one.findings]) for name, one in self.verdicts().items()]
            raise AssertionError(shown) from None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with metaflow_world(tmp_path_factory.mktemp("world").resolve()) as one:
        yield one


@pytest.fixture
def mfenvd(tmp_path: Path) -> Iterator[Mfenvd]:
    one = Mfenvd(tmp_path / "mfenv")
    one.run("start")
    yield one
    one.run("stop")


@pytest.mark.parametrize(("flow", "text", "prints"), [
    ("WheelFlow", PYPI_FLOW, "demo 1.0 helper 1.1"), ("CondaFlow", CONDA_FLOW, "native 2.0"),
])  # fmt: skip
def test_a_run_after_a_save_does_nothing_but_run(
    world: World, mfenvd: Mfenvd, flow: str, text: str, prints: str
) -> None:
    world.forget()
    path = world.write("flow.py", text)
    mfenvd.up(world)
    mfenvd.becomes_warm()
    manifest = world.manifest_path(flow).read_bytes()
    world.calls.clear()

    assert prints in world.run("flow.py")

    assert world.bootstrapping == []
    assert world.manifest_path(flow).read_bytes() == manifest
    path.unlink()
