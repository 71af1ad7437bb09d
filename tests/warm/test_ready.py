"""From a save to an environment that the real Metaflow finds ready: nothing is faked but the network."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.state import State
from mfenvd.domain.verdict import Verdict
from tests.daemon.harness import until
from tests.support.conda_archives import conda_archive
from tests.support.conda_python import python_archive
from tests.support.metaflow_world import CONDA_FLOW, LOCAL, PYPI_FLOW, World, metaflow_world
from tests.support.real_daemon import PATIENCE, RealDaemon
from tests.support.wheels import wheel
from tests.warm.bootstraps import bootstrap
from tests.warm.releases import RELEASES, python_with_metaflow

pytestmark = pytest.mark.metaflow

S3 = {"METAFLOW_DEFAULT_DATASTORE": "s3", "METAFLOW_DATASTORE_SYSROOT_S3": "s3://bucket/metaflow"}
FOREIGN = "linux-aarch64"
LATEST_FLOW = """\
from metaflow import FlowSpec, pypi_base, step


@pypi_base(packages={"late": ""})
class LatestFlow(FlowSpec):
    @step
    def start(self):
        import late

        print("late", late.__version__)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    LatestFlow()
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    conda = [python_archive(FOREIGN), conda_archive("boto3", "1.40.0", {}, noarch="generic")]
    wheels = [
        wheel("late", "1.0"),
        wheel("boto3", "1.40.0"),
        wheel(
            "charset-normalizer", "3.4.0", f"cp{sys.version_info[0]}{sys.version_info[1]}-none-manylinux_2_17_aarch64"
        ),
    ]
    with metaflow_world(tmp_path_factory.mktemp("world").resolve(), conda, wheels) as one:
        yield one


def urls(manifest: dict[str, Any]) -> dict[tuple[str, str, str], set[str]]:
    """The files of each entry, without where they come from."""
    return {
        (id_, platform, kind): {line["url"].rpartition("/")[2] for line in lines}
        for id_, platforms in manifest.items()
        for platform, kinds in platforms.items()
        for kind, lines in kinds.items()
    }


def test_a_run_after_a_save_does_nothing_but_run(world: World, mfenvd: RealDaemon) -> None:
    world.write("wheel_flow.py", PYPI_FLOW)
    world.write("library_flow.py", CONDA_FLOW)
    mfenvd.up(world)
    mfenvd.becomes(State.WARM)
    manifests = {flow: world.manifest_path(flow).read_bytes() for flow in ("WheelFlow", "CondaFlow")}
    world.calls.clear()

    assert "demo 1.0 helper 1.1" in world.run("wheel_flow.py")
    assert "native 2.0" in world.run("library_flow.py")

    assert world.bootstrapping == []
    assert {flow: world.manifest_path(flow).read_bytes() for flow in manifests} == manifests


def made_yesterday(world: World) -> None:
    """What Metaflow has only just made is left alone, as it may be at it still."""
    yesterday = time.time() - 24 * 3600.0
    for line in world.environments_file.read_text().split():
        for path in (Path(line), *Path(line).glob("*")):
            os.utime(path, (yesterday, yesterday), follow_symlinks=False)


