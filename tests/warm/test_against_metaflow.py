"""mfenv against the real Metaflow: what both resolve, and what an S3 datastore still gets from a run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mfenvd.domain.state import State
from tests.support.conda_python import installed_as_wheel
from tests.support.metaflow_world import CONDA_FLOW, PYPI_FLOW, World, metaflow_world
from tests.support.real_daemon import real_daemon
from tests.support.s3_server import bucket

pytestmark = pytest.mark.metaflow

OF_S3 = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six")
"""What Metaflow adds to every environment whose datastore is S3, and what that needs."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    wheels = [installed_as_wheel(name) for name in OF_S3]
    with metaflow_world(tmp_path_factory.mktemp("world").resolve(), wheels=wheels) as world:
        yield world


def files(manifest: dict[str, Any]) -> dict[tuple[str, str, str], set[str]]:
    """URLs by id, platform and kind."""
    return {
        (id_, platform, kind): {line["url"] for line in lines}
        for id_, platforms in manifest.items()
        for platform, kinds in platforms.items()
        for kind, lines in kinds.items()
    }


def test_both_resolve_the_same(world: World, tmp_path: Path) -> None:
    """No wheel here has another of equal worth, so Metaflow's hash seed has no say."""
    flows = {"WheelFlow": world.write("wheels.py", PYPI_FLOW), "CondaFlow": world.write("conda.py", CONDA_FLOW)}
    by_metaflow = {}
    for name, path in flows.items():
        world.run(path.name)
        by_metaflow[name] = files(world.manifest(name))
    world.forget()
    with real_daemon(tmp_path / "mfenv") as daemon:
        daemon.watch(world)
        daemon.wait_for(State.WARM)
    assert {name: files(world.manifest(name)) for name in flows} == by_metaflow

    world.calls.clear()
    for name, path in flows.items():
        before = world.manifest_path(name).read_bytes()
        world.run(path.name)
        assert world.bootstrapping == []
        assert world.manifest_path(name).read_bytes() == before
        path.unlink()


def test_with_s3_everything_is_uploaded_before_a_run_which_uploads_nothing(world: World, tmp_path: Path) -> None:
    world.forget()
    world.write("flow.py", PYPI_FLOW)
    with bucket() as s3, real_daemon(tmp_path / "mfenv") as daemon:
        world.environ |= s3.environ
        daemon.watch(world)
        daemon.wait_for(State.WARM)
        uploaded = s3.keys("metaflow/conda/")
        assert any(key.endswith("/demo-1.0-py3-none-any.whl") for key in uploaded)
        assert any("/python-" in key for key in uploaded)
        before = world.manifest_path("WheelFlow").read_bytes()

        assert "demo 1.0 helper 1.1" in world.run("flow.py")
        assert world.bootstrapping == []
        assert s3.keys("metaflow/conda/") == uploaded
        assert world.manifest_path("WheelFlow").read_bytes() == before
