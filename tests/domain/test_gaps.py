from __future__ import annotations

from typing import Any

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.gaps import Misfit, gaps
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.domain.verdict import Verdict
from tests.support.samples import INTEL_MAC, LINUX, MAC


def missing(nearest: str | None, *wheels: dict[str, object], package: str = "torch") -> Finding:
    data = {"nearest": nearest, "wheels": list(wheels)}
    return Finding(Code.WHEEL_GAP, Severity.ERROR, "", package=package, data=data)


def verdict(target: Target, *findings: Finding, packages: tuple[LockedPackage, ...] = ()) -> Verdict:
    state = State.BLOCKED if findings else State.RESOLVED
    return Verdict("f.py", "F", "start", "e", target, (), state, packages, findings)


def torch(version: str) -> LockedPackage:
    return LockedPackage("torch", version, f"torch-{version}-cp311-none-macosx_11_0_arm64.whl", "https://i.example/t")


TWO_AXES: dict[str, Any] = {
    "filename": "torch-2.6.0-cp312-none-macosx_11_0_arm64.whl",
    "axes": ["arch", "Python"],
    "needs": "x",
}
ONE_AXIS: dict[str, Any] = {
    "filename": "torch-2.6.0-cp311-none-macosx_11_0_arm64.whl",
    "axes": ["arch"],
    "needs": "arm64",
}


def test_each_arch_gets_its_file_or_the_axis_on_which_the_nearest_wheel_fails() -> None:
    (gap,) = gaps(
        [
            verdict(MAC, packages=(torch("2.6.0"),)),
            verdict(INTEL_MAC, missing("2.2.2", TWO_AXES, ONE_AXIS)),
            verdict(LINUX),
        ]
    )
    assert gap.name == "torch"
    linux, intel, mac = gap.cells
    assert (linux.file, linux.code) == (None, None)
    assert mac.file == "torch-2.6.0-cp311-none-macosx_11_0_arm64.whl"
    assert (intel.code, intel.axes, intel.nearest) == (Code.WHEEL_GAP, ("arch",), "2.2.2")
    assert intel.misfits == (
        Misfit(ONE_AXIS["filename"], ("arch",), "arm64"),
        Misfit(TWO_AXES["filename"], ("arch", "Python"), "x"),
    )
    assert gap.everywhere == "2.2.2"


def test_a_wheel_for_the_same_machines_is_a_nearer_miss_than_one_for_others() -> None:
    newer: dict[str, Any] = {"filename": "torch-2.6.0-cp311-none-manylinux_2_28_x86_64.whl", "axes": ["GLIBC"]}
    other: dict[str, Any] = {"filename": "torch-2.6.0-cp311-none-win_amd64.whl", "axes": ["OS"]}
    (gap,) = gaps([verdict(LINUX, missing("2.2.2", other, newer))])
    assert gap.cells[0].axes == ("GLIBC",)


def test_there_is_no_version_for_all_archs_where_they_disagree_or_one_has_none() -> None:
    def everywhere(*nearest: str | None, there: str | None = None) -> str | None:
        lacking = [
            verdict(target, missing(version)) for target, version in zip((LINUX, INTEL_MAC), nearest, strict=False)
        ]
        having = [verdict(MAC, packages=(torch(there),))] if there else []
        return gaps([*lacking, *having])[0].everywhere

    assert everywhere("2.2.2", "2.2.2") == "2.2.2"
    assert everywhere("2.2.2", "2.1.0") is None
    assert everywhere("2.2.2", None) is None
    assert everywhere("2.2.2", there="2.0.0") is None
    assert everywhere("2.2.2", there="not a version") is None


def test_what_is_no_gap_is_left_out() -> None:
    warning = Finding(Code.GLIBC_HELD_BACK, Severity.WARNING, "", package="a", data={"nearest": "1"})
    conflict = Finding(Code.CONFLICT, Severity.ERROR, "", package="b", data={"chains": []})
    assert gaps([verdict(LINUX, warning, conflict)]) == ()


def test_two_packages_are_two_gaps_by_name() -> None:
    found = gaps([verdict(LINUX, missing(None), missing("1", package="clip"))])
    assert [(gap.name, gap.cells[0].nearest) for gap in found] == [("clip", "1"), ("torch", None)]
