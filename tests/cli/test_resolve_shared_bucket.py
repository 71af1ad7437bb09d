"""`mfenv resolve --alias` where the datastore is a bucket: another machine with the extension finds the environment."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.buckets import remotes_of
from tests.cli.conftest import Run
from tests.support.clouds import CLIENTS, CLOUDS, Cloud, cloud, pinned_conda, pinned_wheels
from tests.support.extension_world import ExtensionWorld, extension_world
from tests.support.wheels import wheel
from tests.warm.netflixext.extension import python_with_extension

pytestmark = [pytest.mark.metaflow, pytest.mark.soak]

ROOT = "metaflow/conda_env/"
ARCHS = ("linux-64", "osx-arm64")
EVERY_ARCH = [part for arch in ARCHS for part in ("--arch", arch)]


@pytest.fixture(params=CLOUDS)
def bucket(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    remotes_of.cache_clear()  # of an emulator at another port, which the bucket's address does not tell
    with cloud(request.param, tmp_path_factory.mktemp(request.param)) as one:
        yield one


@pytest.fixture
def here(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    bucket: Cloud,
    mfenv: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ExtensionWorld]:
    """The test's process is a shell of the machine, in its project, the extension's environment activated."""
    datastore = bucket.environ["METAFLOW_DEFAULT_DATASTORE"]
    python = python_with_extension(tmp_path_factory.getbasetemp().parent, *CLIENTS[datastore])
    wheels = [*pinned_wheels(datastore), wheel("demo", "2.0")]
    with extension_world(tmp_path.resolve() / "world", python, pinned_conda(datastore), wheels) as world:
        world.environ |= bucket.environ
        for name in ("CONDA_PREFIX", "UV_INDEX_URL", "METAFLOW_PROFILE", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in world.environ.items():
            monkeypatch.setenv(name, value)
        folder = Path(python).parent
        monkeypatch.setenv("VIRTUAL_ENV", str(folder.parent))
        monkeypatch.setenv("PATH", f"{folder}:{world.environ['PATH']}")
        monkeypatch.chdir(world.project)
        world.write("requirements.txt", "demo==1.0\n")
        world.write("newer.txt", "demo==2.0\n")
        yield world


def another_machine(world: ExtensionWorld) -> None:
    """Where nothing is known but the bucket."""
    world.forget()
    shutil.rmtree(world.root / "datastore", ignore_errors=True)
    shutil.rmtree(world.home)
    world.home.mkdir()


def test_another_machine_finds_the_environment_by_its_name(mfenv: Run, here: ExtensionWorld, bucket: Cloud) -> None:
    told = json.loads(mfenv("resolve", "-r", "requirements.txt", *EVERY_ARCH, "--alias", "team/env:v1", "--json").out)
    assert told["findings"] == []
    request, full = told["shared"]["request"], told["shared"]["full_id"]
    described = {f"{ROOT}envs/{arch}/{request}/{full}/env" for arch in ARCHS}
    names = {f"{ROOT}envs/aliases/full-id/{full}", f"{ROOT}envs/aliases/generic/team/env/v1"}
    assert described | names == set(bucket.keys(f"{ROOT}envs/"))
    assert json.loads(bucket.get(f"{ROOT}envs/aliases/generic/team/env/v1")) == [request, full]
    packages = bucket.keys(f"{ROOT}packages/")
    environments = json.loads(here.manifest_file.read_text())["environments"]
    for arch in ARCHS:
        entry = environments[arch][request][full]
        assert json.loads(bucket.get(f"{ROOT}envs/{arch}/{request}/{full}/env")) == entry
        cached = [f"{ROOT}{info['url']}" for line in entry["packages"] for info in line["cache_info"].values()]
        assert len(cached) == len(entry["packages"])
        assert set(cached) <= set(packages)

    another_machine(here)
    shared = json.loads(mfenv("env", "show", "team/env:v1", "--json").out)["environment"]
    assert (shared["request"], shared["full_id"], shared["archs"]) == (request, full, list(ARCHS))
    assert mfenv("env", "create", "team/env:v1", "--name", "ours").code == 0

    another_machine(here)
    shown = here.environment("show", "team/env:v1").stderr
    assert f"full hash {request}:{full}" in shown
    assert "Available on linux-64, osx-arm64" in shown
    here.calls.clear()
    made = here.environment("create", "team/env:v1", "--name", "lab").stderr
    assert "0(web)" in made, "everything comes from the bucket"
    assert here.bootstrapping.count("create") == 1
    assert bucket.keys(f"{ROOT}packages/") == packages


def test_what_the_bucket_alone_had_to_extend_is_known_afterwards_as_with_the_extension(
    mfenv: Run, here: ExtensionWorld
) -> None:
    here.environment("resolve", "-r", "requirements.txt", *EVERY_ARCH, "--alias", "team/base:v1")
    here.write("more.txt", "late\n")
    here.index.add(wheel("late", "1.0"))
    options = ("resolve", "--using", "team/base:v1", "-r", "more.txt", "--arch", "linux-64")
    left = []
    for resolve in (here.environment, mfenv):
        another_machine(here)
        resolve(*options)
        left.append(json.loads(here.manifest_file.read_text()))
    theirs, ours = left
    base = tuple(theirs["aliases"]["team/base/v1"])
    assert tuple(ours["aliases"]["team/base/v1"]) == base
    for arch in ARCHS:
        (theirs_of, ours_of) = (one["environments"][arch][base[0]] for one in (theirs, ours))
        assert ours_of == theirs_of


def test_names_of_others_in_the_bucket_are_respected(mfenv: Run, here: ExtensionWorld, bucket: Cloud) -> None:
    here.environment("resolve", "-r", "requirements.txt", "--alias", "team/env:v1", "--alias", "team/env")
    theirs = bucket.get(f"{ROOT}envs/aliases/generic/team/env/v1")
    another_machine(here)
    refused = mfenv("resolve", "-r", "newer.txt", "--arch", "linux-64", "--alias", "team/env:v1")
    assert (refused.code, "Choose another tag" in refused.err) == (1, True)
    assert not here.manifest_file.exists()
    arguments = ("resolve", "-r", "newer.txt", "--arch", "linux-64", "--alias", "team/env", "--json")
    ours = json.loads(mfenv(*arguments).out)["shared"]
    assert json.loads(bucket.get(f"{ROOT}envs/aliases/generic/team/env/latest")) == [ours["request"], ours["full_id"]]
    assert bucket.get(f"{ROOT}envs/aliases/generic/team/env/v1") == theirs
    assert mfenv("env", "alias", "team/env", "team/env:v2").code == 0
    assert json.loads(bucket.get(f"{ROOT}envs/aliases/generic/team/env/v2")) == [ours["request"], ours["full_id"]]


def test_without_the_bucket_the_environment_is_there_for_this_machine(
    mfenv: Run, here: ExtensionWorld, bucket: Cloud
) -> None:
    ended = mfenv("resolve", "-r", "requirements.txt", "--arch", "linux-64", "--alias", "team/here:v1", "--local-only")
    assert (ended.code, bucket.keys(ROOT)) == (0, [])
    bucket.delete_bucket()
    ended = mfenv("resolve", "-r", "newer.txt", "--arch", "linux-64", "--alias", "team/env:v3", "--json")
    (finding,) = json.loads(ended.out)["findings"]
    assert finding["code"] == "MFE619"
    assert "team/env:v3" in here.environment("show", "team/env:v3", "--local-only").stderr
