"""mfenv against the real Metaflow: what both resolve, and what `run --with batch` still does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mfenvd.domain.state import State
from tests.support.batch_server import batch_beside
from tests.support.conda_python import installed_as_wheel
from tests.support.metaflow_world import CONDA_FLOW, PYPI_FLOW, World, metaflow_world
from tests.support.real_daemon import real_daemon
from tests.support.s3_server import bucket
from tests.warm.bootstraps import bootstrap

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
        bootstrap(world, path.name)
        by_metaflow[name] = files(world.manifest(name))
    world.forget()
    with real_daemon(tmp_path / "mfenv") as daemon:
        daemon.up(world)
        daemon.becomes(State.WARM)
    assert {name: files(world.manifest(name)) for name in flows} == by_metaflow
    for path in flows.values():
        path.unlink()


def test_with_batch_a_run_only_submits(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages are in the bucket before, and the job is told the environment that was made ready."""
    world.forget()
    world.write("flow.py", PYPI_FLOW)
    world.write("launch.sh", "python flow.py --environment=pypi run --with batch\n")
    with bucket() as s3, batch_beside(s3) as batch, real_daemon(tmp_path / "mfenv") as daemon:
        monkeypatch.setattr(world, "environ", {**world.environ, **s3.environ, **batch.environ})
        daemon.up(world)
        daemon.becomes(State.WARM)
        uploaded = s3.keys("metaflow/conda/")
        assert any(key.endswith("/demo-1.0-py3-none-any.whl") for key in uploaded)
        assert any("/python-" in key for key in uploaded)
        before = world.manifest_path("WheelFlow").read_bytes()

        # The job never runs, so that the run fails after it was submitted.
        world.metaflow("flow.py", "--environment=pypi", "--no-pylint", "run", "--with", "batch", check=False)

        (id_,) = world.manifest("WheelFlow")
        (command,) = batch.commands()
        assert f"metaflow.plugins.pypi.bootstrap WheelFlow {id_} s3" in command
        assert world.bootstrapping == []
        assert s3.keys("metaflow/conda/") == uploaded
        assert world.manifest_path("WheelFlow").read_bytes() == before
