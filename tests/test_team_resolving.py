"""Two homes and one bucket: what one resolved is a hint to the other, checked and never trusted."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mfenvd import team_resolving
from mfenvd.buckets import remotes_of
from mfenvd.domain.arch import Arch
from mfenvd.domain.hint import HintedPackage, hint_key
from mfenvd.domain.request import CondaPart, Indexes, Kind, PypiPart, Request
from mfenvd.domain.resolution import LockedPackage, Outcome, Resolution
from mfenvd.domain.resolver import Context, Progress, Refresher, Resolver
from mfenvd.domain.target import Target
from mfenvd.resolve.conda.resolver import CondaResolver
from mfenvd.resolve.mixed.resolver import MixedResolver
from mfenvd.resolve.pypi.resolver import PypiResolver
from mfenvd.store import hints, leases
from mfenvd.team_resolving import TeamResolver
from tests.daemon.harness import until
from tests.resolve.pypi.resolving import context, ignore
from tests.support.conda_channel import PYTHON, ChannelServer, package, repodata_of, write_repodata
from tests.support.fault_proxy import Fault, fault_proxy
from tests.support.index_server import IndexServer
from tests.support.s3_server import Bucket, bucket
from tests.support.wheels import wheel

LINUX = Target(Arch.LINUX_64, "3.11", glibc="2.28")
PATIENT = 30.0
ROOT = "metaflow/conda/"


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    with bucket() as one:
        yield one


@pytest.fixture
def s3(server: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bucket]:
    """An empty bucket; what a worker does to its own variables is undone."""
    monkeypatch.setenv("MFENV_HOME", str(tmp_path / "mfenv"))
    before = dict(os.environ)
    server.clear()
    yield server
    until(lambda: not team_resolving._talking)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def index() -> Iterator[IndexServer]:
    """`app` 3 and 2 need what there is none of, so that a solver has to go back to 1."""
    with IndexServer() as one:
        one.add(*(wheel("app", version, requires=["lib==9"]) for version in ("3.0", "2.0")))
        one.add(wheel("app", "1.0", requires=["lib"]), wheel("lib", "1.0"))
        yield one


class Home:
    """A workstation of the team."""

    def __init__(self, folder: Path, s3: Bucket, resolver: Resolver | None = None, **environ: str) -> None:
        folder.mkdir(exist_ok=True)
        self.context = self._context(folder, {**s3.environ, **environ})
        self.hinted: list[bool] = []
        self._inner = resolver or PypiResolver()
        self._resolver = TeamResolver(self, PATIENT)

    @staticmethod
    def _context(folder: Path, environ: dict[str, str]) -> Context:
        plain = context(folder, trusted=True, local_arch="linux-64")
        surroundings = msgspec.structs.replace(plain.surroundings, environ={**plain.surroundings.environ, **environ})
        return msgspec.structs.replace(plain, surroundings=surroundings)

    def resolve(
        self, request: Request, target: Target, context: Context, report: Callable[[Progress], None]
    ) -> Outcome:
        """What the team's resolver calls."""
        self.hinted.append(context.hint is not None)
        return self._inner.resolve(request, target, context, report)

    def versions(self, request: Request, **changed: Any) -> dict[str, str]:
        """Of the packages, by name, once all is told."""
        outcome = self.outcome(request, **changed)
        assert outcome.resolution is not None, outcome.findings
        return {one.name: one.version for one in outcome.resolution.packages}

    def outcome(self, request: Request, **changed: Any) -> Outcome:
        asked = msgspec.structs.replace(self.context, **changed)
        outcome = self._resolver.resolve(request, LINUX, asked, ignore)
        until(lambda: not team_resolving._talking)
        return outcome


def asked(index: IndexServer, *requirements: str) -> Request:
    return Request(Kind.PYPI, "3.11", PypiPart(requirements, indexes=Indexes(index_url=index.url)))


def told(s3: Bucket, request: Request) -> dict[str, Any]:
    """The hint in the bucket."""
    content: dict[str, Any] = json.loads(s3.get(place(request)))
    return content


def place(request: Request) -> str:
    return f"{ROOT}{hints.PREFIX}{hint_key(request, LINUX)}"


def lease(request: Request) -> str:
    return f"{ROOT}{leases.PREFIX}{hint_key(request, LINUX)}"


