from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.drift import drift_findings
from mfenvd.domain.graph import chains
from mfenvd.domain.request import ChannelPriority, Kind
from mfenvd.domain.resolver import Refresher, Resolver
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.resolve.resolvers import resolvers
from tests.resolve.conda.asking import LINUX, MAC, TARGETS, context, request, resolve
from tests.support.conda_channel import PYTHON, package, repodata_of, write_repodata

DATA_SCIENCE = {"pandas": "", "numpy": "", "scikit-learn": "", "requests": ">=2.21.0", "python": "=3.11"}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: str(target.arch))
def test_every_arch_gets_its_own_packages(target: Target, subset: str, tmp_path: Path) -> None:
    outcome = resolve(request(DATA_SCIENCE, subset), target, tmp_path)
    assert outcome.state is State.RESOLVED, outcome.findings
    assert outcome.resolution is not None
    packages = {package.name: package for package in outcome.resolution.packages}
    assert {package.subdir for package in packages.values()} == {str(target.arch), "noarch"}
    assert packages["numpy"].subdir == str(target.arch)
    assert {name for name, package in packages.items() if package.requested} == {*DATA_SCIENCE}
    assert "pip" in packages


def test_a_locked_package_says_all_that_is_known(small_channel: Path, tmp_path: Path) -> None:
    outcome = resolve(request({"app": ""}, small_channel.as_uri()), LINUX, tmp_path)
    assert outcome.resolution is not None, outcome.findings
    app, core, *_ = outcome.resolution.packages
    content = (small_channel / "linux-64" / "core-1.0-0.tar.bz2").read_bytes()
    assert (core.name, core.version, core.build, core.subdir) == ("core", "1.0", "0", "linux-64")
    assert core.filename == "core-1.0-0.tar.bz2"
    assert core.kind is Kind.CONDA
    assert core.channel == small_channel.as_uri()
    assert core.url == f"{small_channel.as_uri()}/linux-64/core-1.0-0.tar.bz2"
    assert core.size == len(content)
    assert core.sha256 is not None
    assert core.md5 is not None
    assert (len(core.sha256), len(core.md5)) == (64, 32)
    assert (app.requires, app.requested, core.requires, core.requested) == (("core",), True, (), False)


def test_a_chain_leads_from_what_is_asked_for_to_each_package(subset: str, tmp_path: Path) -> None:
    outcome = resolve(request(DATA_SCIENCE, subset), LINUX, tmp_path)
    assert outcome.resolution is not None
    for locked in outcome.resolution.packages:
        assert chains(outcome.resolution.packages, locked.name), locked.name


def test_versions_that_differ_between_archs_are_told_builds_are_not(tmp_path: Path) -> None:
    write_repodata(
        tmp_path / "channel",
        repodata_of(
            *(package("lib", "1", build=f"h{n}", subdir=arch) for n, arch in enumerate(("linux-64", "osx-arm64"))),
            *PYTHON,
            package("app", "2", subdir="linux-64"),
            package("app", "1", subdir="osx-arm64"),
        ),
    )
    asked = request({"lib": "", "app": ""}, (tmp_path / "channel").as_uri())
    outcomes = {target: resolve(asked, target, tmp_path) for target in (LINUX, MAC)}
    told = drift_findings({target: o.resolution for target, o in outcomes.items() if o.resolution is not None})
    assert {finding.package for found in told.values() for finding in found} == {"app"}
    assert told[LINUX][0].data["versions"] == {"linux-64": "2", "osx-arm64": "1"}


def test_libraries_that_nobody_asks_for_are_numbered_by_platform(tmp_path: Path) -> None:
    """A pin of one platform's number would keep the others from resolving."""
    found = [
        package(name, version, subdir=arch, depends=depends)
        for arch, version in (("linux-64", "16.1"), ("osx-arm64", "5.0"))
        for name, depends in (("libgfortran", ()), ("numpy", ("python", "libgfortran")), ("pandas", ("numpy",)))
    ]
    write_repodata(tmp_path / "channel", repodata_of(*PYTHON, *found))
    asked = request({"pandas": ""}, (tmp_path / "channel").as_uri())
    outcomes = {target: resolve(asked, target, tmp_path) for target in (LINUX, MAC)}
    told = drift_findings({target: o.resolution for target, o in outcomes.items() if o.resolution is not None})
    assert [finding.package for finding in told[LINUX]] == ["numpy", "pandas"]


def test_drift_of_versions_that_pypi_would_not_know(tmp_path: Path) -> None:
    write_repodata(
        tmp_path / "channel",
        repodata_of(
            *PYTHON,
            package("openssl", "1.1.1w", subdir="linux-64"),
            package("openssl", "1.1.1k", subdir="osx-arm64"),
        ),
    )
    asked = request({"openssl": ""}, (tmp_path / "channel").as_uri())
    outcomes = {target: resolve(asked, target, tmp_path) for target in (LINUX, MAC)}
    told = drift_findings({target: o.resolution for target, o in outcomes.items() if o.resolution is not None})
    assert told[MAC][0].data["pin"].endswith("1.1.1k")


