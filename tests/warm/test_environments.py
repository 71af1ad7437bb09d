"""Local environments: whole before anybody sees them, Metaflow's own respected, what is broken replaced."""

import json
import multiprocessing
import subprocess
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.resolution import LockedPackage
from mfenvd.warm.environments import LocalEnvironments
from mfenvd.warm.extracted import trim_extracted
from mfenvd.warm.marker import read_marker
from mfenvd.warm.plan import LocalEnvironment, MicromambaSettings, NotMadeError
from tests.support.conda_archives import conda_archive
from tests.support.conda_python import PYTHON_VERSION
from tests.support.metaflow_world import LOCAL, World, base_packages
from tests.support.wheels import wheel
from tests.warm.laid_out import (
    ID,
    MINOR,
    SITE_PACKAGES,
    StoreArchives,
    conda,
    conda_package,
    environments,
    metaflows_own,
    pypi,
    quiet,
    resolution,
)


class Counting(StoreArchives):
    """Knows what it was asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.fetched: list[str] = []

    def fetch(self, package: LockedPackage) -> Path:
        self.fetched.append(package.name)
        return super().fetch(package)


def run(prefix: Path, command: str, *arguments: str) -> str:
    return subprocess.run([str(prefix / command), *arguments], check=True, capture_output=True, text=True).stdout


def test_an_environment_of_wheels_is_what_metaflow_expects(world: World) -> None:
    made, wanted = environments(world), pypi(world)
    assert made.missing(wanted) == ("there is no environment",)
    assert made.find(ID, LOCAL) is None

    stages: list[str] = []
    prefix = made.create(wanted, lambda progress: stages.append(progress.stage))

    assert made.find(ID, LOCAL) == prefix
    assert made.missing(wanted) == ()
    assert str(prefix).endswith(f"metaflow/{LOCAL}/{ID}")
    assert world.environments_file.read_text() == f"{prefix}\n"
    assert stages[0] == "fetching packages"
    told = [stage for stage in stages if stage != "fetching packages"]
    assert told == ["linking 2 conda packages", "installing 2 wheels", "starting its Python"]

    assert wanted.wheels is not None
    listed = json.loads((prefix / ".pip" / "metadata").read_text())
    assert list(listed) == [package.url for package in wanted.wheels.packages]
    for package in wanted.wheels.packages:
        path = Path(listed[package.url])
        assert path.parent == prefix / ".pip" / "wheels"
        assert path.name == package.filename
        assert path.read_bytes()[:2] == b"PK"
    assert json.loads((prefix / ".pip" / "id").read_text()) == {"id": ID}
    assert (prefix / "conda-meta" / "history").exists()

    assert run(prefix, "bin/python", "-c", "import demo, helper; print(demo.__version__, helper.__version__)") == (
        "1.0 1.1\n"
    )
    assert str(prefix) in run(prefix, "bin/pip3", "--version")


def test_a_conda_environment_has_no_pip_folder(world: World) -> None:
    made, wanted = environments(world), conda(world)
    prefix = made.create(wanted, quiet)
    assert made.missing(wanted) == ()
    assert not (prefix / ".pip").exists()
    assert run(prefix, "bin/python", "-c", "import native; print(native.VERSION)") == "2.0\n"


def test_packages_are_linked_from_the_cache_and_say_where_they_are_from(world: World) -> None:
    made = environments(world)
    for id_ in (ID, "other"):
        prefix = made.create(pypi(world, id_=id_), quiet)
        assert (prefix / "lib" / f"python{MINOR}" / "ssl.py").stat().st_nlink > 1
        record = json.loads(next((prefix / "conda-meta").glob("pip-*.json")).read_text())
        assert record["url"] == pypi(world).conda.packages[1].url
        assert record["channel"].rstrip("/") == world.channel.url
    assert (prefix / SITE_PACKAGES / "demo" / "__init__.py").stat().st_nlink > 2
    assert list((prefix / SITE_PACKAGES / "demo").rglob("*.pyc")) == []


def test_scripts_begin_with_the_path_where_the_environment_stays(world: World) -> None:
    prefix = environments(world).create(pypi(world), quiet)
    scripts = list((prefix / "bin").glob("pip*"))
    assert scripts
    for script in scripts:
        assert str(prefix / "bin" / "python") in script.read_text(), script


def test_nobody_sees_an_environment_before_it_is_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, wanted = environments(world), pypi(world)
    seen: list[Path | None] = []

    def look(_: object) -> None:
        seen.append(made.find(ID, LOCAL))

    monkeypatch.setattr("mfenvd.warm.building.python_problem", look)
    made.create(wanted, look)
    assert len(seen) > 4
    assert set(seen) == {None}


def test_a_second_environment_of_the_same_packages_fetches_wheels_alone(world: World) -> None:
    environments(world).create(pypi(world), quiet)
    archives = Counting(world.root / "cache" / "store")
    environments(world, archives=archives).create(pypi(world, id_="other"), quiet)
    assert sorted(archives.fetched) == ["demo", "helper"]


def test_what_was_fetched_ahead_is_extracted_and_seen_by_nobody(world: World) -> None:
    wanted, archives = pypi(world), Counting(world.root / "cache" / "store")
    made = environments(world, archives=archives)
    made.fetch(LOCAL, wanted.conda.packages, ())
    assert archives.fetched == ["pip"]
    assert wanted.wheels is not None
    made.fetch(LOCAL, (), wanted.wheels.packages, PYTHON_VERSION)
    assert not world.environments_file.exists()
    assert list(made.own()) == []
    trim_extracted(world.root / "cache" / "conda", (), oldest=0)
    assert list((world.root / "cache").rglob("**/.mfenv-trash-*")) == []
    unpacked = list((world.root / "cache" / "uv").rglob("demo/__init__.py"))
    assert len(unpacked) == 1

    archives.fetched.clear()
    prefix = made.create(wanted, quiet)
    assert sorted(archives.fetched) == ["demo", "helper"]
    assert made.missing(wanted) == ()
    assert (prefix / SITE_PACKAGES / "demo" / "__init__.py").samefile(unpacked[0])


def test_an_archive_of_the_same_name_with_another_content_is_not_taken_from_the_cache(world: World) -> None:
    """Channels are supposed not to do so; local ones do."""
    wanted = conda(world)
    made = environments(world)
    made.create(wanted, quiet)
    changed = conda_archive(
        "native", "2.0", {f"{SITE_PACKAGES}/native.py": b"VERSION = '2.0 again'\n"}, subdir=LOCAL, build="h0_0"
    )
    made = environments(world, archives=_Fixed({changed.filename: changed.content}, world.root / "fixed"))
    packages = tuple(
        msgspec.structs.replace(package, sha256=changed.sha256) if package.name == "native" else package
        for package in wanted.conda.packages
    )
    prefix = made.create(LocalEnvironment(ID, LOCAL, resolution(packages)), quiet)
    assert run(prefix, "bin/python", "-c", "import native; print(native.VERSION)") == "2.0 again\n"


class _Fixed:
    """Archives with these contents, and no others."""

    def __init__(self, contents: dict[str, bytes], folder: Path) -> None:
        self._contents, self._folder = contents, folder
        folder.mkdir()

    def fetch(self, package: LockedPackage) -> Path:
        path = self._folder / package.filename
        path.write_bytes(self._contents[package.filename])
        return path


def test_a_file_that_cannot_be_had_leaves_nothing_behind(world: World) -> None:
    made = environments(world)
    with pytest.raises(NotMadeError) as caught:
        made.create(pypi(world, "absent-1.0-py3-none-any.whl"), quiet)
    assert caught.value.finding.code == Code.NOT_DOWNLOADED
    assert made.find(ID, LOCAL) is None
    assert list(made.own()) == []
    assert not world.environments_file.exists()


def test_a_wheel_that_this_machine_cannot_use_is_told(world: World) -> None:
    foreign = wheel("foreign", "1.0", "cp311-cp311-win_amd64")
    world.index.add(foreign)
    made = environments(world)
    with pytest.raises(NotMadeError) as caught:
        made.create(pypi(world, foreign.filename), quiet)
    assert caught.value.finding.code == Code.WHEELS_NOT_INSTALLED
    assert "foreign" in caught.value.finding.message
    assert list(made.own()) == []


def test_a_python_that_does_not_run_is_told(world: World) -> None:
    broken = conda_archive("python", "3.0", {"bin/python": b"#!/bin/sh\nexit 3\n"}, subdir=LOCAL, build="b_0")
    made = environments(world, archives=_Fixed({broken.filename: broken.content}, world.root / "fixed"))
    package = conda_package(f"{world.channel.url}/{LOCAL}/{broken.filename}")
    with pytest.raises(NotMadeError) as caught:
        made.create(LocalEnvironment(ID, LOCAL, resolution([package])), quiet)
    assert caught.value.finding.code == Code.PYTHON_DOES_NOT_RUN
    assert made.find(ID, LOCAL) is None


def test_an_archive_that_is_none_is_told(world: World) -> None:
    package = conda_package(f"{world.channel.url}/noarch/damaged-1-0.conda")
    made = environments(world, archives=_Fixed({package.filename: b"this is no package"}, world.root / "fixed"))
    with pytest.raises(NotMadeError) as caught:
        made.create(LocalEnvironment(ID, LOCAL, resolution([package])), quiet)
    assert caught.value.finding.code == Code.NOT_LINKED


def test_a_folder_that_refuses_is_told(world: World) -> None:
    made = environments(world)
    (world.root / "cache" / "environments").mkdir(parents=True)
    (world.root / "cache" / "environments" / "metaflow").write_text("a file where a folder should be")
    with pytest.raises(NotMadeError) as caught:
        made.create(pypi(world), quiet)
    assert caught.value.finding.code == Code.ENVIRONMENTS_UNWRITABLE


def test_a_whole_environment_of_metaflows_stays(world: World) -> None:
    wanted = conda(world)
    own = metaflows_own(world, wanted)
    made = environments(world)
    assert made.missing(wanted) == ()
    assert made.create(wanted, quiet) == own
    assert list(made.own()) == []


@pytest.mark.parametrize("dies", ["registered", "linked"])
def test_what_an_interrupted_metaflow_left_is_replaced(world: World, dies: str) -> None:
    """metaflow #2232: registered first, linked later, or without its wheels."""
    wanted = pypi(world)
    left = metaflows_own(world, wanted, dies=dies)
    made = environments(world)
    assert made.find(ID, LOCAL) == left
    assert made.missing(wanted) != ()

    prefix = made.create(wanted, quiet)
    assert prefix != left
    assert not left.exists()
    assert made.find(ID, LOCAL) == prefix
    assert world.environments_file.read_text() == f"{prefix}\n"