def test_the_second_home_does_not_search_for_what_the_first_found(
    s3: Bucket, index: IndexServer, tmp_path: Path
) -> None:
    request = asked(index, "app")
    one, two = Home(tmp_path / "one", s3), Home(tmp_path / "two", s3)
    assert one.versions(request) == {"app": "1.0", "lib": "1.0"}
    assert (one.hinted, [found["name"] for found in told(s3, request)["packages"]]) == ([False], ["app", "lib"])

    # An address in a hint is nobody's business.
    foreign = told(s3, request)
    changed(foreign, "lib", url="http://127.0.0.1:9/lib-1.0-py3-none-any.whl")
    s3.put(place(request), json.dumps(foreign).encode())

    index.add(wheel("lib", "1.1"))
    index.log.clear()
    assert two.versions(request) == {"app": "1.0", "lib": "1.0"}
    assert two.hinted == [True]
    # Nothing but the versions that the first home found was read.
    read = {path.rpartition("/")[2] for path in index.log.paths() if ".whl" in path}
    assert read == {"app-1.0-py3-none-any.whl.metadata", "lib-1.0-py3-none-any.whl.metadata"}
    # It is the same answer, addresses and all.
    assert two.outcome(request) == one.outcome(request)


def test_who_asks_for_a_refresh_gets_what_there_is_now_and_the_others_after_that(s3: Bucket, tmp_path: Path) -> None:
    newer = msgspec.structs.replace(NUMPY, version="1.1")
    Home(tmp_path / "one", s3, Known()).versions(REQUEST)
    two = Home(tmp_path / "two", s3, Known(package=newer))
    assert (two.versions(REQUEST, refresh=True), two.hinted) == ({"numpy": "1.1"}, [False])
    assert [one["version"] for one in told(s3, REQUEST)["packages"]] == ["1.1"]


@pytest.mark.parametrize(("hours", "is_taken"), [(1.9, True), (2.1, False), (-1.0, False)])
def test_what_was_resolved_too_long_ago_or_is_yet_to_come_does_not_count(
    s3: Bucket, tmp_path: Path, hours: float, is_taken: bool
) -> None:
    made = time.time() - hours * 3600
    s3.put(place(REQUEST), json.dumps({"made": made, "packages": HINTED}).encode())
    home = Home(tmp_path / "one", s3, Known())
    Path(home.context.root, "mfenv.toml").write_text('[mirror]\nresolution-age = "2 hours"\n')
    home.versions(REQUEST)
    assert home.hinted == [is_taken]
    assert (told(s3, REQUEST)["made"] == made) is is_taken


def changed(content: dict[str, Any], name: str, **fields: str) -> None:
    (found,) = [one for one in content["packages"] if one["name"] == name]
    found |= fields


_BETA = wheel("lib", "2.0b1")
BETA = HintedPackage(Kind.PYPI, "lib", "2.0b1", _BETA.filename, _BETA.sha256)
POISONS: dict[str, Callable[[dict[str, Any]], object]] = {
    "another file": lambda content: changed(content, "lib", sha256="f" * 64),
    "a version that there is none of": lambda content: changed(content, "lib", version="1.0.7"),
    "a version that the request rules out": lambda content: changed(content, "app", version="2.0"),
    "a pre-release": lambda content: changed(
        content, "lib", version=BETA.version, filename=BETA.filename, sha256=BETA.sha256
    ),
    "a missing requirement": lambda content: content["packages"].pop(),
    "a package too many": lambda content: content["packages"].append({**content["packages"][0], "name": "alien"}),
}


def test_a_poisoned_hint_is_not_taken_and_replaced(s3: Bucket, index: IndexServer, tmp_path: Path) -> None:
    request, home = asked(index, "app"), Home(tmp_path / "one", s3)
    index.add(wheel("alien", "1.0"), wheel("lib", BETA.version))
    home.versions(request)
    good = told(s3, request)
    for poison, poisoned in POISONS.items():
        bad = json.loads(json.dumps(good))
        poisoned(bad)
        s3.put(place(request), json.dumps(bad).encode())
        assert home.versions(request) == {"app": "1.0", "lib": "1.0"}, poison
        assert told(s3, request)["packages"] == good["packages"], poison


