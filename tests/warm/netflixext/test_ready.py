"""From a save to an environment that the real metaflow-netflixext finds ready: nothing is faked but the network."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mfenvd.domain.state import State
from tests.support.extension_world import ExtensionWorld, extension_world
from tests.support.metaflow_world import LOCAL
from tests.support.real_daemon import RealDaemon, real_daemon
from tests.support.wheels import wheel
from tests.warm.netflixext.extension import python_with_extension

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
    @conda(libraries={"native": "2.0", "absent": "; sys_platform == 'darwin'"})
    @step
    def end(self):
        import demo, native

        print("both", demo.__version__, native.VERSION)


if __name__ == "__main__":
    ThreeFlow()
"""
LATE_FLOW = """\
from metaflow import FlowSpec, pypi_base, step


@pypi_base(packages={"late": ""})
class LateFlow(FlowSpec):
    @step
    def start(self):
        import late

        print("late", late.__version__)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    LateFlow()
"""
NAMED_FLOW = """\
from metaflow import FlowSpec, named_env, step


class NamedFlow(FlowSpec):
    @named_env(name="team/env:v1")
    @step
    def start(self):
        import demo

        print("demo", demo.__version__)
        self.next(self.end)

    @named_env(name="team/env:v1")
    @step
    def end(self):
        pass


if __name__ == "__main__":
    NamedFlow()
"""
EXTENDING_FLOW = """\
from metaflow import FlowSpec, conda, named_env, named_env_base, pypi, step


@named_env_base(name="team/env:v1")
class ExtendingFlow(FlowSpec):
    @pypi(packages={"late": "<2"})
    @step
    def start(self):
        import demo, late

        print("demo", demo.__version__, "late", late.__version__)
        self.next(self.end)

    @named_env(name="team/env:v1")
    @conda(libraries={"native": "2.0"})
    @step
    def end(self):
        import demo, native

        print("demo", demo.__version__, "native", native.VERSION)


if __name__ == "__main__":
    ExtendingFlow()
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExtensionWorld]:
    python = python_with_extension(tmp_path_factory.getbasetemp().parent)
    with extension_world(tmp_path_factory.mktemp("world").resolve(), python, wheels=[wheel("late", "1.0")]) as one:
        yield one


@pytest.fixture
def mfenvd(world: ExtensionWorld, tmp_path: Path) -> Iterator[RealDaemon]:
    world.forget()
    shutil.rmtree(world.root / "datastore", ignore_errors=True)
    for path in (*world.project.glob("*.py"), world.project / "mfenv.toml"):
        path.unlink(missing_ok=True)
    with real_daemon(tmp_path / "mfenv") as one:
        yield one


def run(world: ExtensionWorld, flow: str) -> str:
    done = world.metaflow(flow, "--environment=conda", "--no-pylint", "run")
    return done.stdout + done.stderr


@pytest.mark.parametrize("caches", [False, True])
def test_a_run_after_a_save_does_nothing_but_run(
    world: ExtensionWorld, mfenvd: RealDaemon, monkeypatch: pytest.MonkeyPatch, caches: bool
) -> None:
    if not caches:
        monkeypatch.setitem(world.environ, "METAFLOW_CONDA_IGNORE_CACHING_DATASTORES", '["local"]')
    world.write("three_flow.py", FLOW)
    mfenvd.up(world)
    mfenvd.becomes(State.WARM)
    before, cached = world.manifest_file.read_bytes(), content(world.root / "datastore" / "conda_env")
    world.calls.clear()

    said = run(world, "three_flow.py")

    assert "demo 1.0 helper 1.1" in said
    assert "native 2.0" in said
    assert "both 1.0 2.0" in said
    assert set(world.bootstrapping) <= {"info"}
    assert world.manifest_file.read_bytes() == before
    environments = json.loads(before)["environments"][LOCAL]
    assert len(environments) == 3
    assert content(world.root / "datastore" / "conda_env") == cached
    assert {step["env_id"][0] for step in shown(world, "three_flow.py").values()} == environments.keys()
    assert sum(path.endswith("/env") for path in cached) == (3 if caches else 0)


def shown(world: ExtensionWorld, flow: str) -> dict[str, Any]:
    """What `environment show` says of each step."""
    file = world.root / "shown.json"
    options = ("--environment=conda", "--no-pylint", "environment", "show", "--output", str(file))
    world.metaflow(flow, *options)
    return dict(json.loads(file.read_text()))


def content(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def test_what_others_resolved_is_taken(
    world: ExtensionWorld, mfenvd: RealDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user of the same datastore ran the flow; here it is seen for the first time."""
    monkeypatch.setitem(world.environ, "METAFLOW_CONDA_USE_REMOTE_LATEST", ":any:")
    monkeypatch.setitem(world.environ, "METAFLOW_CONDA_LOCALROOT", str(world.root / "shared"))
    world.write("late_flow.py", LATE_FLOW)
    monkeypatch.setitem(world.environ, "USER", "alice")
    assert "late 1.0" in run(world, "late_flow.py")
    assert world.calls.of("solve")
    world.forget()
    shutil.rmtree(world.root / "datastore")
    world.index.add(wheel("late", "2.0"))
    monkeypatch.setitem(world.environ, "USER", "bob")

    mfenvd.up(world)
    mfenvd.becomes(State.WARM)

    (requests,) = json.loads(world.manifest_file.read_text())["environments"].values()
    (found,) = requests.values()
    assert found[found["_default"]]["resolved_by"] == "alice"
    before = world.manifest_file.read_bytes()
    world.calls.clear()
    assert "late 1.0" in run(world, "late_flow.py")
    assert set(world.bootstrapping) <= {"info"}
    assert world.manifest_file.read_bytes() == before