def test_what_metaflow_may_be_in_the_middle_of_is_left_to_it(world: World) -> None:
    wanted = pypi(world)
    begun = metaflows_own(world, wanted, young=True)
    with pytest.raises(NotMadeError) as caught:
        environments(world).create(wanted, quiet)
    assert caught.value.finding.code == Code.MADE_ELSEWHERE
    assert begun.exists()


def test_another_resolution_replaces_the_environment(world: World) -> None:
    made = environments(world)
    made.create(pypi(world), quiet)
    wanted = pypi(world, "demo-1.0-py3-none-any.whl")
    assert made.missing(wanted) == ("it holds other packages",)
    prefix = made.create(wanted, quiet)
    assert made.missing(wanted) == ()
    assert not (prefix / SITE_PACKAGES / "helper").exists()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("rm .pip/id", "its wheels were not installed"),
        ("rm .pip/metadata", "its wheels were not downloaded"),
        ("tear .pip/metadata", "its wheels were not downloaded"),
        ("rm .pip/wheels/demo-1.0-py3-none-any.whl", "the wheel of demo is gone"),
        ("rm bin/python", "it has no Python"),
        ("rm conda-meta/pip", "it lacks pip"),
        ("rm conda-meta/history", "there is no environment"),
    ],
)
def test_what_metaflow_would_stumble_over_is_seen_and_mended(world: World, damage: str, told: str) -> None:
    made, wanted = environments(world), pypi(world)
    prefix = made.create(wanted, quiet)
    how, _, what = damage.partition(" ")
    for path in prefix.glob(f"{what}*" if what == "conda-meta/pip" else what):
        path.write_text('{"half') if how == "tear" else path.unlink()
    assert made.missing(wanted) == (told,)
    made.create(wanted, quiet)
    assert made.missing(wanted) == ()