class TestChannels:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        write_repodata(tmp_path / "one", repodata_of(package("a", "1"), *PYTHON))
        write_repodata(tmp_path / "two", repodata_of(package("a", "2"), package("b", "1")))
        return tmp_path

    def test_a_channel_that_a_package_names_is_looked_at_too(self, folder: Path) -> None:
        two = (folder / "two").as_uri()
        asked = request({f"{two}::b": "", "a": ""}, (folder / "one").as_uri())
        outcome = resolve(asked, LINUX, folder)
        assert outcome.resolution is not None, outcome.findings
        found = {package.name: (package.version, package.channel) for package in outcome.resolution.packages}
        assert found["b"] == ("1", two)
        assert found["a"] == ("1", (folder / "one").as_uri())

    def test_a_channel_may_be_named_as_condarc_names_it(self, folder: Path) -> None:
        (folder / ".condarc").write_text(f"channel_alias: {folder.as_uri()}\n")
        outcome = resolve(request({"two::b": "", "two::a": ""}, "one"), LINUX, folder)
        assert outcome.resolution is not None, outcome.findings
        assert {package.name: package.version for package in outcome.resolution.packages}["a"] == "2"

    def test_the_priority_is_the_requests(self, folder: Path) -> None:
        channels = [(folder / name).as_uri() for name in ("one", "two")]
        for priority, expected in ((ChannelPriority.STRICT, "1"), (ChannelPriority.DISABLED, "2")):
            outcome = resolve(request({"a": ""}, *channels, priority=priority), LINUX, folder)
            assert outcome.resolution is not None
            assert outcome.resolution.packages[0].version == expected

    def test_what_a_folder_lists_anew_is_seen_at_once(self, folder: Path) -> None:
        channel = (folder / "one").as_uri()
        assert resolve(request({"c": ""}, channel), LINUX, folder).state is State.BLOCKED
        write_repodata(folder / "one", repodata_of(package("a", "1"), package("c", "1"), *PYTHON))
        assert resolve(request({"c": ""}, channel), LINUX, folder).state is State.RESOLVED


_IN_ANOTHER_PROCESS = """
import json, sys
from pathlib import Path
import msgspec
from tests.resolve.conda.asking import LINUX, request, resolve
channel, folder, packages = sys.argv[1:]
outcome = resolve(request(json.loads(packages), channel), LINUX, Path(folder))
print(msgspec.json.encode(outcome.resolution.packages).decode())
"""


def test_the_same_request_has_the_same_answer_in_every_process(subset: str, tmp_path: Path) -> None:
    def answer(seed: str, packages: dict[str, str]) -> str:
        ran = subprocess.run(
            [sys.executable, "-c", _IN_ANOTHER_PROCESS, subset, str(tmp_path), json.dumps(packages)],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True, text=True, check=True, timeout=60, cwd=Path(__file__).parents[3],
        )  # fmt: skip
        return ran.stdout

    turned = dict(reversed(DATA_SCIENCE.items()))
    assert answer("0", DATA_SCIENCE) == answer("1", DATA_SCIENCE) == answer("2", DATA_SCIENCE)
    assert answer("0", turned) == answer("7", turned)


def test_the_rest_of_mfenv_does_not_load_py_rattler() -> None:
    modules = "mfenvd.engine, mfenvd.daemon.service, mfenvd.cli.main, mfenvd.condarc.configuration"
    made = "from mfenvd.resolve.resolvers import resolvers; resolvers()"
    code = f"import sys, {modules}; {made}; print('rattler' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "False\n"


def test_the_registered_resolver_resolves_and_refreshes(small_channel: Path, tmp_path: Path) -> None:
    registered: Resolver = resolvers()[Kind.CONDA]
    asked = request({"app": ""}, small_channel.as_uri())
    assert registered.resolve(asked, LINUX, context(tmp_path), lambda _: None).state is State.RESOLVED
    assert isinstance(registered, Refresher)
    assert registered.refresh([(asked, LINUX)], context(tmp_path)) > 0


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: str(target.arch))
def test_versions_that_are_nowhere_are_told_for_each_arch_with_what_to_do(
    target: Target, subset: str, tmp_path: Path
) -> None:
    packages = {"pandas": "==1.5.0", "numpy": "==1.21.5", "python": "==3.9", "requests": ">=2.21.0"}
    outcome = resolve(request(packages, subset), Target(target.arch, "3.9", target.glibc, target.macos), tmp_path)
    assert outcome.state is State.BLOCKED
    missing = [finding for finding in outcome.findings if finding.code == Code.NO_SUCH_VERSION]
    assert [finding.package for finding in missing] == ["pandas", "numpy"]
    for finding in outcome.findings:
        assert finding.fix
        assert str(target.arch) in finding.message
