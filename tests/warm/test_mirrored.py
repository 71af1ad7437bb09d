"""From a save to packages in a bucket, and to a remote task that has nothing but them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.mirror import Health
from mfenvd.domain.state import State
from tests.daemon.harness import until
from tests.support.clouds import Cloud, cloud, pinned_conda, pinned_wheels
from tests.support.conda_archives import conda_archive
from tests.support.metaflow_world import CONDA_FLOW, LOCAL, PYPI_FLOW, World, metaflow_world
from tests.support.real_daemon import PATIENCE, RealDaemon, real_daemon
from tests.support.s3_server import Bucket, bucket
from tests.support.wheels import wheel
from tests.warm.bootstraps import bootstrap
from tests.warm.test_ready import LATEST_FLOW

pytestmark = pytest.mark.metaflow

FLOWS = {"WheelFlow": "wheel_flow.py", "CondaFlow": "library_flow.py"}


@pytest.fixture
def s3() -> Iterator[Bucket]:
    with bucket() as one:
        yield one


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    conda = [conda_archive("boto3", "1.40.0", {}, noarch="generic")]
    with metaflow_world(tmp_path_factory.mktemp("world").resolve(), conda, [wheel("boto3", "1.40.0")]) as one:
        yield one


def lines(world: World, flow: str) -> list[dict[str, Any]]:
    """All of a manifest."""
    return [
        line
        for platforms in world.manifest(flow).values()
        for kinds in platforms.values()
        for entry in kinds.values()
        for line in entry
    ]


def test_what_was_saved_is_in_the_bucket_and_a_remote_task_needs_nothing_else(
    world: World, mfenvd: RealDaemon, s3: Bucket, tmp_path: Path
) -> None:
    everything_is_in_the_bucket(world, mfenvd, s3, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("name", ["azure", "gs"])
def test_azure_and_google_do_as_well(
    mfenvd: RealDaemon, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    folder = tmp_path_factory.mktemp(name)
    with (
        cloud(name, folder) as one,
        metaflow_world(folder.resolve() / "world", pinned_conda(name), pinned_wheels(name)) as world,
    ):
        everything_is_in_the_bucket(world, mfenvd, one, tmp_path)


def everything_is_in_the_bucket(world: World, mfenvd: RealDaemon, s3: Cloud, tmp_path: Path) -> None:
    """From a save to a remote task, with the daemon's own process that sends to the bucket."""
    world.write("wheel_flow.py", PYPI_FLOW)
    world.write("library_flow.py", CONDA_FLOW)
    mfenvd.up(world, **s3.environ)
    mfenvd.becomes(State.WARM)

    # Every package has its `path`, and every path is an object.
    paths = {line["path"] for flow in FLOWS for line in lines(world, flow)}
    assert set(s3.keys("metaflow/conda/")) == {f"metaflow/conda/{path}" for path in paths}
    (there,) = mfenvd.connection.mirror().buckets
    assert (there.health, there.waiting, there.objects) == (Health.OK, 0, len(paths))

    assert mfenvd.connection.steer_mirror(paused=True).paused
    assert not mfenvd.connection.steer_mirror(paused=False).paused

    # A real start has nothing to do.
    world.calls.clear()
    manifests = {flow: world.manifest_path(flow).read_bytes() for flow in FLOWS}
    for file in FLOWS.values():
        assert bootstrap(world, file, environ=s3.environ) == []
    assert world.bootstrapping == []
    assert {flow: world.manifest_path(flow).read_bytes() for flow in FLOWS} == manifests

    # Another machine: Metaflow's code package, a micromamba, the bucket; neither channel nor index.
    for flow, imports in (("WheelFlow", "import demo, helper, requests"), ("CondaFlow", "import native, requests")):
        (id_,) = world.manifest(flow)
        remote = unpacked(world, s3, FLOWS[flow], tmp_path / flow)
        done = bootstrapped(world, s3, remote, flow, id_)
        (python,) = remote.glob(f"**/{id_}/bin/python")
        environ = {"PATH": os.environ["PATH"]}
        imported = subprocess.run([python, "-c", imports], cwd=remote, env=environ, check=False, timeout=60)
        assert imported.returncode == 0, done.stdout + done.stderr

    # And by hand: the manifest and the bucket, in a home of its own.
    world.index.log.clear()
    world.channel.asked.clear()
    hydrated = mfenv(world, {**s3.environ, "MFENV_HOME": str(tmp_path / "other")}, "hydrate", "WheelFlow", "--json")
    assert hydrated.returncode == 0, hydrated.stderr
    python = Path(json.loads(hydrated.stdout)["prefix"], "bin", "python")
    subprocess.run([python, "-c", "import demo, helper, requests"], cwd=tmp_path, env=environ, check=True, timeout=60)
    assert len(world.index.log) + len(world.channel.asked) == 0