@pytest.mark.parametrize("content", [b"", b"{}", b" " * (5 << 20)], ids=["empty", "other", "large"])
def test_what_is_no_hint_is_not_looked_at(s3: Bucket, tmp_path: Path, content: bytes) -> None:
    home = Home(tmp_path / "one", s3, Known())
    s3.put(place(REQUEST), content)
    assert (home.versions(REQUEST), home.hinted) == ({"numpy": "1.0"}, [False])


def test_conda_packages_and_the_wheels_beside_them_are_hinted_too(
    s3: Bucket, index: IndexServer, tmp_path: Path
) -> None:
    channels = tmp_path / "channels"
    core = [package("core", version, subdir="linux-64", sha256=version[0] * 64) for version in ("1.0", "2.0")]
    with ChannelServer(channels) as channel:
        write_repodata(channels / "forge", repodata_of(*PYTHON, core[0]))
        part = CondaPart((("core", ""), ("python", "=3.11")), (f"{channel.url}/forge",))
        conda = Request(Kind.CONDA, "3.11", conda=part)
        mixed = Request(Kind.MIXED, "3.11", asked(index, "app").pypi, part)
        first = Home(tmp_path / "one", s3, CondaResolver()).versions(conda)
        assert first["core"] == "1.0"
        both = Home(tmp_path / "mixed-one", s3, MixedResolver(CondaResolver())).versions(mixed)
        assert (both["core"], both["lib"]) == ("1.0", "1.0")

        write_repodata(channels / "forge", repodata_of(*PYTHON, *core))
        index.add(wheel("lib", "1.1"))
        home = Home(tmp_path / "two", s3, CondaResolver())
        assert (home.versions(conda), home.hinted) == (first, [True])
        home = Home(tmp_path / "mixed-two", s3, MixedResolver(CondaResolver()))
        assert (home.versions(mixed), home.hinted) == (both, [True])

        poisoned = told(s3, conda)
        changed(poisoned, "core", sha256="f" * 64)
        s3.put(place(conda), json.dumps(poisoned).encode())
        assert Home(tmp_path / "three", s3, CondaResolver()).versions(conda)["core"] == "2.0"


