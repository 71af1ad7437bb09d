"""What is laid out for one of the extension's environments, in which order, and what it is called then."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.identity import RequestIdentity
from mfenvd.domain.mirror import Bucket
from mfenvd.domain.request import Indexes, Kind
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.resolver import Context
from mfenvd.domain.sharing import Worded
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.domain.warming import WarmTask, Warmth
from mfenvd.warm.netflixext import manifest
from mfenvd.warm.netflixext.entries import full_id
from mfenvd.warm.netflixext.environments import environment_name
from mfenvd.warm.netflixext.manifest import EnvId, Wanted
from mfenvd.warm.netflixext.pruning import prune
from mfenvd.warm.netflixext.recording import Resolved, records
from mfenvd.warm.netflixext.sharing import newest
from mfenvd.warm.netflixext.warmer import NetflixextWarmer
from mfenvd.warm.plan import LocalEnvironment, Report

HERE, THERE = "linux-64", "linux-aarch64"
REQ = "a" * 40


class FakeEnvironments:
    """Environments that are there as soon as they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[tuple[EnvId, LocalEnvironment]] = []
        self.manifest_was_there = False
        self.fetched: list[tuple[str, str | None]] = []

    def fetch(
        self, platform: str, conda: Sequence[LockedPackage], wheels: Sequence[LockedPackage], python: str | None
    ) -> None:
        assert platform == HERE
        self.fetched += [(package.name, python) for package in (*conda, *wheels)]

    def find(self, id_: EnvId) -> Path | None:
        raise AssertionError(id_)

    def create(self, id_: EnvId, wanted: LocalEnvironment, report: Report) -> Path:
        del report
        self.manifest_was_there = (self.folder / "conda_v2.cnd").exists()
        self.made.append((id_, wanted))
        return self.folder / environment_name(id_)


class FakeDatastore:
    """A datastore that has what it is offered once it is `sent`."""

    def __init__(self, bucket: Bucket | None = None) -> None:
        self.bucket = bucket
        self.there: set[str] = set()
        self.offered: set[str] = set()
        self.recorded: list[EnvId] = []
        self.others: list[tuple[EnvId, Any]] = []

    def confirmed(self, packages: Iterable[LockedPackage]) -> frozenset[str]:
        return frozenset(package.url for package in packages if package.url in self.there)

    def offer(self, packages: Sequence[LockedPackage], report: Report) -> None:
        del report
        self.offered |= {package.url for package in packages}
        if self.bucket is None:
            self.send()

    def send(self) -> None:
        self.there |= self.offered

    def record(self, id_: EnvId, entry: dict[str, Any]) -> None:
        assert all(line.get("cache_info") for line in entry["packages"])
        self.recorded.append(id_)

    def environments(self, arch: str, req: str) -> Iterator[tuple[EnvId, Any]]:
        return (one for one in self.others if (one[0].arch, one[0].req) == (arch, req))


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environments = FakeEnvironments(folder)
        self.datastore = FakeDatastore()
        self.warmer = NetflixextWarmer(
            self._environments, lambda task: self.datastore if task.of_extension.root else None
        )
        self.path = folder / "conda_v2.cnd"

    def _environments(self, _: Context, __: RequestIdentity, indexes: Indexes) -> FakeEnvironments:
        assert indexes == Indexes()
        return self.environments

    def task(self, arch: str = HERE, version: str = "1.0", *, trusted: bool = True, **changed: Any) -> WarmTask:
        identity = RequestIdentity(
            REQ, arch, "pypi-only", {"pypi": ("six",)}, {"conda": ("conda-forge",)}, "local", None,
            str(self.path), HERE, envs_dir=str(self.folder / "envs"),
        )  # fmt: skip
        surroundings = Surroundings(str(self.folder), environ={"USER": "tester"})
        context = Context(str(self.folder), surroundings, str(self.folder), HERE, trusted=trusted)
        target = Target(Arch(arch), "3.11")
        base, wheels = Resolution("base", target, (python(arch),)), Resolution("wheels", target, (six(version),))
        return WarmTask(msgspec.structs.replace(identity, **changed), {arch: base}, wheels, context)

    def warm(self, task: WarmTask) -> Warmth:
        return self.warmer.warm(task, lambda _: None)

    def default(self, arch: str = HERE) -> EnvId:
        found = manifest.read(self.path).default(arch, REQ)
        assert found is not None
        return found


