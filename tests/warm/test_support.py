"""The generated conda packages are packages: rattler solves, links and runs them."""

import subprocess
from pathlib import Path

import pytest
import rattler
from rattler import MatchSpec, install, solve

from tests.support.conda_archives import Member, conda_archive, write_channel
from tests.support.conda_python import PYTHON_VERSION, installed_as_conda, python_archive
from tests.support.metaflow_world import CONDA_FLOW, PYPI_FLOW, metaflow_world


async def test_an_environment_of_generated_packages_runs(tmp_path: Path) -> None:
    subdir = str(rattler.Subdir.current())
    script = Member(b"#!/placeholder/bin/python\nimport demo\n", executable=True, placeholder="/placeholder")
    demo = conda_archive(
        "demo", "1.0", {"site-packages/demo.py": b"def main():\n    print('demo')\n"},
        noarch="python", depends=["python"], entry_points=["demo = demo:main"],
    )  # fmt: skip
    native = conda_archive("native", "2.0", {"bin/native": script}, subdir=subdir, depends=["demo"], build="h1_3")
    channel = write_channel(tmp_path / "channel", [python_archive(subdir), installed_as_conda("pip"), demo, native])

    records = await solve(
        [channel.as_uri()],
        [MatchSpec("native"), MatchSpec("pip")],
        platforms=[rattler.Subdir.current(), rattler.Subdir("noarch")],
    )
    prefix = tmp_path / "prefix"
    await install(records, prefix, cache_dir=tmp_path / "cache", show_progress=False)

    assert sorted(str(record.name.normalized) for record in records) == ["demo", "native", "pip", "python"]
    assert _run(prefix, "bin/demo") == "demo\n"
    assert _run(prefix, "bin/native") == ""
    assert _run(prefix, "bin/python", "-c", "import sys, ssl; print(sys.prefix)") == f"{prefix}\n"
    assert _run(prefix, "bin/pip3", "--version").split()[-1] == f"{PYTHON_VERSION.rpartition('.')[0]})"


def _run(prefix: Path, command: str, *arguments: str) -> str:
    return subprocess.run(
        [str(prefix / command), *arguments], check=True, capture_output=True, text=True, env={}
    ).stdout


@pytest.mark.metaflow
def test_the_real_metaflow_bootstraps_a_flow_and_finds_it_again(tmp_path: Path) -> None:
    with metaflow_world(tmp_path) as world:
        world.write("flow.py", PYPI_FLOW)

        assert "demo 1.0 helper 1.1" in world.run("flow.py")
        assert {"solve", "download", "create", "pip solve", "pip download", "pip install"} <= set(world.bootstrapping)
        manifest = world.manifest_path("WheelFlow").read_bytes()

        world.calls.clear()
        assert "demo 1.0 helper 1.1" in world.run("flow.py")
        assert world.bootstrapping == []
        assert world.manifest_path("WheelFlow").read_bytes() == manifest


@pytest.mark.metaflow
def test_a_conda_flow_runs_in_its_environment(tmp_path: Path) -> None:
    with metaflow_world(tmp_path) as world:
        world.write("flow.py", CONDA_FLOW)
        assert "native 2.0" in world.run("flow.py")
        assert world.bootstrapping == ["solve", "download", "create"]
