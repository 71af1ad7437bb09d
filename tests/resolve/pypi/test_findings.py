"""Each cause of failure is told as what it is, with the chain that leads to it and what to do."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.resolver import Context
from mfenvd.domain.target import Target
from tests.resolve.pypi.resolving import LINUX, filenames, packages, resolve
from tests.support.index_server import Fault, IndexServer
from tests.support.wheels import sdist, wheel

MAC = Target(Arch.OSX_64, "3.11", macos="13.0")


def only(outcome: Outcome) -> Finding:
    assert outcome.resolution is None
    assert len(outcome.findings) == 1, outcome.findings
    return outcome.findings[0]


def test_a_git_requirement_and_a_source_only_package_block_a_foreign_target_each_at_its_own_line(
    index: IndexServer, project: Context
) -> None:
    index.add(sdist("outlier-detector", "0.0.3"), wheel("ftfy", "6.3.1"))
    requirements = [
        "clip @ git+https://user:secret@git.example/clip.git@main",
        "outlier-detector==0.0.3",
        "ftfy",
        "mine @ file:///home/me/mine",
        "archive @ https://files.example/archive-1.0.tar.gz",
    ]

    outcome = resolve(index, requirements, LINUX, project)

    message = (
        "Cannot resolve environment across architectures as it depends on local files or non-wheel packages: "
        "archive @ https://files.example/archive-1.0.tar.gz, clip @ git+https://****@git.example/clip.git@main, "
        "mine @ file:///home/me/mine, outlier-detector==0.0.3"
    )
    assert [finding.code for finding in outcome.findings] == [Code.NON_WHEEL_ACROSS_ARCHS] * 4
    assert {finding.message for finding in outcome.findings} == {message}
    assert [finding.chain for finding in outcome.findings] == [
        ("archive",), ("clip",), ("mine",), ("outlier-detector",),
    ]  # fmt: skip
    assert outcome.state.value == "blocked"
    assert "/simple/ftfy/" not in [asked.path for asked in index.log if asked.method == "GET" and "files" in asked.path]


def test_a_source_only_package_with_an_older_wheel_names_it(index: IndexServer, project: Context) -> None:
    index.add(sdist("outlier-detector", "0.0.3"), wheel("outlier-detector", "0.0.2"))

    finding = only(resolve(index, ["outlier-detector==0.0.3"], LINUX, project))

    assert finding.fix == "`outlier-detector==0.0.2` has a wheel for linux-64."


def test_a_requirement_whose_marker_does_not_hold_on_the_target_is_not_in_the_way(
    index: IndexServer, project: Context
) -> None:
    index.add(wheel("demo", "1.0"))
    requirements = ["clip @ git+https://git.example/clip.git ; sys_platform == 'darwin'", "demo"]

    assert filenames(resolve(index, requirements, LINUX, project)) == ["demo-1.0-py3-none-any.whl"]
    assert only(resolve(index, requirements, MAC, project)).code == Code.NON_WHEEL_ACROSS_ARCHS


def test_a_dependency_that_has_only_sources_is_told_with_its_chain(index: IndexServer, project: Context) -> None:
    index.add(
        wheel("app", "1.0", requires=["middle"]), wheel("middle", "1.0", requires=["legacy"]), sdist("legacy", "2.0")
    )

    finding = only(resolve(index, ["app"], LINUX, project))

    assert finding.code == Code.NON_WHEEL_ACROSS_ARCHS
    assert finding.chain == ("app", "middle", "legacy")


def test_a_wheel_gap_names_each_wheel_its_axes_and_the_last_version_that_fits(
    index: IndexServer, project: Context
) -> None:
    index.add(
        wheel("torch", "2.2.2", "cp311-none-macosx_10_9_x86_64"),
        wheel("torch", "2.4.0", "cp311-none-macosx_11_0_arm64"),
        wheel("torch", "2.4.0", "cp312-cp312-manylinux1_x86_64"),
        sdist("torch", "2.4.0"),
    )

    finding = only(resolve(index, ["torch==2.4.0"], MAC, project))

    assert finding.code == Code.WHEEL_GAP
    assert finding.package == "torch"
    assert finding.fix is not None
    assert finding.fix.startswith("`torch==2.2.2` is the last with a wheel for osx-64")
    assert [line.partition(" (")[0] for line in finding.detail] == [
        "torch-2.4.0-cp311-none-macosx_11_0_arm64.whl: arch",
        "torch-2.4.0-cp312-cp312-manylinux1_x86_64.whl: OS, Python",
    ]
    assert finding.data["sdist"] is True
    assert "source distribution" in finding.message


def test_a_gap_without_any_version_that_fits_says_where_there_are_wheels(index: IndexServer, project: Context) -> None:
    index.add(wheel("pywin32", "306", "cp311-cp311-win_amd64"))

    finding = only(resolve(index, ["pywin32==306"], LINUX, project))

    assert finding.code == Code.WHEEL_GAP
    assert finding.fix == "Ask for pywin32 only where it has wheels: win-64."


def test_a_gap_in_a_dependency_has_the_chain_from_the_root(index: IndexServer, project: Context) -> None:
    index.add(
        wheel("app", "1.0", requires=["middle>=1"]),
        wheel("middle", "1.0", requires=["gap"]),
        wheel("gap", "1.0", "cp311-cp311-win_amd64"),
    )

    finding = only(resolve(index, ["app"], LINUX, project))

    assert finding.code == Code.WHEEL_GAP
    assert finding.chain == ("app", "middle", "gap")
    assert "app → middle → gap" in finding.message


def test_wheels_that_all_need_a_newer_glibc_block_with_the_glibc_they_need(
    index: IndexServer, project: Context
) -> None:
    index.add(
        wheel("numpy", "2.4.6", "cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64"),
        wheel("numpy", "2.4.6", "cp311-cp311-manylinux_2_34_x86_64"),
        wheel("numpy", "2.2.6", "cp311-cp311-manylinux_2_17_x86_64"),
    )

    finding = only(resolve(index, ["numpy==2.4.6"], LINUX, project))

    assert finding.code == Code.GLIBC_MISMATCH
    assert "needs GLIBC 2.27 or newer, and the target has 2.26" in finding.message
    assert finding.fix is not None
    assert "`numpy==2.2.6` is the last" in finding.fix
    assert (finding.data["needs_glibc"], finding.data["has_glibc"]) == ("2.27", "2.26")


def test_a_package_that_the_glibc_holds_back_is_a_warning_with_both_versions(
    index: IndexServer, project: Context
) -> None:
    index.add(
        wheel("app", "1.0", requires=["numpy"]),
        wheel("numpy", "2.4.6", "cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64"),
        wheel("numpy", "2.2.6", "cp311-cp311-manylinux_2_17_x86_64"),
    )

    outcome = resolve(index, ["app"], LINUX, project)

    assert [package.version for package in packages(outcome)] == ["1.0", "2.2.6"]
    (held_back,) = outcome.findings
    assert (held_back.code, held_back.severity) == (Code.GLIBC_HELD_BACK, Severity.WARNING)
    assert (held_back.data["chosen"], held_back.data["newest"]) == ("2.2.6", "2.4.6")
    assert held_back.chain == ("app", "numpy")
    assert held_back.message.endswith("2.2.6 is used. Metaflow itself would pick 2.4.6.")
    assert outcome.state.value == "resolved"


def test_a_newer_version_that_another_package_rules_out_is_not_held_back_by_the_glibc(
    index: IndexServer, project: Context
) -> None:
    index.add(
        wheel("app", "1.0", requires=["numpy<2.3"]),
        wheel("numpy", "2.4.6", "cp311-cp311-manylinux_2_27_x86_64"),
        wheel("numpy", "2.2.6", "cp311-cp311-manylinux_2_17_x86_64"),
    )

    assert resolve(index, ["app"], LINUX, project).findings == ()


def test_metaflow_itself_may_stop_short_of_the_newest(index: IndexServer, project: Context) -> None:
    """What needs more than the GLIBC 2.38 that Metaflow assumes holds back both, what needs less only the target."""
    index.add(
        wheel("numpy", "3.0", "cp311-cp311-manylinux_2_39_x86_64"),
        wheel("numpy", "2.4", "cp311-cp311-manylinux_2_28_x86_64"),
        wheel("numpy", "2.2", "cp311-cp311-manylinux_2_17_x86_64"),
    )

    held_back, metaflow = resolve(index, ["numpy"], LINUX, project).findings

    assert (held_back.code, held_back.data["newest"]) == (Code.GLIBC_HELD_BACK, "3.0")
    assert "Metaflow" not in held_back.message
    assert (metaflow.code, metaflow.data["picked"]) == (Code.METAFLOW_PICKS_TOO_NEW, "2.4")


def test_metaflow_may_pick_another_wheel_of_the_same_version(index: IndexServer, project: Context) -> None:
    index.add(
        wheel("xgboost", "2.1.4", "py3-none-manylinux_2_28_x86_64"),
        wheel("xgboost", "2.1.4", "py3-none-manylinux2014_x86_64"),
    )

    outcome = resolve(index, ["xgboost"], LINUX, project)
    on_a_newer_image = resolve(index, ["xgboost"], msgspec.structs.replace(LINUX, glibc="2.28"), project)

    assert filenames(outcome) == ["xgboost-2.1.4-py3-none-manylinux2014_x86_64.whl"]
    assert [finding.code for finding in outcome.findings] == [Code.METAFLOW_PICKS_TOO_NEW]
    assert outcome.findings[0].data["wheel"] == "xgboost-2.1.4-py3-none-manylinux_2_28_x86_64.whl"
    assert on_a_newer_image.findings == ()


def test_a_version_that_does_not_exist_names_the_nearest_that_works(index: IndexServer, project: Context) -> None:
    index.add(wheel("demo", "1.0"), wheel("demo", "2.0", "cp311-cp311-win_amd64"))

    finding = only(resolve(index, ["demo==9.0"], LINUX, project))

    assert finding.code == Code.NO_SUCH_VERSION
    assert finding.fix == "`demo==1.0` is the nearest version with a wheel for linux-64 with Python 3.11."


def test_packages_and_versions_that_do_not_exist_are_all_told_at_once(index: IndexServer, project: Context) -> None:
    index.add(wheel("demo", "1.0"))

    outcome = resolve(index, ["demo==9.0", "nosuch", "neither"], LINUX, project)

    assert [(finding.code, finding.package) for finding in outcome.findings] == [
        (Code.NO_SUCH_VERSION, "demo"),
        (Code.NO_SUCH_PACKAGE, "neither"),
        (Code.NO_SUCH_PACKAGE, "nosuch"),
    ]


def test_a_dependency_that_does_not_exist_is_told_with_its_chain(index: IndexServer, project: Context) -> None:
    index.add(
        wheel("app", "1.0", requires=["nosuch>=1"]), wheel("lib", "1.0"), wheel("other", "1.0", requires=["lib==7"])
    )

    missing = only(resolve(index, ["app"], LINUX, project))
    version = only(resolve(index, ["other"], LINUX, project))

    assert (missing.code, missing.chain) == (Code.NO_SUCH_PACKAGE, ("app", "nosuch"))
    assert (version.code, version.chain) == (Code.NO_SUCH_VERSION, ("other", "lib"))


def test_a_conflict_shows_both_chains_and_the_solver_s_own_words(index: IndexServer, project: Context) -> None:
    index.add(
        wheel("left", "1.0", requires=["shared<2"]),
        wheel("right", "1.0", requires=["middle"]),
        wheel("middle", "1.0", requires=["shared>=2"]),
        wheel("shared", "1.0"),
        wheel("shared", "2.0"),
    )

    finding = only(resolve(index, ["left", "right"], LINUX, project))

    assert finding.code == Code.CONFLICT
    assert finding.package == "shared"
    assert finding.data["chains"] == [["left", "shared"], ["right", "middle", "shared"]]
    assert finding.data["specifiers"] == ["<2", ">=2"]
    assert "shared<2 (from left)" in finding.message
    assert "shared>=2 (from right → middle)" in finding.message
    assert any("incompatible" in line or "unsatisfiable" in line for line in finding.detail)


def test_requirements_of_the_request_itself_that_contradict_each_other(index: IndexServer, project: Context) -> None:
    index.add(wheel("demo", "1.0"), wheel("demo", "2.0"))

    finding = only(resolve(index, ["demo<2"], LINUX, project, constraints=("demo>=2",)))

    assert finding.code == Code.CONFLICT
    assert finding.data["specifiers"] == ["<2", ">=2"]


def test_a_package_for_other_pythons_only(index: IndexServer, project: Context) -> None:
    index.add(
        wheel("demo", "2.0", requires_python=">=3.12"),
        wheel("demo", "1.0", requires_python=">=3.8"),
        wheel("new", "1.0", requires_python=">=3.12"),
    )

    older = only(resolve(index, ["demo>=2"], LINUX, project))
    none = only(resolve(index, ["new"], LINUX, project))

    assert (older.code, none.code) == (Code.PYTHON_EXCLUDED, Code.PYTHON_EXCLUDED)
    assert older.fix is not None
    assert older.fix.startswith("`demo==1.0` is the last")
    assert none.fix == "Use a Python that is >=3.12."


def test_an_upper_bound_on_python_counts_and_patch_releases_do_too(index: IndexServer, project: Context) -> None:
    index.add(
        wheel("demo", "3.0", requires_python="<3.11"),
        wheel("demo", "2.0", requires_python=">=3.11.5"),
        wheel("demo", "1.0", requires_python="!=3.11.9"),
    )

    def version(python: str) -> str:
        outcome = resolve(index, ["demo"], msgspec.structs.replace(LINUX, python=python), project)
        return packages(outcome)[0].version

    assert [version(python) for python in ("3.10.1", "3.11.4", "3.11.5")] == ["3.0", "1.0", "2.0"]


def test_a_withdrawn_version_is_used_when_pinned_and_said_so(index: IndexServer, project: Context) -> None:
    index.add(wheel("demo", "1.0"))
    index.add(wheel("demo", "1.1"), yanked="loses data")

    newest = resolve(index, ["demo"], LINUX, project)
    pinned = resolve(index, ["demo==1.1"], LINUX, project)
    ranged = only(resolve(index, ["demo>1.0"], LINUX, project))

    assert filenames(newest) == ["demo-1.0-py3-none-any.whl"]
    assert filenames(pinned) == ["demo-1.1-py3-none-any.whl"]
    assert (pinned.findings[0].code, pinned.findings[0].severity) == (Code.YANKED, Severity.WARNING)
    assert "loses data" in pinned.findings[0].message
    assert (ranged.code, ranged.severity) == (Code.YANKED, Severity.ERROR)
    assert ranged.fix == "`demo==1.0` is the nearest version that was not."


def test_a_withdrawn_version_that_a_dependency_pins_is_used_as_pip_does(index: IndexServer, project: Context) -> None:
    index.add(wheel("app", "1.0", requires=["demo==1.1"]), wheel("demo", "1.0"))
    index.add(wheel("demo", "1.1"), yanked="")

    outcome = resolve(index, ["app"], LINUX, project)

    assert filenames(outcome) == ["app-1.0-py3-none-any.whl", "demo-1.1-py3-none-any.whl"]
    assert [finding.code for finding in outcome.findings] == [Code.YANKED]
    assert outcome.findings[0].chain == ("app", "demo")


def test_hashes_choose_the_file_or_block(index: IndexServer, project: Context) -> None:
    wanted = wheel("demo", "1.0")
    index.add(wanted, wheel("demo", "2.0"))

    fits = resolve(index, ["demo"], LINUX, project, hashes={"demo": (f"sha256:{wanted.sha256}",)})
    none = only(resolve(index, ["demo"], LINUX, project, hashes={"Demo": ("sha256:" + "0" * 64,)}))

    assert filenames(fits) == ["demo-1.0-py3-none-any.whl"]
    assert none.code == Code.HASH_MISMATCH


@pytest.mark.parametrize(
    ("filename", "fault", "code_and_words"),
    [
        ("demo-2.0-py3-none-any.whl", None, (Code.BAD_ADDRESS, "there is no such file")),
        ("demo-1.0-py3-none-any.whl", Fault(body=b"<html>log in</html>"), (Code.BAD_ADDRESS, "not a valid wheel")),
        ("other-1.0-py3-none-any.whl", None, (Code.BAD_ADDRESS, "it is a wheel of other")),
        ("demo.whl", None, (Code.BAD_ADDRESS, "is not a wheel's name")),
        ("demo-1.0-py3-none-any.whl", Fault(status=401), (Code.INDEX_REFUSES, "refuses the credentials")),
    ],
)
def test_an_address_that_does_not_give_the_wheel_is_called_what_it_is(
    index: IndexServer, project: Context, filename: str, fault: Fault | None, code_and_words: tuple[Code, str]
) -> None:
    code, words = code_and_words
    index.add(wheel("demo", "1.0"), wheel("other", "1.0"))
    index.fail(filename, fault)
    address = f"{index.url.removesuffix('/simple')}/files/{filename}?token=hush-hush"

    outcome = resolve(index, [f"demo @ {address}"], LINUX, project)

    finding = only(outcome)
    assert finding.code == code
    assert words in finding.message
    assert "package index" not in finding.message
    assert "hush-hush" not in msgspec.json.encode(outcome).decode()
    assert outcome.failed == (code == Code.INDEX_REFUSES)


def test_a_token_in_an_address_is_used_and_never_shown(index: IndexServer, project: Context) -> None:
    index.add(wheel("demo", "1.0"))
    address = f"{index.url.removesuffix('/simple')}/files/demo-1.0-py3-none-any.whl"

    outcome = resolve(index, [f"demo @ {address}?v=2&token=hush-hush"], LINUX, project)

    assert packages(outcome)[0].url == f"{address}?v=2&token=****"
    assert f"{urlsplit(address).path}?v=2&token=hush-hush" in index.log.paths()


def test_a_direct_address_of_a_wheel_is_used_where_it_fits_and_explained_where_not(
    index: IndexServer, project: Context
) -> None:
    index.add(wheel("demo", "1.0", "cp311-cp311-manylinux_2_17_x86_64", requires=["lib"]), wheel("lib", "1.0"))
    address = f"{index.url.removesuffix('/simple')}/files/demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"

    fits = resolve(index, [f"demo @ {address}"], LINUX, project)
    gap = only(resolve(index, [f"demo @ {address}"], MAC, project))

    assert [(package.name, package.requires) for package in packages(fits)] == [("demo", ("lib",)), ("lib", ())]
    assert packages(fits)[0].url == address
    assert gap.code == Code.WHEEL_GAP


@pytest.mark.parametrize("text", ["demo==1.0 !", "demo @", "=1"])
def test_a_requirement_that_is_none_is_a_finding(index: IndexServer, project: Context, text: str) -> None:
    assert only(resolve(index, [text], LINUX, project)).code == Code.BAD_REQUIREMENT