def test_a_lost_line_is_written_again_without_building(world: World) -> None:
    made, wanted = environments(world), pypi(world)
    prefix = made.create(wanted, quiet)
    marker = read_marker(prefix)
    world.environments_file.write_text("")
    assert made.missing(wanted) == ("there is no environment",)
    made.create(wanted, quiet)
    assert made.missing(wanted) == ()
    assert read_marker(prefix) == marker


def test_sweeping_removes_half_made_environments_and_keeps_whole_ones(world: World) -> None:
    made, wanted = environments(world), pypi(world)
    whole = made.create(wanted, quiet)
    world.environments_file.write_text("")
    half = whole.parent / "fedcba987654321"
    (half / "conda-meta").mkdir(parents=True)
    (half / "conda-meta" / "history").touch()
    trash = world.envs / "metaflow" / LOCAL / ".mfenv-trash-x" / "old"
    trash.mkdir(parents=True)

    with made.lock(half.name, LOCAL):  # somebody is at work on it
        assert made.sweep() == ()
    assert half.exists()
    assert made.sweep() == (half,)
    assert (half.exists(), trash.exists()) == (False, False)
    assert made.find(ID, LOCAL) == whole


def test_an_environment_for_another_platform_keeps_wheels_it_does_not_install(world: World) -> None:
    foreign = wheel("foreign", "1.0", "cp311-cp311-win_amd64")
    world.index.add(foreign)
    wanted = msgspec.structs.replace(pypi(world, foreign.filename), installs_wheels=False)
    made = environments(world)
    prefix = made.create(wanted, quiet)
    assert made.missing(wanted) == ()
    assert not (prefix / SITE_PACKAGES / "foreign").exists()


