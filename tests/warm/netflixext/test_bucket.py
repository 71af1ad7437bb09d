"""From a save to a bucket: the real extension finds nothing to do there, and others find the environments."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.domain.layouts import environment_key, full_id_key
from mfenvd.domain.state import State
from tests.daemon.harness import until
from tests.support.clouds import CLIENTS, CLOUDS, Cloud, cloud, pinned_conda, pinned_wheels
from tests.support.extension_world import ExtensionWorld, extension_world
from tests.support.metaflow_world import LOCAL
from tests.support.real_daemon import PATIENCE, RealDaemon, real_daemon
from tests.support.wheels import wheel
from tests.warm.netflixext.extension import python_with_extension
from tests.warm.netflixext.test_ready import EXTENDING_FLOW, FLOW, LATE_FLOW, shown

pytestmark = [pytest.mark.metaflow, pytest.mark.soak]

ROOT = "metaflow/conda_env/"


@pytest.fixture(params=CLOUDS)
def bucket(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with cloud(request.param, tmp_path_factory.mktemp(request.param)) as one:
        yield one


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, bucket: Cloud) -> Iterator[ExtensionWorld]:
    datastore = bucket.environ["METAFLOW_DEFAULT_DATASTORE"]
    python = python_with_extension(tmp_path_factory.getbasetemp().parent, *CLIENTS[datastore])
    wheels = [*pinned_wheels(datastore), wheel("late", "1.0")]
    with extension_world(tmp_path.resolve() / "world", python, pinned_conda(datastore), wheels) as one:
        one.environ |= bucket.environ
        yield one


@pytest.fixture
def mfenvd(tmp_path: Path) -> Iterator[RealDaemon]:
    with real_daemon(tmp_path / "mfenv") as one:
        yield one


@pytest.fixture
def another_mfenvd(tmp_path: Path) -> Iterator[RealDaemon]:
    with real_daemon(tmp_path / "another-mfenv") as one:
        yield one


def start(world: ExtensionWorld, flow: str) -> None:
    """As far as the environments go: resolves and caches what is missing, and starts no task."""
    world.metaflow(flow, "--environment=conda", "--no-pylint", "package", "list")


def defaults(world: ExtensionWorld) -> dict[str, str]:
    """Full ids by request id."""
    environments = json.loads(world.manifest_file.read_text())["environments"][LOCAL]
    return {req: found["_default"] for req, found in environments.items() if "_default" in found}


def test_two_machines_share_what_one_of_them_resolved(
    world: ExtensionWorld,
    bucket: Cloud,
    mfenvd: RealDaemon,
    another_mfenvd: RealDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world.write("late_flow.py", LATE_FLOW)
    mfenvd.up(world)
    mfenvd.becomes(State.WARM)
    ((req, full),) = defaults(world).items()
    expected = {environment_key(LOCAL, req, full), full_id_key(full)}
    until(lambda: {f"{ROOT}{key}" for key in expected} <= set(bucket.keys(ROOT)), PATIENCE)

    keys, before = bucket.keys(ROOT), world.manifest_file.read_bytes()
    world.calls.clear()
    start(world, "late_flow.py")
    assert set(world.bootstrapping) <= {"info"}
    assert bucket.keys(ROOT) == keys
    assert world.manifest_file.read_bytes() == before

    # Another machine, where nothing is known, and a newer package that a resolve there would find.
    mfenvd.run("stop")
    world.forget()
    shutil.rmtree(world.root / "datastore")
    world.index.add(wheel("late", "2.0"))
    monkeypatch.setitem(world.environ, "METAFLOW_CONDA_USE_REMOTE_LATEST", ":any:")
    another_mfenvd.up(world)
    another_mfenvd.becomes(State.WARM)
    assert defaults(world) == {req: full}
    assert bucket.keys(ROOT) == keys
    mfenvd.run("start")


def test_an_environment_whose_name_only_the_bucket_has_is_ready_and_extended(
    world: ExtensionWorld, bucket: Cloud, mfenvd: RealDaemon
) -> None:
    world.write("requirements.txt", "demo==1.0\nrequests\n")
    python = f"{sys.version_info[0]}.{sys.version_info[1]}.*"
    world.environment("resolve", "-r", "requirements.txt", "--python", python, "--alias", "team/env:v1")
    world.forget()
    shutil.rmtree(world.root / "datastore")
    world.write("extending_flow.py", EXTENDING_FLOW)
    mfenvd.connection.set_trust(str(world.project), trusted=True)
    mfenvd.up(world)
    mfenvd.becomes(State.WARM, "ExtendingFlow")
    made = defaults(world)
    expected = {environment_key(LOCAL, *ids) for ids in made.items()} | set(map(full_id_key, made.values()))
    until(lambda: {f"{ROOT}{key}" for key in expected} <= set(bucket.keys(ROOT)), PATIENCE)
    world.calls.clear()
    keys = bucket.keys(ROOT)
    start(world, "extending_flow.py")
    assert set(world.bootstrapping) <= {"info"}
    assert defaults(world) == made
    assert bucket.keys(ROOT) == keys


IMPORTS = {"start": "import demo, helper, requests", "middle": "import native", "end": "import demo, native"}


def test_a_remote_task_needs_nothing_but_the_bucket(
    world: ExtensionWorld, bucket: Cloud, mfenvd: RealDaemon, tmp_path: Path
) -> None:
    world.write("three_flow.py", FLOW)
    mfenvd.up(world)
    mfenvd.becomes(State.WARM)
    ids = steps(world, "three_flow.py")
    described = {environment_key(LOCAL, *pair) for pair in ids.values()}
    until(lambda: {f"{ROOT}{key}" for key in described} <= set(bucket.keys(ROOT)), PATIENCE)
    code = tmp_path / "code.tgz"
    world.metaflow("three_flow.py", "--environment=conda", "--no-pylint", "package", "save", str(code))

    # Another machine: the extension's own code package and bootstrap, a micromamba, the bucket.
    world.index.log.clear()
    world.channel.asked.clear()
    for step, imports in IMPORTS.items():
        node = tmp_path / step
        said = remote_task(world, code, node, step, ids[step])
        prefix = Path(node.joinpath("task", "_env_path").read_text())
        assert node in prefix.parents, said
        imported(prefix, imports, said)

    # And by hand, in a home of its own but for what the daemon says of a step.
    full = ids["start"][1]
    world.environment("alias", ":".join(ids["start"]), "team/env:v1")
    for name in (":".join(ids["start"]), full, "team/env:v1", "ThreeFlow/start"):
        where = tmp_path / "by-hand" / name.replace("/", "-").replace(":", "-")
        hydrated = mfenv(world, mfenvd, "hydrate", name, "--into", str(where), "--json")
        assert hydrated.returncode == 0, hydrated.stderr
        imported(Path(json.loads(hydrated.stdout)["prefix"]), IMPORTS["start"], hydrated.stderr)
    assert len(world.index.log) + len(world.channel.asked) == 0


def steps(world: ExtensionWorld, flow: str) -> dict[str, tuple[str, str]]:
    """Request id and full id of each step, as the extension says."""
    full = defaults(world)
    return {step: (told["env_id"][0], full[told["env_id"][0]]) for step, told in shown(world, flow).items()}


def remote_task(world: ExtensionWorld, code: Path, node: Path, step: str, ids: tuple[str, str]) -> str:
    """What a task does before its step begins, on a machine of which `node` is all; what it said."""
    task, nowhere = node / "task", "http://127.0.0.1:9"
    task.mkdir(parents=True)
    with tarfile.open(code) as package:
        package.extractall(task, filter="data")
    bootstrap = "metaflow_extensions.netflixext.plugins.conda.remote_bootstrap"
    done = subprocess.run(
        [world.python, "-m", bootstrap, "ThreeFlow", step, *ids, world.environ["METAFLOW_DEFAULT_DATASTORE"]],
        cwd=task,
        env={
            **world.environ, "HOME": str(node), "MAMBA_ROOT_PREFIX": str(node / "mamba"), "PYTHONPATH": ".mf_code",
            "CONDA_CHANNELS": nowhere, "PIP_INDEX_URL": nowhere, "METAFLOW_HOME": str(node / "home"),
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(task),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def imported(prefix: Path, imports: str, said: str) -> None:
    """The environment's Python imports its packages, with nothing else about."""
    done = subprocess.run(
        [prefix / "bin" / "python", "-c", imports],
        cwd=prefix,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, said + done.stderr


def mfenv(world: ExtensionWorld, mfenvd: RealDaemon, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in the project's folder, beside the daemon."""
    return subprocess.run(
        [sys.executable, "-c", "from mfenvd.cli.main import main; main()", *command],
        cwd=world.project,
        env={**mfenvd.environ, **world.environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