def python(arch: str) -> LockedPackage:
    name = "python-3.11.7-h0_0.conda"
    return LockedPackage("python", "3.11.7", name, f"https://channel/{arch}/{name}", kind=Kind.CONDA, md5="ab" * 16)


def six(version: str, host: str = "files") -> LockedPackage:
    name = f"six-{version}-py3-none-any.whl"
    return LockedPackage("six", version, name, f"https://{host}/{name}", sha256="ab" * 32)


def others(by: str, version: str, on: str = "2026-01-01", host: str = "files") -> Wanted:
    resolved = Resolved(HERE, REQ, Worded({"pypi": ("six",)}), (six(version, host), python(HERE)))
    (wanted,) = records([resolved], Kind.PYPI, by=by)
    return msgspec.structs.replace(wanted, entry={**wanted.entry, "resolved_on": on})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def codes(warmth: Warmth) -> list[str]:
    return [finding.code for finding in warmth.findings]


def test_the_manifest_comes_before_the_environment(bench: Bench) -> None:
    warmth = bench.warm(bench.task())
    assert (warmth.state, codes(warmth)) == (State.WARM, [])
    assert bench.environments.manifest_was_there
    ((id_, made),) = bench.environments.made
    assert id_ == bench.default()
    assert [package.name for package in made.conda.packages] == ["python"]
    assert made.wheels is not None
    assert [package.name for package in made.wheels.packages] == ["six"]
    assert set(warmth.watched) == {str(bench.path), str(bench.folder / environment_name(id_) / ".metaflowenv")}


def test_a_step_that_runs_elsewhere_needs_no_environment_here(bench: Bench) -> None:
    assert bench.warm(bench.task(THERE)).state is State.WARM
    assert bench.environments.made == []
    assert bench.default(THERE).arch == THERE


def test_the_environment_that_steps_get_is_made_also_where_it_is_another(bench: Bench) -> None:
    manifest.write(bench.path, (others("alice", "0.9"),))
    warmth = bench.warm(bench.task())
    assert (warmth.state, codes(warmth)) == (State.WARM, [Code.OTHER_PACKAGES])
    ((id_, made),) = bench.environments.made
    assert id_ == bench.default()
    assert made.wheels is not None
    assert [package.version for package in made.wheels.packages] == ["0.9"]

    replaced = bench.warm(msgspec.structs.replace(bench.task(), replace=True))
    assert codes(replaced) == []
    assert bench.default() != id_


@pytest.mark.parametrize("trusted", [True, False])
def test_a_manifest_that_came_with_a_project_is_used_when_the_project_is_trusted(bench: Bench, trusted: bool) -> None:
    manifest.write(bench.path, (others("alice", "0.9", host="elsewhere"),))
    warmth = bench.warm(bench.task(trusted=trusted))
    assert len(bench.environments.made) == int(trusted)
    assert (Code.FOREIGN_SOURCE in codes(warmth)) != trusted


def test_what_a_folder_has_stands_in_the_manifest_and_others_find_the_environment(bench: Bench) -> None:
    warmth = bench.warm(bench.task(root="/datastore"))
    assert (warmth.state, codes(warmth)) == (State.WARM, [])
    entry = manifest.read(bench.path).entry(bench.default())
    assert entry is not None
    assert all(line["cache_info"] for line in entry["packages"])
    assert bench.datastore.recorded == [bench.default()]


