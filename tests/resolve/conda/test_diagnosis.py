"""Each cause, told with what there is instead. The findings' own words are what is tested: they are the product."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding
from mfenvd.domain.request import ChannelPriority
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from tests.resolve.conda.asking import LINUX, MAC, request, resolve
from tests.support.conda_channel import PYTHON, package, repodata_of, write_repodata

PYTHONS = (*PYTHON, package("python", "3.12.1"), package("python", "3.11.4", subdir="linux-64"))


class World:
    """A channel of given packages, and what is said about requests to it."""

    def __init__(self, folder: Path, *packages: dict[str, Any]) -> None:
        self.folder = folder
        self.channel = write_repodata(folder / "channel", repodata_of(*PYTHONS, *packages)).as_uri()

    def findings(self, packages: Mapping[str, str], target: Target = LINUX, **other: Any) -> tuple[Finding, ...]:
        outcome = resolve(request(packages, self.channel, **other), target, self.folder)
        assert outcome.state is State.BLOCKED
        for finding in outcome.findings:
            assert finding.fix, finding
        return outcome.findings

    def finding(self, packages: Mapping[str, str], target: Target = LINUX, **other: Any) -> Finding:
        (finding,) = self.findings(packages, target, **other)
        return finding


def test_a_package_that_is_nowhere_and_the_nearest_name(tmp_path: Path) -> None:
    world = World(tmp_path, package("pandas", "2"), package("panda3d", "1"))
    finding = world.finding({"pandaz": ""})
    assert (finding.code, finding.package, finding.chain) == (Code.NO_SUCH_PACKAGE, "pandaz", ("pandaz",))
    assert finding.message == f"There is no package pandaz in {world.channel}."
    assert finding.fix == "Did you mean `pandas`? Otherwise add the channel that has it."


def test_a_package_that_is_like_no_other(tmp_path: Path) -> None:
    assert "Check the spelling" in (World(tmp_path).finding({"qqqqqqqq": ""}).fix or "")


def test_several_missing_packages_are_told_at_once(tmp_path: Path) -> None:
    world = World(tmp_path, package("a", "1"))
    found = world.findings({"nope": "", "a": "==2", "a-b-c": ""})
    assert [finding.package for finding in found] == ["nope", "a", "a-b-c"]


def test_a_package_for_other_archs_only(tmp_path: Path) -> None:
    world = World(tmp_path, package("pywin32", "306", subdir="win-64"), package("pywin32", "305", subdir="win-64"))
    finding = world.finding({"pywin32": ""})
    assert finding.code == Code.NOT_FOR_ARCH
    assert finding.message == "pywin32 does not exist for linux-64: it is there for win-64 (306, 305)."
    assert finding.data["archs"] == {"win-64": ["306", "305"]}


def test_a_version_for_other_archs_only(tmp_path: Path) -> None:
    world = World(
        tmp_path,
        *(package("numpy", version, subdir="linux-64") for version in ("1.21.4", "1.22.0", "1.20.0")),
        package("numpy", "1.21.5", subdir="osx-64"),
    )
    finding = world.finding({"numpy": "==1.21.5"})
    assert finding.code == Code.NO_SUCH_VERSION
    assert finding.message == (
        "There is no numpy ==1.21.5 for linux-64: the newest that exists is 1.22.0. It is there for osx-64 (1.21.5)."
    )
    assert finding.fix == "`numpy ==1.21.4` is the nearest version for linux-64."
    assert finding.detail == ("versions for linux-64: 1.22.0, 1.21.4, 1.20.0",)


@pytest.mark.parametrize(
    ("spec", "nearest"),
    [
        ("==1.5", "1.4"),
        (">=9", "3.0"),
        ("<1", "1.4"),
        ("==2.5.*", "2.0"),
        ("==2.0=special", "2.0"),
        ("!=1.4,<1.9", "1.4"),
    ],
)
def test_the_nearest_version_is_the_next_lower_one_or_the_lowest(spec: str, nearest: str, tmp_path: Path) -> None:
    world = World(tmp_path, *(package("lib", version) for version in ("1.4", "2.0", "3.0")))
    assert world.finding({"lib": spec}).data["nearest"] == nearest


def test_a_python_that_is_not_there(tmp_path: Path) -> None:
    finding = World(tmp_path).finding({"python": "==3.11.9"})
    assert finding.code == Code.NO_SUCH_PYTHON
    assert finding.message == ("The channels have no python ==3.11.9 for linux-64: 3.12.1, 3.11.5, 3.11.4 are there.")
    assert finding.fix == "Ask for Python 3.11.5, the nearest for linux-64."


def test_a_channel_without_python(tmp_path: Path) -> None:
    channel = write_repodata(tmp_path / "c", repodata_of(package("a", "1"))).as_uri()
    (finding,) = resolve(request({"a": ""}, channel), LINUX, tmp_path).findings
    assert finding.code == Code.NO_SUCH_PYTHON


def test_a_package_that_is_built_for_other_pythons(tmp_path: Path) -> None:
    world = World(
        tmp_path,
        package("numpy", "2.0", build="py312_0", depends=("python >=3.12,<3.13.0a0",)),
        package("numpy", "1.26", build="py311_0", depends=("python >=3.11,<3.12.0a0",)),
    )
    finding = world.finding({"numpy": "==2.0", "python": "==3.11.5"})
    assert finding.code == Code.PYTHON_EXCLUDED
    assert finding.message == ("numpy ==2.0 does not support python ==3.11.5 on linux-64: it is built for Python 3.12.")
    assert finding.fix == "`numpy ==1.26` works here."


class TestSystem:
    def test_a_newer_glibc_is_needed_further_down(self, tmp_path: Path) -> None:
        world = World(
            tmp_path,
            package("plot", "2", depends=("raqm >=2",)),
            package("plot", "1"),
            package("raqm", "2", subdir="linux-64", depends=("__glibc >=2.28,<3.0.a0",)),
            package("raqm", "2.1", subdir="linux-64", depends=("__glibc >=2.34,<3.0.a0",)),
        )
        finding = world.finding({"plot": "==2"})
        assert finding.code == Code.GLIBC_MISMATCH
        assert finding.message == (
            "plot ==2 needs GLIBC 2.28 or newer on linux-64, and the target has 2.26. It is needed through plot → raqm."
        )
        assert finding.fix == "`plot ==1` works here; or use an image with GLIBC 2.28 or newer."
        assert finding.chain == ("plot", "raqm")
        assert (finding.data["needs_glibc"], finding.data["has_glibc"]) == ("2.28", "2.26")

    def test_a_newer_macos(self, tmp_path: Path) -> None:
        world = World(tmp_path, package("metal", "1", subdir="osx-arm64", depends=("__osx >=14.0",)))
        finding = world.finding({"metal": ""}, MAC)
        assert finding.code == Code.MACOS_MISMATCH
        assert "needs macOS 14.0 or newer on osx-arm64, and the target has 13.0" in finding.message
        assert 'macos = "14.0"' in (finding.fix or "")

    @pytest.mark.parametrize(
        ("needs", "cuda", "told"),
        [
            ("__cuda", None, "needs a GPU (CUDA) on linux-64, and the target has none."),
            ("__cuda >=12.0", None, "needs a GPU with CUDA 12.0 or newer on linux-64, and the target has none."),
            ("__cuda >=12.4", "12.1", "needs a GPU with CUDA 12.4 or newer on linux-64, and the target has CUDA 12.1."),
        ],
    )
    def test_a_gpu(self, needs: str, cuda: str | None, told: str, tmp_path: Path) -> None:
        world = World(tmp_path, package("torch", "2", build="cuda_0", subdir="linux-64", depends=(needs,)))
        finding = world.finding({"torch": "==2=cuda*"}, Target(Arch.LINUX_64, "3.11", glibc="2.26", cuda=cuda))
        assert finding.code == Code.CUDA_MISSING
        assert finding.message == f"torch ==2 cuda* {told}"

    def test_a_cpu_build_is_taken_without_a_gpu(self, tmp_path: Path) -> None:
        world = World(
            tmp_path,
            package("torch", "2", build="cuda_0", subdir="linux-64", depends=("__cuda",)),
            package("torch", "2", build="cpu_0", subdir="linux-64"),
        )
        outcome = resolve(request({"torch": ""}, world.channel), LINUX, tmp_path)
        assert outcome.resolution is not None
        assert {package.name: package.build for package in outcome.resolution.packages}["torch"] == "cpu_0"

    def test_a_real_package_that_needs_a_newer_glibc(self, subset: str, tmp_path: Path) -> None:
        (finding,) = resolve(request({"libraqm": "", "python": "=3.11"}, subset), LINUX, tmp_path).findings
        assert finding.code == Code.GLIBC_MISMATCH


class TestConflicts:
    def test_the_two_chains_that_clash(self, tmp_path: Path) -> None:
        world = World(
            tmp_path,
            package("a", "1", depends=("lib <2",)),
            package("b", "1", depends=("c",)),
            package("c", "1", depends=("lib >=2",)),
            *(package("lib", version) for version in ("1", "2")),
            package("innocent", "1"),
        )
        finding = world.finding({"innocent": "", "a": "", "b": ""})
        assert finding.code == Code.CONFLICT
        assert finding.package == "lib"
        assert "a, which needs lib <2" in finding.message
        assert "b, which needs c, which needs lib >=2" in finding.message
        assert "innocent" not in finding.message + " ".join(finding.detail)
        assert finding.fix == "Loosen the requirement on `a` or `b`."

    def test_a_request_against_a_dependency(self, tmp_path: Path) -> None:
        world = World(
            tmp_path,
            package("scipy", "1", depends=("numpy <2",)),
            *(package("numpy", version) for version in ("1", "2")),
        )
        finding = world.finding({"scipy": "", "numpy": "==2"})
        assert finding.message == "These exclude each other: scipy, which needs numpy <2; numpy ==2."

    def test_a_dependency_that_is_nowhere(self, tmp_path: Path) -> None:
        finding = World(tmp_path, package("a", "1", depends=("b",)), package("b", "1", depends=("gone >=2",))).finding(
            {"a": ""}
        )
        assert (finding.code, finding.chain) == (Code.NO_SUCH_PACKAGE, ("a", "b", "gone"))
        assert finding.message.endswith("It is needed through a → b → gone.")

    def test_a_dependency_that_is_there_in_other_versions(self, tmp_path: Path) -> None:
        world = World(tmp_path, package("a", "1", depends=("lib >=9",)), package("lib", "1"))
        finding = world.finding({"a": ""})
        assert finding.code == Code.CONFLICT
        assert finding.message == "This cannot be met: a, which needs lib >=9, and no such package is there."

    def test_strict_priority_keeps_a_version_of_a_lower_channel_out(self, tmp_path: Path) -> None:
        first = World(tmp_path / "one", package("a", "1"))
        second = write_repodata(tmp_path / "two", repodata_of(package("a", "2"))).as_uri()
        asked = request({"a": "==2"}, first.channel, second, priority=ChannelPriority.STRICT)
        (finding,) = resolve(asked, LINUX, tmp_path).findings
        assert finding.code == Code.CHANNEL_PRIORITY
        assert "a ==2" in finding.message
        assert second in finding.message

    def test_real_packages(self, subset: str, tmp_path: Path) -> None:
        asked = request({"pandas": ">=2.2", "numpy": "<1.22", "requests": "", "python": "=3.11"}, subset)
        outcome = resolve(asked, LINUX, tmp_path)
        assert outcome.state is State.BLOCKED
        assert outcome.findings[0].package in {"numpy", "pandas"}
        assert "requests" not in outcome.findings[0].message


def test_what_is_no_match_spec(tmp_path: Path) -> None:
    finding = World(tmp_path).finding({"numpy": "==1..2"})
    assert finding.code == Code.BAD_REQUIREMENT
    assert "`numpy==1..2`" in finding.message


def test_a_solver_without_end_is_stopped_and_says_so(
    subset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mfenvd.resolve.conda.resolver.SOLVE_WITHIN", 0.0005)
    outcome = resolve(request({"pandas": "", "scikit-learn": "", "matplotlib-base": ""}, subset), LINUX, tmp_path)
    assert outcome.failed
    assert [finding.code for finding in outcome.findings] == [Code.SOLVE_TOOK_TOO_LONG]


def test_a_gpu_and_a_newer_glibc_are_both_told(tmp_path: Path) -> None:
    needs = ("__cuda >=12.2", "__glibc >=2.28,<3.0.a0")
    world = World(tmp_path, package("trainer", "1.0", subdir="linux-64", depends=needs))
    glibc, cuda = world.findings({"trainer": "==1.0"})
    assert (glibc.code, cuda.code) == (Code.GLIBC_MISMATCH, Code.CUDA_MISSING)
    assert (glibc.data["needs_glibc"], cuda.data["needs_cuda"]) == ("2.28", "12.2")


def test_what_else_is_wrong_besides_the_glibc_is_told_too(tmp_path: Path) -> None:
    world = World(
        tmp_path,
        package("core", "2", subdir="linux-64", depends=("__glibc >=2.28,<3.0.a0", "python >=3.12")),
        package("app", "1", depends=("lib <2",)),
        package("tool", "1", depends=("lib >=2",)),
        package("lib", "1"),
        package("lib", "2"),
    )
    found = world.findings({"app": "", "core": "", "tool": "", "python": "3.11.*"})
    assert [finding.code for finding in found] == [Code.GLIBC_MISMATCH, Code.PYTHON_EXCLUDED, Code.CONFLICT]
    assert found[2].chain[0] in {"app", "tool"}


def test_a_python_that_cannot_be_had_by_itself_is_told_once(tmp_path: Path) -> None:
    folder = tmp_path / "channel"
    broken = package("python", "3.11.9", depends=("nowhere",))
    channel = write_repodata(folder, repodata_of(broken, package("pip", "24", depends=("python",)))).as_uri()
    outcome = resolve(request({"python": "3.11.9"}, channel), LINUX, tmp_path)
    assert [finding.package for finding in outcome.findings] == ["nowhere"]
