"""From a save to a bucket: the real extension finds nothing to do there, and others find the environments."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.domain.layouts import environment_key, full_id_key
from mfenvd.domain.state import State
from tests.daemon.harness import until
from tests.support.conda_archives import conda_archive
from tests.support.extension_world import ExtensionWorld, extension_world
from tests.support.metaflow_world import LOCAL
from tests.support.s3_server import Bucket, bucket
from tests.support.wheels import wheel
from tests.warm.netflixext.extension import python_with_extension
from tests.warm.netflixext.test_ready import LATE_FLOW
from tests.warm.test_ready import PATIENCE, Mfenvd

pytestmark = [pytest.mark.metaflow, pytest.mark.soak]

ROOT = "metaflow/conda_env/"


@pytest.fixture
def s3() -> Iterator[Bucket]:
    with bucket() as one:
        yield one


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, s3: Bucket) -> Iterator[ExtensionWorld]:
    python = python_with_extension(tmp_path_factory.getbasetemp().parent)
    conda = [conda_archive("boto3", "1.40.0", {}, noarch="generic")]
    wheels = [wheel("boto3", "1.40.0"), wheel("late", "1.0")]
    with extension_world(tmp_path.resolve() / "world", python, conda, wheels) as one:
        one.environ |= s3.environ
        yield one


def daemon(home: Path) -> Iterator[Mfenvd]:
    one = Mfenvd(home)
    one.run("start")
    yield one
    one.run("stop")


@pytest.fixture
def mfenvd(tmp_path: Path) -> Iterator[Mfenvd]:
    yield from daemon(tmp_path / "mfenv")


@pytest.fixture
def another_mfenvd(tmp_path: Path) -> Iterator[Mfenvd]:
    yield from daemon(tmp_path / "another-mfenv")


def start(world: ExtensionWorld, flow: str) -> None:
    """As far as the environments go: resolves and caches what is missing, and starts no task."""
    world.metaflow(flow, "--environment=conda", "--no-pylint", "package", "list")


def defaults(world: ExtensionWorld) -> dict[str, str]:
    """Full ids by request id."""
    environments = json.loads(world.manifest_file.read_text())["environments"][LOCAL]
    return {req: found["_default"] for req, found in environments.items()}


def test_two_machines_share_what_one_of_them_resolved(
    world: ExtensionWorld, s3: Bucket, mfenvd: Mfenvd, another_mfenvd: Mfenvd, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write("late_flow.py", LATE_FLOW)
    mfenvd.up(world)
    mfenvd.becomes(State.WARM)
    ((req, full),) = defaults(world).items()
    expected = {environment_key(LOCAL, req, full), full_id_key(full)}
    until(lambda: {f"{ROOT}{key}" for key in expected} <= set(s3.keys(ROOT)), PATIENCE)

    keys, before = s3.keys(ROOT), world.manifest_file.read_bytes()
    world.calls.clear()
    start(world, "late_flow.py")
    assert set(world.bootstrapping) <= {"info"}
    assert s3.keys(ROOT) == keys
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
    assert s3.keys(ROOT) == keys
    mfenvd.run("start")
