"""Conda packages and wheels that go with them, in both ways."""

from __future__ import annotations

import msgspec
import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Severity
from mfenvd.domain.request import MixedSolver
from mfenvd.domain.resolver import Context
from mfenvd.domain.target import Target
from tests.resolve.mixed.mixing import LINUX, MAC, from_conda, packages, request, resolve, wheels
from tests.support.index_server import Fault, IndexServer
from tests.support.wheels import sdist, wheel

NUMPY_1 = ("numpy", "=1.26")

BOTH = pytest.mark.parametrize("solver", list(MixedSolver), ids=str)


@pytest.mark.parametrize("target", [LINUX, MAC], ids=["linux-64", "osx-arm64"])
def test_both_ways_find_the_same(index: IndexServer, channel: str, project: Context, target: Target) -> None:
    index.add(
        wheel("app", "2.0", requires=["numpy>=2"]),
        wheel("app", "1.0", requires=["numpy>=1.20", "torch", "lib[fast]", "xxhash; sys_platform == 'linux'"]),
        wheel("lib", "1.0", requires=["quick; extra == 'fast'", "arm; platform_machine == 'arm64'"], extras=["fast"]),
        wheel("lib", "1.1", "cp311-cp311-manylinux_2_34_x86_64", requires=["never"]),
        wheel("lib", "1.1", "cp311-cp311-macosx_14_0_arm64", requires=["never"]),
        wheel("quick", "1.0", "cp311-cp311-manylinux_2_28_x86_64", requires=["dask[frame]"]),
        wheel("quick", "1.0", "cp311-cp311-macosx_11_0_arm64", requires=["dask"]),
        wheel("dask", "2.0", requires=["frame; extra == 'frame'", "anything"], extras=["frame"]),
        wheel("frame", "3.0", requires=["zc.lock_file"]),
        wheel("zc.lock-file", "1.0"),
        wheel("xxhash", "3.0", requires_python=">=3.8"),
        wheel("arm", "1.0"),
    )
    index.add(wheel("frame", "4.0"), yanked="broken")
    conda = [NUMPY_1, ("pytorch", ""), ("dask", ""), ("xxhash", "")]

    uv, conda_lock = (
        resolve(request(channel, index, conda, ["app"], solver), target, project) for solver in MixedSolver
    )

    assert packages(uv) == packages(conda_lock)
    assert conda_lock.findings == ()
    assert {finding.code for finding in uv.findings} <= {Code.GLIBC_HELD_BACK}
    assert from_conda(uv) == ["dask", "dask-core", "numpy", "pip", "python", "pytorch", "xxhash"]
    everywhere = ["app-1.0-py3-none-any.whl"]
    if target is LINUX:
        assert wheels(uv) == [
            *everywhere, "frame-3.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl",
            "quick-1.0-cp311-cp311-manylinux_2_28_x86_64.whl", "xxhash-3.0-py3-none-any.whl",
            "zc_lock_file-1.0-py3-none-any.whl",
        ]  # fmt: skip
    else:
        assert wheels(uv) == [
            *everywhere[:1], "arm-1.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl",
            "quick-1.0-cp311-cp311-macosx_11_0_arm64.whl",
        ]  # fmt: skip
    (app,) = (one for one in packages(uv) if one.name == "app")
    assert app.requested
    assert set(app.requires) >= {"numpy", "pytorch", "lib"}


@BOTH
def test_a_wheel_for_a_newer_glibc_than_conda_lock_knows_is_found_where_it_fits_and_only_there(
    index: IndexServer, channel: str, project: Context, solver: MixedSolver
) -> None:
    index.add(wheel("new", "1.0", "cp311-cp311-manylinux_2_34_x86_64"), sdist("new", "1.0"))
    asked = request(channel, index, [("numpy", "")], ["new"], solver)

    assert wheels(resolve(asked, msgspec.structs.replace(LINUX, glibc="2.34"), project)) == [
        "new-1.0-cp311-cp311-manylinux_2_34_x86_64.whl"
    ]
    (finding,) = resolve(asked, LINUX, project).findings
    assert finding.code == Code.GLIBC_MISMATCH


@BOTH
def test_where_nothing_goes_with_conda_both_are_named_with_the_version_to_ask_for(
    index: IndexServer, channel: str, project: Context, solver: MixedSolver
) -> None:
    index.add(wheel("app", "2.0", requires=["numpy>=2"]))

    outcome = resolve(request(channel, index, [NUMPY_1], ["app"], solver), LINUX, project)

    assert outcome.resolution is None
    assert not outcome.failed
    (finding,) = outcome.findings
    assert finding.code == Code.CONDA_EXCLUDES_WHEEL
    assert finding.message == "numpy 1.26.4 from conda excludes numpy>=2 (from app)."
    assert finding.fix == "Ask conda for numpy >=2, or loosen the requirement on `app`."


