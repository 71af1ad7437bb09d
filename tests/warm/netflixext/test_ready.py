"""From a save to an environment that the real metaflow-netflixext finds ready: nothing is faked but the network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.domain.state import State
from tests.support.extension_world import ExtensionWorld, extension_world
from tests.support.metaflow_world import LOCAL
from tests.warm.netflixext.extension import python_with_extension
from tests.warm.test_ready import Mfenvd

pytestmark = [pytest.mark.metaflow, pytest.mark.soak]

FLOW = """\
from metaflow import FlowSpec, conda, pypi, step


class ThreeFlow(FlowSpec):
    @pypi(packages={"demo": "1.0"})
    @step
    def start(self):
        import demo, helper

        print("demo", demo.__version__, "helper", helper.__version__)
        self.next(self.middle)

    @conda(libraries={"native": ">=2.0"})
    @step
    def middle(self):
        import native

        print("native", native.VERSION)
        self.next(self.end)

    @pypi(packages={"demo": "1.0"})
    @conda(libraries={"native": "2.0"})
    @step
    def end(self):
        import demo, native

        print("both", demo.__version__, native.VERSION)


if __name__ == "__main__":
    ThreeFlow()
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExtensionWorld]:
    python = python_with_extension(tmp_path_factory.getbasetemp().parent)
    with extension_world(tmp_path_factory.mktemp("world").resolve(), python) as one:
        one.environ["METAFLOW_CONDA_IGNORE_CACHING_DATASTORES"] = '["local"]'
        yield one


@pytest.fixture
def mfenvd(world: ExtensionWorld, tmp_path: Path) -> Iterator[Mfenvd]:
    one = Mfenvd(tmp_path / "mfenv")
    one.run("start")
    yield one
    one.run("stop")


def run(world: ExtensionWorld, flow: str) -> str:
    done = world.metaflow(flow, "--environment=conda", "--no-pylint", "run")
    return done.stdout + done.stderr


def test_a_run_after_a_save_does_nothing_but_run(world: ExtensionWorld, mfenvd: Mfenvd) -> None:
    world.write("three_flow.py", FLOW)
    mfenvd.up(world)
    mfenvd.becomes(State.WARM)
    before = world.manifest_file.read_bytes()
    world.calls.clear()

    said = run(world, "three_flow.py")

    assert "demo 1.0 helper 1.1" in said
    assert "native 2.0" in said
    assert "both 1.0 2.0" in said
    assert set(world.bootstrapping) <= {"info"}
    assert world.manifest_file.read_bytes() == before
    environments = json.loads(before)["environments"][LOCAL]
    assert len(environments) == 3