def test_what_a_bucket_has_not_confirmed_does_not_stand_in_the_manifest(bench: Bench) -> None:
    bench.datastore.bucket = Bucket("s3://bucket/metaflow/conda_env")
    task = bench.task(root="s3://bucket/metaflow/conda_env", datastore="s3")
    warmth = bench.warm(task)
    assert (warmth.state, codes(warmth)) == (State.RESOLVED, [Code.NOT_IN_DATASTORE])
    assert warmth.awaits == bench.datastore.bucket
    assert bench.datastore.recorded == []
    before = bench.path.read_bytes()
    bench.datastore.send()
    assert bench.warm(task).state is State.WARM
    assert bench.path.read_bytes() != before
    assert bench.datastore.recorded == [bench.default()]


@pytest.mark.parametrize(
    ("latest", "version"),
    [(":none:", "1.0"), (":any:", "0.9"), (":username:", "0.7"), ("alice, carol", "0.8"), ("nobody", "1.0")],
)
def test_what_others_resolved_is_taken_as_the_configuration_says(bench: Bench, latest: str, version: str) -> None:
    found = (others("dave", "0.9", "2026-03"), others("alice", "0.8", "2026-02"), others("tester", "0.7", "2026-01"))
    bench.datastore.others = [(one.id, one.entry) for one in found]
    bench.warm(bench.task(root="/datastore", latest=latest))
    entry = manifest.read(bench.path).entry(bench.default())
    assert entry is not None
    assert entry["packages"][0]["filename"].split("-")[1] == version


@pytest.mark.parametrize("is_here", [True, False])
def test_a_named_environment_is_made_as_it_was_resolved(bench: Bench, is_here: bool) -> None:
    """It is in the manifest, or in the datastore only, and what steps get otherwise is none of its business."""
    named = msgspec.structs.replace(others("alice", "0.9"), is_default=False)
    if is_here:
        manifest.write(bench.path, (named,))
    else:
        bench.datastore.others = [(named.id, named.entry)]
    bench.datastore.there = {package["url"] for package in named.entry["packages"]}
    warmth = bench.warm(bench.task(version="1.0", full=named.id.full, root="/datastore"))
    assert (warmth.state, codes(warmth)) == (State.WARM, [])
    assert [id_ for id_, _ in bench.environments.made] == [named.id]
    assert list(manifest.read(bench.path)) == [named.id]
    assert manifest.read(bench.path).default(HERE, REQ) is None


def test_a_named_environment_is_filed_under_what_the_step_asks_for_besides(bench: Bench) -> None:
    named = msgspec.structs.replace(others("alice", "0.9"), aliases=("team/env/v1",))
    manifest.write(bench.path, (named,))
    asked, full = "b" * 40, "c" * 40
    base = (named.id.req, named.id.full)
    assert bench.warm(bench.task(id=asked, full=full, base=base)).state is State.WARM
    found = manifest.read(bench.path).default(HERE, asked)
    assert found == EnvId(HERE, asked, full)
    entry = manifest.read(bench.path).entry(found)
    assert entry is not None
    assert entry["packages"] == named.entry["packages"]
    assert entry["resolved_by"] == f"alice (compatible with {base[0]}:{base[1]})"
    assert [id_ for id_, _ in bench.environments.made] == [found]
    before = bench.path.read_bytes()
    bench.warm(bench.task(id=asked, full=full, base=base))
    assert bench.path.read_bytes() == before


