from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.drift import drift_findings, side_by_side
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.target import Target

LINUX = Target(Arch.LINUX_64, "3.11", glibc="2.28")
INTEL_MAC = Target(Arch.OSX_64, "3.11", macos="13.0")


def resolution(target: Target, **versions: str) -> Resolution:
    packages = tuple(
        LockedPackage(
            name, version, f"{name}-{version}-py3-none-any.whl", "https://x.example/", requested=name == "torch"
        )
        for name, version in versions.items()
    )
    return Resolution("request", target, packages)


def test_versions_that_differ_are_a_notice_on_each_arch_with_a_pin_for_all() -> None:
    found = drift_findings(
        {
            LINUX: resolution(LINUX, torch="2.15.0", six="1.17.0"),
            INTEL_MAC: resolution(INTEL_MAC, torch="2.2.2", six="1.17.0"),
        }
    )
    assert set(found) == {LINUX, INTEL_MAC}
    for findings in found.values():
        (finding,) = findings
        assert finding.code == Code.DRIFT
        assert finding.package == "torch"
        assert finding.message == "torch differs between architectures: 2.15.0 on linux-64, 2.2.2 on osx-64."
        assert finding.fix is not None
        assert "torch==2.2.2" in finding.fix


def test_a_package_of_one_arch_alone_does_not_drift() -> None:
    found = drift_findings({LINUX: resolution(LINUX, triton="3.0"), INTEL_MAC: resolution(INTEL_MAC, six="1.17.0")})
    assert found == {LINUX: (), INTEL_MAC: ()}


def test_a_local_version_part_is_no_drift() -> None:
    found = drift_findings(
        {LINUX: resolution(LINUX, torch="2.2.2+cpu"), INTEL_MAC: resolution(INTEL_MAC, torch="2.2.2")}
    )
    assert found == {LINUX: (), INTEL_MAC: ()}


def test_all_packages_side_by_side_those_that_differ_first() -> None:
    rows = side_by_side(
        {
            LINUX: resolution(LINUX, a="1", torch="2.6.0+cu124", z="1").packages,
            INTEL_MAC: resolution(INTEL_MAC, a="1", torch="2.6.0", z="2").packages,
        }
    )
    assert [(row.name, row.differs, list(row.versions.values())) for row in rows] == [
        ("z", True, ["1", "2"]), ("a", False, ["1", "1"]), ("torch", False, ["2.6.0+cu124", "2.6.0"])
    ]  # fmt: skip


def test_a_package_that_one_target_does_without_is_shown_and_is_no_drift() -> None:
    (row,) = side_by_side({LINUX: resolution(LINUX, triton="3").packages, INTEL_MAC: ()})
    assert (row.versions, row.differs) == ({LINUX: "3", INTEL_MAC: None}, False)
