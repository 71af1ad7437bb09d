"""What is laid out for one of Metaflow's environments, in which order, and what it is called then."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.identity import Identity
from mfenvd.domain.request import Indexes, Kind
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.resolver import Context
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.domain.warming import WarmTask, Warmth
from mfenvd.warm.core.manifest import manifest_path
from mfenvd.warm.core.warmer import CoreWarmer
from mfenvd.warm.micromamba import read_micromamba_settings
from mfenvd.warm.plan import LocalEnvironment, MicromambaSettings, NotMadeError, Report

FOREIGN = "osx-arm64"


class FakeEnvironments:
    """Environments that are there as soon as they are asked for; what was done, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: list[str] = []
        self.made: list[LocalEnvironment] = []
        self.marked: set[tuple[str, str]] = set()
        self.fetched: list[tuple[str, list[str]]] = []
        self.refusal: Finding | None = None
        self.lacks: tuple[str, ...] = ()
        self.manifest_was_there = False

    def find(self, id_: str, platform: str) -> Path | None:
        raise AssertionError((id_, platform))

    def missing(self, wanted: LocalEnvironment) -> tuple[str, ...]:
        return self.lacks

    def create(self, wanted: LocalEnvironment, report: Report) -> Path:
        self.manifest_was_there = any(self.folder.glob(".metaflow/*/conda.manifest"))
        if self.refusal is not None:
            raise NotMadeError(self.refusal)
        self.made.append(wanted)
        return self.folder / wanted.id

    def fetch(
        self,
        platform: str,
        conda: Sequence[LockedPackage],
        wheels: Sequence[LockedPackage],
        python: str | None = None,
    ) -> None:
        self.fetched.append((platform, [package.name for package in (*conda, *wheels)]))

    def mark_foreign(self, id_: str, platform: str) -> None:
        self.marked.add((id_, platform))

    def is_foreign_marked(self, id_: str, platform: str) -> bool:
        return (id_, platform) in self.marked


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.surroundings = Surroundings(str(folder), environ={"HOME": str(folder), "PATH": "/nowhere"})
        self.local = read_micromamba_settings(self.surroundings, trusted=True).platform
        self.environments = FakeEnvironments(folder)
        self.warmer = CoreWarmer(self._environments)

    def _environments(self, _: Context, settings: MicromambaSettings, indexes: Indexes) -> FakeEnvironments:
        assert settings.binary is None
        assert indexes == Indexes()
        return self.environments

    def task(self, platform: str | None = None, *, pypi: bool = True, datastore: str = "local") -> WarmTask:
        where = platform or self.local
        identity = Identity(
            "0123456789abcde", "Flow", "3.11", where, self.local, {}, {"six": ""} if pypi else None, datastore, "root",
            str(self.folder / ".metaflow"),
        )  # fmt: skip
        conda = {one: resolution(conda_package("python", one)) for one in identity.conda_platforms}
        context = Context(str(self.folder), self.surroundings, str(self.folder), self.local)
        return WarmTask(identity, conda, resolution(wheel_package("1.16.0")) if pypi else None, context)

    def warm(self, task: WarmTask) -> Warmth:
        return self.warmer.warm(task, lambda _: None)

    @property
    def manifest(self) -> Path:
        return manifest_path(str(self.folder / ".metaflow"), "Flow")

    def entry(self) -> dict[str, dict[str, list[dict[str, object]]]]:
        return dict(json.loads(self.manifest.read_text())["0123456789abcde"])


def resolution(*packages: LockedPackage) -> Resolution:
    return Resolution("request", Target(Arch.LINUX_64, "3.11", glibc="2.26"), packages)


def conda_package(name: str, platform: str) -> LockedPackage:
    filename = f"{name}-3.11.7-h0_0.conda"
    return LockedPackage(name, "3.11.7", filename, f"https://channel/{platform}/{filename}", kind=Kind.CONDA)