@pytest.mark.parametrize("is_here", [True, False])
def test_what_a_named_environment_has_stays_as_it_is_where_a_step_asks_for_more(bench: Bench, is_here: bool) -> None:
    named = msgspec.structs.replace(others("alice", "1.0", host="elsewhere"), is_default=False)
    line = {**named.entry["packages"][0], "cache_info": {".whl": {"_type": "pypi", "url": "packages/six"}}}
    named = msgspec.structs.replace(named, entry={**named.entry, "packages": [line], "accurate_source": False})
    if is_here:
        manifest.write(bench.path, (named,))
    else:
        bench.datastore.others = [(named.id, named.entry)]
    task = bench.task(
        id="b" * 40, base=(named.id.req, named.id.full), resolves={"pypi": ("six==1.0",)}, root="/datastore"
    )
    warmth = bench.warm(task)
    assert (warmth.state, codes(warmth)) == (State.WARM, [])
    found = manifest.read(bench.path).default(HERE, "b" * 40)
    assert found is not None
    entry = manifest.read(bench.path).entry(found)
    assert entry is not None
    assert [package["filename"] for package in entry["packages"]] == ["six-1.0-py3-none-any", "python-3.11.7-h0_0"]
    assert entry["packages"][0] == line
    assert entry["deps"] == ["pypi::six"]
    assert not entry["accurate_source"]
    assert found.full == full_id({HERE: entry})
    ((id_, made),) = bench.environments.made
    assert id_ == found
    assert made.wheels is not None
    assert [package.url for package in made.wheels.packages] == [line["url"]]
    before = bench.path.read_bytes()
    bench.warm(task)
    assert bench.path.read_bytes() == before


def test_a_named_environment_that_nobody_has_is_left_alone(bench: Bench) -> None:
    warmth = bench.warm(bench.task(full="c" * 40))
    assert warmth.state is State.RESOLVED
    assert bench.environments.made == []
    assert not bench.path.exists()


def test_an_environment_that_stays_what_steps_get_lets_the_manifest_be(bench: Bench) -> None:
    manifest.write(bench.path, (others("alice", "0.9"),))
    before = bench.path.read_bytes()
    for version in ("1.0", "1.1", "1.2"):
        bench.warm(bench.task(version=version))
    assert bench.path.read_bytes() == before


def test_entries_that_no_flow_wants_any_more_are_taken_out_unless_somebody_refers_to_them(bench: Bench) -> None:
    """As while somebody edits a flow: every state of it is another request."""
    ids = []
    for digit in "bcde":
        bench.warm(bench.task(id=digit * 40))
        ids.append(manifest.read(bench.path).default(HERE, digit * 40))
    manifest.write(bench.path, (others("alice", "0.9"),))
    named = msgspec.structs.replace(others("alice", "1.0"), id=ids[1], aliases=("team/env/v1",))
    manifest.write(bench.path, (named,))
    assert prune(bench.folder, grace=3600.0) == ()
    notes = sorted((bench.folder / "environments" / "netflixext" / "entries").iterdir())
    assert len(notes) == 4
    for file in notes:
        os.utime(file, (0, 0))
    bench.warm(bench.task(id="e" * 40))

    gone = {one.id for one in prune(bench.folder, grace=3600.0)}

    assert gone == {ids[0], ids[2]}
    assert {id_.req for id_ in manifest.read(bench.path)} == {REQ, "c" * 40, "e" * 40}
    assert prune(bench.folder, grace=3600.0) == ()


def test_what_has_another_form_is_nobodys_environment() -> None:
    id_ = EnvId(HERE, REQ, "b" * 40)
    line = {"_type": "pypi", "filename": "six", "url": "https://h/six.whl", "url_format": ".whl", "hashes": {}}
    assert newest([(id_, {"packages": [line]})], ":any:", "tester") is not None
    lacking = [(id_, {"packages": [{name: value for name, value in line.items() if name != one}]}) for one in line]
    assert newest([(id_, None), (id_, {"packages": "none"}), *lacking], ":any:", "tester") is None


def test_what_is_resolved_of_an_environment_of_this_machine_is_fetched_before_the_rest(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    whole = bench.task()
    bench.warmer.fetch(msgspec.structs.replace(whole, wheels=None))
    bench.warmer.fetch(msgspec.structs.replace(whole, conda={}))
    assert bench.environments.fetched == [("python", None), ("six", "3.11")]
    for elsewhere in (bench.task(THERE), bench.task(envs_dir=None), bench.task(full="b" * 40)):
        bench.warmer.fetch(elsewhere)
    bench.warm(whole)
    bench.warmer.fetch(whole)
    assert len(bench.environments.fetched) == 2, "neither what is made elsewhere nor what is there already"