def test_another_platform_is_marked_where_metaflow_looks(world: World) -> None:
    made = environments(world)
    assert not made.is_foreign_marked(ID, "osx-arm64")
    made.mark_foreign(ID, "osx-arm64")
    assert made.is_foreign_marked(ID, "osx-arm64")
    assert (world.envs / "metaflow" / "osx-arm64" / ID / "fake.done").is_file()


def test_an_environment_in_use_is_left_alone(world: World) -> None:
    made, wanted = environments(world), pypi(world)
    prefix = made.create(wanted, quiet)
    (prefix / ".pip" / "id").unlink()
    with subprocess.Popen([str(prefix / "bin/python"), "-c", "input()"], stdin=subprocess.PIPE) as task:
        with pytest.raises(NotMadeError) as caught:
            made.create(wanted, quiet)
        task.communicate(b"\n")
    assert caught.value.finding.code == Code.MADE_ELSEWHERE
    assert made.create(wanted, quiet) == prefix


def _create(cache: Path, settings: MicromambaSettings, wanted: LocalEnvironment) -> None:
    LocalEnvironments(cache, settings, StoreArchives(cache / "store")).create(wanted, quiet)


def test_those_that_make_the_same_at_once_make_it_once(world: World) -> None:
    made, wanted = environments(world), pypi(world)
    context = multiprocessing.get_context("spawn")
    arguments = (world.root / "cache", made._settings, wanted)
    workers = [context.Process(target=_create, args=arguments) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert made.missing(wanted) == ()
    assert world.environments_file.read_text().count(ID) == 1


def test_without_trust_no_script_of_a_package_runs(world: World) -> None:
    script = conda_archive("scripted", "1.0", {"bin/.scripted-post-link.sh": b"touch $PREFIX/ran\n"}, build="s_0")
    files = {archive.filename: archive.content for archive in (*base_packages(), script)}
    package = conda_package(f"{world.channel.url}/noarch/{script.filename}")
    wanted = LocalEnvironment(ID, LOCAL, resolution([*conda(world).conda.packages, package]))
    for trusted in (False, True):
        archives = _Fixed(files, world.root / f"fixed-{trusted}")
        made = environments(world, world.root / str(trusted), trusted=trusted, archives=archives)
        prefix = made.create(msgspec.structs.replace(wanted, id=f"trusted{trusted}"), quiet)
        assert (prefix / "ran").exists() == trusted