@pytest.mark.parametrize("known", ["in the configuration", "in the manifest", "as a step's"])
def test_a_named_environment_is_there_before_the_run(world: ExtensionWorld, mfenvd: RealDaemon, known: str) -> None:
    world.write("requirements.txt", "demo==1.0\nrequests\n")
    python = f"{sys.version_info[0]}.{sys.version_info[1]}.*"
    world.environment("resolve", "-r", "requirements.txt", "--python", python, "--alias", "team/env:v1")
    world.write("named_flow.py", NAMED_FLOW)
    if known == "in the configuration":
        world.write("mfenv.toml", '[envs.shared]\nrequirements = "requirements.txt"\nalias = "team/env:v1"\n')
    elif known == "as a step's":
        run_id = run(world, "named_flow.py").partition("run-id ")[2].partition(")")[0]
        pathspec = f'pathspec="NamedFlow/{run_id}/start"'
        world.write("named_flow.py", NAMED_FLOW.replace('name="team/env:v1"', pathspec))
        shutil.rmtree(world.root / "mamba" / "envs")
    mfenvd.connection.set_trust(str(world.project), trusted=True)
    mfenvd.up(world)
    mfenvd.becomes(State.WARM, "NamedFlow")
    before = environments(world)
    world.calls.clear()

    assert "demo 1.0" in run(world, "named_flow.py")
    assert set(world.bootstrapping) <= {"info"}
    assert environments(world) == before


@pytest.mark.parametrize("trusted", [True, False])
def test_a_named_environment_with_more_packages_is_there_before_the_run(
    world: ExtensionWorld, mfenvd: RealDaemon, trusted: bool
) -> None:
    world.write("requirements.txt", "demo==1.0\nrequests\n")
    python = f"{sys.version_info[0]}.{sys.version_info[1]}.*"
    named = ("resolve", "-r", "requirements.txt", "--python", python, "--alias", "team/env:v1")
    world.environment(*named)
    alone = environments(world)
    world.write("extending_flow.py", EXTENDING_FLOW)
    mfenvd.connection.set_trust(str(world.project), trusted=trusted)
    mfenvd.up(world)
    mfenvd.becomes(State.WARM, "ExtendingFlow")
    ours = environments(world)
    world.calls.clear()

    said = run(world, "extending_flow.py")

    assert "demo 1.0 late 1.0" in said
    assert "demo 1.0 native 2.0" in said
    assert set(world.bootstrapping) <= {"info"}
    assert environments(world) == ours
    made = {req: found for req, found in ours.items() if req not in alone}
    assert sorted(entry["env_type"] for found in made.values() for entry in entries(found)) == ["mixed", "pypi-only"]

    # What the extension itself makes of the step that it can resolve without conda-lock.
    mfenvd.run("stop")
    world.forget()
    shutil.rmtree(world.root / "datastore")
    world.environment(*named)
    world.write(
        "extending_flow.py", EXTENDING_FLOW.replace('@conda(libraries={"native": "2.0"})', "@pypi(packages={})")
    )
    world.metaflow("extending_flow.py", "--environment=conda", "--no-pylint", "package", "list")
    theirs = environments(world)
    (req,) = made.keys() & theirs.keys()
    assert made[req] == theirs[req]


def environments(world: ExtensionWorld) -> dict[str, dict[str, Any]]:
    """What the manifest has for this machine, by request id."""
    found = json.loads(world.manifest_file.read_text())["environments"][LOCAL]
    return {
        req: {full: told(entry) if isinstance(entry, dict) else entry for full, entry in envs.items()}
        for req, envs in found.items()
    }


def entries(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry for full, entry in found.items() if full != "_default"]


def told(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry without the time, and without the order of what has none."""
    return {
        **entry, "resolved_on": None, "deps": sorted(entry["deps"]), "packages": sorted(entry["packages"], key=str),
    }  # fmt: skip