def test_two_homes_do_not_resolve_the_same_request_at_the_same_moment(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LONGEST_WAIT", PATIENT)
    go = threading.Event()
    with fault_proxy(s3.url) as proxy:
        one = Home(tmp_path / "one", s3, Known(lambda: go.wait(PATIENT)))
        two = Home(tmp_path / "two", s3, Known(), METAFLOW_S3_ENDPOINT_URL=proxy.url)
        first = threading.Thread(target=one.outcome, args=(REQUEST,))
        first.start()
        until(lambda: s3.keys(lease(REQUEST)))
        second = threading.Thread(target=two.outcome, args=(REQUEST,))
        second.start()
        # It asks whose the lease is.
        until(lambda: any(asked.startswith("GET") and leases.PREFIX in asked for asked in proxy.requests))
        go.set()
        first.join(PATIENT)
        second.join(PATIENT)
    assert (one.hinted, two.hinted) == ([False], [True])


def test_who_died_at_it_is_not_waited_for_longer_than_its_lease(s3: Bucket, tmp_path: Path) -> None:
    s3.put(lease(REQUEST), json.dumps({"owner": "dead", "expires": time.time() + 0.7}).encode())
    home = Home(tmp_path / "one", s3, Known())
    assert home.versions(REQUEST) == {"numpy": "1.0"}
    assert home.hinted == [False]
    assert told(s3, REQUEST)["packages"]
    # The lease that it took over was given back.
    assert json.loads(s3.get(lease(REQUEST)))["expires"] == 0.0


def test_who_is_at_it_for_long_is_waited_for_a_moment_only(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LONGEST_WAIT", 0.5)
    s3.put(lease(REQUEST), json.dumps({"owner": "another", "expires": time.time() + 50}).encode())
    home = Home(tmp_path / "one", s3, Known())
    assert home.versions(REQUEST) == {"numpy": "1.0"}
    assert json.loads(s3.get(lease(REQUEST)))["owner"] == "another"


@pytest.mark.parametrize(
    ("settings", "trusted", "kept"),
    [
        ("", True, 2),
        ("read-only = true", True, 0),
        ("share-resolutions = false", True, 0),
        ("", False, 0),
    ],
)
def test_nothing_is_told_where_nothing_may_be_told(
    s3: Bucket, tmp_path: Path, settings: str, trusted: bool, kept: int
) -> None:
    home = Home(tmp_path / "one", s3, Known())
    Path(home.context.root, "mfenv.toml").write_text(f"[mirror]\n{settings}\n")
    home.versions(REQUEST, trusted=trusted)
    assert len(s3.keys()) == kept
    s3.put(place(REQUEST), json.dumps({"made": time.time(), "packages": HINTED}).encode())
    home.versions(REQUEST, trusted=trusted)
    assert home.hinted == [False, trusted and "false" not in settings]


def test_without_a_bucket_everything_is_resolved_here(s3: Bucket, tmp_path: Path) -> None:
    home = Home(tmp_path / "one", s3, Known(), METAFLOW_DEFAULT_DATASTORE="local")
    home.versions(REQUEST)
    assert (home.hinted, s3.keys()) == ([False], [])


@pytest.mark.parametrize("method", ["HEAD", "PUT"])
def test_a_bucket_that_refuses_takes_nothing_from_anybody(s3: Bucket, tmp_path: Path, method: str) -> None:
    with fault_proxy(s3.url) as proxy:
        proxy.faults = [Fault(method, times=-1, status=403, code="AccessDenied")]
        home = Home(tmp_path / "one", s3, Known(), METAFLOW_S3_ENDPOINT_URL=proxy.url)
        home.versions(REQUEST)
        asked_before = len(proxy.requests)
        home.versions(REQUEST)
        assert home.hinted == [False, False]
        # One that cannot be written may still tell something.
        assert (len(proxy.requests) > asked_before) is (method == "PUT")


def test_a_bucket_that_is_slow_is_not_asked_again_soon_by_any_process(s3: Bucket, tmp_path: Path) -> None:
    home = Home(tmp_path / "one", s3, Known())
    TeamResolver(home, answers_within=0.0).resolve(REQUEST, LINUX, home.context, ignore)
    until(lambda: not team_resolving._talking)
    told_before = told(s3, REQUEST)
    # Another process knows nothing of this one but what is on the disk.
    remotes_of.cache_clear()
    home.versions(REQUEST, refresh=True)
    assert told(s3, REQUEST) == told_before
    # Later it is asked again.
    (quiet,) = Path(home.context.cache_dir, "mirror", "quiet").iterdir()
    os.utime(quiet, (1_000_000, 1_000_000))
    home.versions(REQUEST)
    assert home.hinted == [False, False, True]


def test_a_resolver_that_fails_gives_its_lease_back(s3: Bucket, tmp_path: Path) -> None:
    def fail() -> None:
        raise RuntimeError("made up by a test")

    home = Home(tmp_path / "one", s3, Known(fail))
    with pytest.raises(RuntimeError):
        home.versions(REQUEST)
    until(lambda: not team_resolving._talking)
    assert json.loads(s3.get(lease(REQUEST)))["expires"] == 0.0


REQUEST = Request(Kind.PYPI, "3.11", PypiPart(("numpy",)))
NUMPY = LockedPackage("numpy", "1.0", "numpy-1.0-py3-none-any.whl", "https://index.example/numpy.whl", "a" * 64)
HINTED = [{"kind": "pypi", "name": NUMPY.name, "version": "1.0", "filename": NUMPY.filename, "sha256": NUMPY.sha256}]


class Known:
    """A resolver that knows the answer, and does something else before it says so."""

    def __init__(self, before: Callable[[], object] = lambda: None, package: LockedPackage = NUMPY) -> None:
        self._before, self._package = before, package

    def resolve(
        self, request: Request, target: Target, context: Context, report: Callable[[Progress], None]
    ) -> Outcome:
        del context, report
        self._before()
        return Outcome(Resolution(request.key, target, (self._package,)))


def test_each_kind_of_environment_is_resolved_as_part_of_the_team() -> None:
    found = team_resolving.resolvers()
    assert all(isinstance(resolver, TeamResolver) for resolver in found.values())
    assert [kind for kind in Kind if isinstance(found[kind], Refresher)] == [Kind.CONDA, Kind.MIXED]