def wheel_package(version: str) -> LockedPackage:
    filename = f"six-{version}-py3-none-any.whl"
    return LockedPackage("six", version, filename, f"https://files/{filename}", sha256="ab" * 32)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def codes(warmth: Warmth) -> list[str]:
    """Without the one that every machine of these tests has."""
    assert warmth.findings[0].code == Code.MICROMAMBA_MISSING
    return [finding.code for finding in warmth.findings[1:]]


def test_the_manifest_comes_before_the_environment(bench: Bench) -> None:
    warmth = bench.warm(bench.task())
    assert bench.environments.manifest_was_there
    assert warmth.state is State.WARM
    assert codes(warmth) == []
    assert {kind for kinds in bench.entry().values() for kind in kinds} == {"conda", "pypi"}
    (made,) = bench.environments.made
    assert made.installs_wheels
    assert made.wheels is not None
    assert made.wheels.packages[0].sha256 == "ab" * 32
    assert str(bench.manifest) in warmth.watched


def test_what_is_resolved_is_fetched_before_the_rest_is_unless_the_manifest_holds_something(bench: Bench) -> None:
    whole = bench.task()
    bench.warmer.fetch(msgspec.structs.replace(whole, wheels=None))
    bench.warmer.fetch(msgspec.structs.replace(whole, conda={}))
    assert bench.environments.fetched == [(bench.local, ["python"]), (bench.local, ["six"])]
    bench.warmer.fetch(bench.task(FOREIGN, pypi=False))
    bench.warm(whole)
    bench.warmer.fetch(whole)
    assert len(bench.environments.fetched) == 2


def test_a_conda_environment_has_no_wheels(bench: Bench) -> None:
    assert bench.warm(bench.task(pypi=False)).state is State.WARM
    assert bench.environments.made[0].wheels is None
    assert bench.entry().keys() == {bench.local}


def test_a_conda_step_that_runs_elsewhere_needs_no_environment_here(bench: Bench) -> None:
    assert bench.warm(bench.task(FOREIGN, pypi=False)).state is State.WARM
    assert bench.environments.made == []
    assert bench.environments.marked == {("0123456789abcde", FOREIGN)}


def test_wheels_for_elsewhere_are_kept_here_without_being_installed(bench: Bench) -> None:
    assert bench.warm(bench.task(FOREIGN)).state is State.WARM
    (made,) = bench.environments.made
    assert not made.installs_wheels
    assert made.platform == bench.local
    assert made.conda.packages[0].url.split("/")[3] == bench.local
    assert set(bench.entry()) == {FOREIGN, bench.local}
    assert set(bench.entry()[FOREIGN]) == {"conda", "pypi"}
    assert set(bench.entry()[bench.local]) == {"conda"}


def test_what_a_manifest_holds_is_made_ready_as_it_is(bench: Bench) -> None:
    bench.warm(bench.task())
    older = msgspec.structs.replace(bench.task(), wheels=resolution(wheel_package("1.17.0")))
    content = bench.manifest.read_bytes()

    warmth = bench.warm(older)

    assert warmth.state is State.WARM
    assert codes(warmth) == [Code.OTHER_PACKAGES]
    assert warmth.findings[1].detail == ("six-1.16.0-py3-none-any.whl",)
    assert bench.manifest.read_bytes() == content
    made = bench.environments.made[-1].wheels
    assert made is not None
    assert [package.version for package in made.packages] == ["1.16.0"]

    replaced = bench.warm(msgspec.structs.replace(older, replace=True))
    assert codes(replaced) == []
    made = bench.environments.made[-1].wheels
    assert made is not None
    assert [package.version for package in made.packages] == ["1.17.0"]