@pytest.mark.parametrize("release", RELEASES)
def test_older_releases_find_it_ready_too(
    world: World,
    mfenvd: RealDaemon,
    release: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    python = python_with_metaflow(release, tmp_path_factory.getbasetemp().parent)
    monkeypatch.setattr(world, "python", python)
    world.write("wheel_flow.py", PYPI_FLOW)
    world.write("library_flow.py", CONDA_FLOW)
    mfenvd.up(world)
    mfenvd.becomes(State.WARM)
    manifests = {flow: world.manifest_path(flow).read_bytes() for flow in ("WheelFlow", "CondaFlow")}
    world.calls.clear()

    for flow in ("wheel_flow.py", "library_flow.py"):
        assert bootstrap(world, flow) == []

    assert world.bootstrapping == []
    assert {flow: world.manifest_path(flow).read_bytes() for flow in manifests} == manifests


def test_what_metaflow_resolved_stays_until_it_is_to_be_replaced(world: World, mfenvd: RealDaemon) -> None:
    world.write("latest_flow.py", LATEST_FLOW)
    bootstrap(world, "latest_flow.py")
    made_yesterday(world)
    manifest = world.manifest_path("LatestFlow").read_bytes()
    world.index.add(wheel("late", "2.0"))

    mfenvd.up(world)
    mfenvd.becomes(State.WARM)
    verdict = mfenvd.verdicts()[f"LatestFlow.start {LOCAL}"]
    assert {package.name: package.version for package in verdict.packages}["late"] == "2.0"
    (notice,) = verdict.findings
    assert notice.code == Code.OTHER_PACKAGES
    assert [line.partition("-py3")[0] for line in notice.detail] == ["late-1.0"]
    assert world.manifest_path("LatestFlow").read_bytes() == manifest
    world.calls.clear()
    bootstrap(world, "latest_flow.py")
    assert world.bootstrapping == []
    made_yesterday(world)

    mfenvd.connection.resolve_again(str(world.project), replace=True)
    until(lambda: not mfenvd.verdicts()[f"LatestFlow.start {LOCAL}"].findings, PATIENCE)
    mfenvd.becomes(State.WARM)
    world.calls.clear()
    assert "late 2.0" in world.run("latest_flow.py")
    assert world.bootstrapping == []


def test_a_step_of_another_platform_has_its_wheels_and_the_python_that_fetches_them(
    world: World, mfenvd: RealDaemon
) -> None:
    remote = {**S3, "METAFLOW_KUBERNETES_CONDA_ARCH": FOREIGN}
    world.write("wheel_flow.py", PYPI_FLOW)
    world.write("deploy.sh", "python wheel_flow.py --environment=pypi run --with kubernetes\n")
    mfenvd.up(world, **remote)
    name = f"WheelFlow.start {FOREIGN}"
    until(lambda: name in mfenvd.verdicts() and offered(mfenvd.verdicts()[name]), PATIENCE)

    entries = urls(world.manifest("WheelFlow"))
    (foreign,) = {id_ for id_, platform, kind in entries if (platform, kind) == (FOREIGN, "pypi")}
    assert {(platform, kind) for id_, platform, kind in entries if id_ == foreign} == {
        (FOREIGN, "conda"), (FOREIGN, "pypi"), (LOCAL, "conda")
    }  # fmt: skip
    assert any(FOREIGN.removeprefix("linux-") in name for name in entries[foreign, FOREIGN, "pypi"])
    for step in ("start", "end"):
        codes = [finding.code for finding in mfenvd.verdicts()[f"WheelFlow.{step} {FOREIGN}"].findings]
        assert Code.NOT_IN_DATASTORE in codes
    world.calls.clear()

    uploaded = bootstrap(world, "wheel_flow.py", "run", "--with", "kubernetes", environ=remote)

    assert world.bootstrapping == []
    # It takes what is here to the datastore, the packages for this machine included.
    assert {path.rpartition("/")[2] for path in uploaded} == {
        name for (id_, _, _), names in entries.items() for name in names if id_ == foreign
    }

    # Deploying puts the same decorator on every step, and that run has noted what is in the datastore.
    service = {"METAFLOW_SERVICE_URL": "http://127.0.0.1:9", "METAFLOW_KUBERNETES_NAMESPACE": "default"}
    create = ("argo-workflows", "create", "--only-json")
    assert bootstrap(world, "wheel_flow.py", *create, environ=remote | service) == []
    assert world.bootstrapping == []


def offered(verdict: Verdict) -> bool:
    """Whether it is as ready as it gets without its bucket."""
    return Code.NOT_IN_DATASTORE in {finding.code for finding in verdict.findings}


def test_what_disappears_is_made_again(world: World, mfenvd: RealDaemon) -> None:
    world.write("library_flow.py", CONDA_FLOW)
    mfenvd.up(world)
    mfenvd.becomes(State.WARM)
    manifest = world.manifest_path("CondaFlow")
    before = manifest.read_bytes()

    manifest.unlink()
    until(manifest.exists, PATIENCE)
    until(lambda: manifest.read_bytes() == before, PATIENCE)

    history = Path(world.environments_file.read_text().split()[0]) / "conda-meta" / "history"
    history.unlink()
    until(history.exists, PATIENCE)
    mfenvd.becomes(State.WARM)


def test_a_machine_without_micromamba_is_told_so(world: World, mfenvd: RealDaemon) -> None:
    world.write("library_flow.py", CONDA_FLOW)
    path = os.pathsep.join(
        folder for folder in world.environ["PATH"].split(os.pathsep) if folder != str(world.root / "bin")
    )
    mfenvd.up(world, PATH=path)
    mfenvd.becomes(State.WARM)
    codes = {finding.code for finding in mfenvd.verdicts()[f"CondaFlow.start {LOCAL}"].findings}
    assert Code.MICROMAMBA_MISSING in codes