def mfenv(world: World, environ: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    """A command in the project's folder."""
    done = [sys.executable, "-c", "from mfenvd.cli.main import main; main()", *command]
    return subprocess.run(
        done, cwd=world.project, env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=120
    )


def unpacked(world: World, s3: Cloud, flow: str, folder: Path) -> Path:
    """The code package of a flow as a remote task unpacks it."""
    folder.mkdir()
    code = folder / "code.tgz"
    world.metaflow(flow, "--environment=pypi", "--no-pylint", "package", "save", str(code), environ=s3.environ)
    with tarfile.open(code) as package:
        package.extractall(folder, filter="data")
    return folder


def bootstrapped(world: World, s3: Cloud, folder: Path, flow: str, id_: str) -> subprocess.CompletedProcess[str]:
    """What a remote task does before its step begins."""
    nowhere = "http://127.0.0.1:9"
    return subprocess.run(
        [world.python, "-m", "metaflow.plugins.pypi.bootstrap", flow, id_, s3.environ["METAFLOW_DEFAULT_DATASTORE"]],
        cwd=folder,
        env={
            **world.environ, **s3.environ, "HOME": str(folder), "MAMBA_ROOT_PREFIX": str(folder / "mamba"),
            "CONDA_CHANNELS": nowhere, "PIP_INDEX_URL": nowhere, "METAFLOW_HOME": str(folder / "home"),
            "PYTHONPATH": str(folder / ".mf_code"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )  # fmt: skip


def test_a_bucket_that_is_away_holds_nothing_up_and_is_used_when_it_is_back(
    world: World, mfenvd: RealDaemon, s3: Bucket
) -> None:
    world.write("library_flow.py", CONDA_FLOW)
    s3.delete_bucket()
    mfenvd.up(world, **s3.environ)

    until(lambda: bool(mfenvd.connection.status().daemon.findings), PATIENCE)
    (finding,) = mfenvd.connection.status().daemon.findings
    assert finding.code == Code.BUCKET_UNUSABLE
    verdict = mfenvd.verdicts()[f"CondaFlow.start {LOCAL}"]
    assert verdict.state is State.RESOLVED
    assert Code.NOT_IN_DATASTORE in {found.code for found in verdict.findings}
    assert not any("path" in line for line in lines(world, "CondaFlow"))
    (id_,) = world.manifest("CondaFlow")
    assert "native 2.0" in world.run("library_flow.py", environ={"METAFLOW_DEFAULT_DATASTORE": "local"})

    s3.create_bucket()
    mfenvd.connection.steer_mirror(paused=False)  # tries at once
    mfenvd.becomes(State.WARM)
    assert all("path" in line for line in world.manifest("CondaFlow")[id_][LOCAL]["conda"])
    assert mfenvd.connection.status().daemon.findings == ()


@pytest.mark.soak
def test_a_second_workstation_takes_what_the_first_resolved(
    world: World, mfenvd: RealDaemon, s3: Bucket, tmp_path: Path
) -> None:
    def is_as_the_first_resolved_it(one: RealDaemon) -> bool:
        return any(
            (locked.name, locked.version, verdict.state) == ("late", "1.0", State.WARM)
            for verdict in one.verdicts().values()
            for locked in verdict.packages
        )

    world.write("latest_flow.py", LATEST_FLOW)
    world.index.add(wheel("late", "1.0"))
    with real_daemon(tmp_path / "another") as another:
        for one in (mfenvd, another):
            # Until it is trusted it is resolved by itself.
            one.up(world, **s3.environ)
            one.connection.set_trust(str(world.project), trusted=True)
            until(partial(is_as_the_first_resolved_it, one), PATIENCE)
            until(lambda: len(s3.keys("metaflow/conda/mfenv/resolutions/")) >= 2, PATIENCE)
            # Metaflow forgets; and there is something newer now.
            world.forget()
            world.index.add(wheel("late", "2.0"))