def test_packages_that_are_not_known_to_be_in_the_bucket_are_left_to_metaflow(bench: Bench) -> None:
    warmth = bench.warm(bench.task(datastore="s3"))
    assert warmth.state is State.RESOLVED
    assert codes(warmth) == [Code.NOT_IN_DATASTORE]
    assert warmth.findings[1].data == {"datastore": "s3", "packages": 2}
    assert "path" not in bench.manifest.read_text()

    content = json.loads(bench.manifest.read_text())
    for kinds in content["0123456789abcde"].values():
        for line in (line for lines in kinds.values() for line in lines):
            line["path"] = line["url"].removeprefix("https://")
    bench.manifest.write_text(json.dumps(content))
    assert bench.warm(bench.task(datastore="s3")).state is State.WARM


def test_what_is_in_the_bucket_and_not_made_on_this_machine_is_cached(bench: Bench) -> None:
    bench.warm(bench.task(datastore="s3"))
    content = json.loads(bench.manifest.read_text())
    for kinds in content["0123456789abcde"].values():
        for line in (line for lines in kinds.values() for line in lines):
            line["path"] = line["url"].removeprefix("https://")
    bench.manifest.write_text(json.dumps(content))
    bench.environments.lacks = ("it has no Python",)
    warmth = bench.warm(bench.task(datastore="s3"))
    assert (warmth.state, warmth.passing) == (State.CACHED, True)


def test_an_environment_that_metaflow_would_still_work_on_is_not_warm(bench: Bench) -> None:
    bench.environments.lacks = ("it has no Python",)
    warmth = bench.warm(bench.task())
    assert (warmth.state, warmth.passing) == (State.RESOLVED, True)


def test_an_environment_that_cannot_be_made_says_why(bench: Bench) -> None:
    bench.environments.refusal = Finding(Code.NOT_LINKED, Severity.WARNING, "No.")
    warmth = bench.warm(bench.task())
    assert (warmth.state, warmth.passing) == (State.RESOLVED, True)
    assert codes(warmth) == [Code.NOT_LINKED]


@pytest.mark.parametrize("content", ["{", '{"0123456789abcde": {"linux-64": {"conda": 1}}}'])
def test_a_damaged_manifest_is_said_and_left_alone(bench: Bench, content: str) -> None:
    bench.manifest.parent.mkdir(parents=True)
    bench.manifest.write_text(content)
    warmth = bench.warm(bench.task())
    assert warmth.state is State.RESOLVED
    assert codes(warmth) == [Code.MANIFEST]
    assert bench.manifest.read_text() == content
    assert bench.environments.made == []


def test_what_metaflow_cannot_take_over_is_said(bench: Bench) -> None:
    folder = LockedPackage("mine", "1", "mine-1-py3-none-any.whl", "file:///home/me/mine", built=True)
    warmth = bench.warm(msgspec.structs.replace(bench.task(), wheels=resolution(folder)))
    assert warmth.state is State.RESOLVED
    assert codes(warmth) == [Code.NOT_FOR_METAFLOW]
    assert not bench.manifest.exists()


@pytest.mark.parametrize("trusted", [False, True])
def test_a_manifest_that_came_with_a_project_is_used_when_the_project_is_trusted(bench: Bench, trusted: bool) -> None:
    """A repository can hold any manifest, and what is made of it has a Python that is started."""
    task = bench.task(pypi=False)
    context = msgspec.structs.replace(task.context, trusted=trusted)
    task = msgspec.structs.replace(task, context=context)
    bench.manifest.parent.mkdir(parents=True)
    line = {"url": f"https://evil.example/channel/{bench.local}/python-3.11.7-h1_0.conda"}
    bench.manifest.write_text(json.dumps({"0123456789abcde": {bench.local: {"conda": [line]}}}))
    warmth = bench.warm(task)
    assert (warmth.state is State.WARM, len(bench.environments.made)) == (trusted, int(trusted))
    told = [finding for finding in warmth.findings if finding.code == Code.FOREIGN_SOURCE]
    assert [finding.data["places"] for finding in told] == ([] if trusted else [["https://evil.example/channel"]])