def test_a_package_that_is_asked_for_on_both_sides_comes_from_conda_and_is_told(
    index: IndexServer, channel: str, project: Context
) -> None:
    index.add(wheel("app", "1.0"))

    outcome = resolve(request(channel, index, [("pytorch", "")], ["torch>=2", "app"]), LINUX, project)

    assert wheels(outcome) == ["app-1.0-py3-none-any.whl"]
    (finding,) = outcome.findings
    assert (finding.code, finding.severity, finding.package) == (Code.ON_BOTH_SIDES, Severity.WARNING, "torch")
    assert finding.message == (
        "torch is asked for on both sides, and conda brings pytorch 2.1.0, which >=2 allows: no wheel of it is "
        "installed."
    )
    assert finding.fix == "Take torch out of the PyPI packages."
    assert "names as of 20" in finding.detail[-1]


def test_a_package_that_conda_brings_for_another_is_told_with_that(
    index: IndexServer, channel: str, project: Context
) -> None:
    index.add(wheel("app", "1.0"))

    outcome = resolve(request(channel, index, [("seaborn", "")], ["numpy", "app"]), LINUX, project)

    (finding,) = outcome.findings
    assert finding.message == (
        "numpy is asked for from PyPI, and conda brings numpy 2.1.0 for seaborn: no wheel of it is installed."
    )
    assert finding.data["chain"] == ["seaborn", "numpy"]


def test_both_sides_of_a_package_that_exclude_each_other_block(
    index: IndexServer, channel: str, project: Context
) -> None:
    outcome = resolve(request(channel, index, [NUMPY_1], ["numpy==2.1.0"]), LINUX, project)

    assert outcome.resolution is None
    (finding,) = outcome.findings
    assert (finding.code, finding.severity) == (Code.ON_BOTH_SIDES, Severity.ERROR)
    assert finding.message == (
        "numpy is asked for on both sides, and conda brings numpy 1.26.4, which ==2.1.0 excludes."
    )
    assert finding.fix == "Take numpy out of the PyPI packages, or ask conda for numpy ==2.1.0."


def test_markers_are_those_of_the_python_that_conda_brings(index: IndexServer, channel: str, project: Context) -> None:
    index.add(wheel("exact", "1.0"), wheel("app", "1.0"))
    exactly = "exact; python_full_version == '3.11.9'"

    outcome = resolve(request(channel, index, [("numpy", "")], [exactly, "app"]), LINUX, project)

    assert wheels(outcome) == ["app-1.0-py3-none-any.whl", "exact-1.0-py3-none-any.whl"]
    assert outcome.resolution is not None
    assert outcome.resolution.target == LINUX


def test_where_no_wheel_is_needed_conda_is_enough(index: IndexServer, channel: str, project: Context) -> None:
    outcome = resolve(request(channel, index, [NUMPY_1], ["numpy", "win; sys_platform == 'win32'"]), LINUX, project)

    assert from_conda(outcome) == ["numpy", "pip", "python"]
    assert wheels(outcome) == []


def test_what_keeps_conda_from_solving_is_told_as_for_conda_alone(
    index: IndexServer, channel: str, project: Context
) -> None:
    index.add(wheel("app", "1.0"))

    outcome = resolve(request(channel, index, [("numpy", "=9")], ["app"]), LINUX, project)

    assert outcome.resolution is None
    assert any("numpy" in finding.message for finding in outcome.findings)


@pytest.mark.parametrize("solver", list(MixedSolver))
def test_an_index_that_is_passed_over_is_named_whoever_resolves(
    index: IndexServer, channel: str, project: Context, solver: MixedSolver
) -> None:
    index.add(wheel("app", "1.0"))
    asked = request(channel, index, [("numpy", "")], ["app"], solver)
    indexes = msgspec.structs.replace(asked.pypi.indexes, extra_index_urls=("http://packages.example/simple",))
    asked = msgspec.structs.replace(asked, pypi=msgspec.structs.replace(asked.pypi, indexes=indexes))
    outcome = resolve(asked, LINUX, project)
    assert outcome.resolution is not None, outcome.findings
    assert [finding.code for finding in outcome.findings] == [Code.INDEX_IGNORED]


def test_conda_lock_does_not_hide_that_an_index_went_away(index: IndexServer, channel: str, project: Context) -> None:
    index.add(wheel("app", "1.0", requires=["lib"]), wheel("lib", "1.0"))
    index.fail("lib", Fault(status=500))
    asked = request(channel, index, [("numpy", "")], ["app"], MixedSolver.CONDA_LOCK)

    outcome = resolve(asked, LINUX, project)

    assert outcome.failed
    assert [finding.code for finding in outcome.findings] == [Code.INDEX_UNREACHABLE]
