"""Why a wheel does not fit, held against packaging's own tags."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.utils import parse_wheel_filename

from mfenvd.domain.arch import Arch
from mfenvd.domain.tags import wheel_tags
from mfenvd.domain.target import Target
from mfenvd.resolve.explain import (
    Axis,
    archs_with_wheels,
    fits,
    glibc_needed,
    macos_needed,
    nearest_version,
    rejection,
    rejections,
)
from mfenvd.resolve.index.files import DistFile, recognize

TARGETS = (
    Target(Arch.LINUX_64, "3.11", glibc="2.26"),
    Target(Arch.LINUX_64, "3.9", glibc="2.17"),
    Target(Arch.LINUX_64, "3.7", glibc="2.35"),
    Target(Arch.LINUX_AARCH64, "3.12", glibc="2.28"),
    Target(Arch.OSX_64, "3.11", macos="13.0"),
    Target(Arch.OSX_64, "3.8", macos="10.15"),
    Target(Arch.OSX_ARM64, "3.13", macos="14.2"),
    Target(Arch.WIN_64, "3.10"),
    Target(Arch.LINUX_64, "3.13t", glibc="2.34"),
)

INTERPRETERS = ("py2", "py3", "py311", "py313", "cp37", "cp39", "cp311", "cp313", "cp314", "pp39", "cp3", "graalpy311")
ABIS = ("none", "abi3", "cp37m", "cp39", "cp311", "cp313", "cp313t", "cp314", "cp311d", "pypy39_pp73")
PLATFORMS = (
    "any", "linux_x86_64", "manylinux1_x86_64", "manylinux2010_x86_64", "manylinux2014_x86_64",
    "manylinux2014_aarch64", "manylinux_2_4_x86_64", "manylinux_2_17_x86_64", "manylinux_2_27_x86_64",
    "manylinux_2_28_aarch64", "manylinux_2_35_x86_64", "manylinux_2_17_i686", "manylinux_2_17_ppc64le",
    "musllinux_1_2_x86_64", "macosx_10_9_x86_64", "macosx_10_9_intel", "macosx_10_9_universal2",
    "macosx_11_0_arm64", "macosx_11_1_arm64", "macosx_14_0_arm64", "macosx_14_0_x86_64", "macosx_15_0_universal2",
    "win32", "win_amd64", "win_arm64", "android_21_x86_64", "wasm32", "odd_platform_7",
)  # fmt: skip


def wheel_file(
    tags: str, version: str = "1.0", requires_python: str | None = None, yanked: str | None = None
) -> DistFile:
    return _file(f"demo-{version}-{tags}.whl", requires_python, yanked)


def _file(filename: str, requires_python: str | None = None, yanked: str | None = None) -> DistFile:
    known = recognize(filename, "demo")
    assert known is not None
    return DistFile(
        name="demo",
        version=known[1],
        filename=filename,
        url=f"https://files.test/{filename}",
        kind=known[0],
        index="https://index.test",
        requires_python=requires_python,
        yanked=yanked,
    )


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_every_tag_fits_exactly_when_packaging_says_so_and_is_rejected_with_a_reason_otherwise(target: Target) -> None:
    accepted = frozenset(wheel_tags(target))
    fitting = 0
    for parts in itertools.product(INTERPRETERS, ABIS, PLATFORMS):
        file = wheel_file("-".join(parts))
        _, _, _, tags = parse_wheel_filename(file.filename)
        expected = not tags.isdisjoint(accepted)
        assert fits(file, target) == expected, file.filename
        reason = rejection(file, target)
        assert (reason is None) == expected, reason
        if reason is not None:
            assert reason.axes
            assert all(reason.needs.split(", ")), reason
        fitting += expected
    assert fitting >= 3


_sets = st.tuples(
    st.lists(st.sampled_from(INTERPRETERS), min_size=1, max_size=2, unique=True),
    st.lists(st.sampled_from(ABIS), min_size=1, max_size=2, unique=True),
    st.lists(st.sampled_from(PLATFORMS), min_size=1, max_size=3, unique=True),
).map(lambda parts: "-".join(".".join(part) for part in parts))


@given(_sets, st.sampled_from(TARGETS), st.sampled_from([None, ">=3.11", "<3.10", "==3.9.*", ">=3.11.9", "not valid"]))
def test_compressed_tags_and_requires_python_count_together(
    tags: str, target: Target, requires_python: str | None
) -> None:
    file = wheel_file(tags, requires_python=requires_python)
    _, _, _, parsed = parse_wheel_filename(file.filename)
    admitted = requires_python in {None, "not valid"} or SpecifierSet(requires_python or "").contains(
        target.python_full
    )
    expected = admitted and not parsed.isdisjoint(wheel_tags(target))
    assert fits(file, target) == expected
    assert (rejection(file, target) is None) == expected
    if not admitted:
        assert Axis.PYTHON in rejections([file], target)[0].axes


LINUX = Target(Arch.LINUX_64, "3.11", glibc="2.26")
ARM_MAC = Target(Arch.OSX_ARM64, "3.11", macos="13.0")


@pytest.mark.parametrize(
    ("target", "tags", "axes", "needs"),
    [
        (LINUX, "cp312-cp312-manylinux_2_17_x86_64", {Axis.PYTHON}, "Python 3.12"),
        (LINUX, "cp312-abi3-manylinux_2_17_x86_64", {Axis.PYTHON}, "Python 3.12 or newer"),
        (LINUX, "py2-none-any", {Axis.PYTHON}, "Python 2"),
        (LINUX, "py312-none-any", {Axis.PYTHON}, "Python 3.12"),
        (LINUX, "pp311-pypy311_pp73-manylinux_2_17_x86_64", {Axis.PYTHON}, "PyPy 3.11"),
        (LINUX, "cp311-cp311t-manylinux_2_17_x86_64", {Axis.ABI}, "a free-threaded Python"),
        (Target(Arch.LINUX_64, "3.13t", glibc="2.28"), "cp313-cp313-linux_x86_64", {Axis.ABI}, "a Python with the GIL"),
        (Target(Arch.LINUX_64, "3.13t", glibc="2.28"), "cp39-abi3-linux_x86_64", {Axis.ABI}, "a Python with the GIL"),
        (LINUX, "cp311-cp311d-linux_x86_64", {Axis.ABI}, "the ABI cp311d"),
        (LINUX, "cp311-cp311-manylinux_2_17_aarch64", {Axis.ARCH}, "aarch64"),
        (LINUX, "cp311-cp311-linux_i686", {Axis.ARCH}, "i686"),
        (LINUX, "cp311-cp311-win_amd64", {Axis.OS}, "Windows"),
        (LINUX, "cp311-cp311-macosx_10_9_x86_64", {Axis.OS}, "macOS"),
        (LINUX, "cp311-cp311-macosx_11_0_arm64", {Axis.OS, Axis.ARCH}, "macOS, arm64"),
        (LINUX, "cp311-cp311-manylinux_2_28_x86_64", {Axis.GLIBC}, "GLIBC 2.28"),
        (LINUX, "cp311-cp311-manylinux_2_34_x86_64.manylinux_2_28_x86_64", {Axis.GLIBC}, "GLIBC 2.28"),
        (LINUX, "cp312-cp312-manylinux_2_28_x86_64", {Axis.PYTHON, Axis.GLIBC}, "Python 3.12, GLIBC 2.28"),
        (LINUX, "cp311-cp311-musllinux_1_2_x86_64", {Axis.LIBC}, "musl 1.2"),
        (LINUX, "cp311-cp311-any", {Axis.ABI}, "the tag cp311-cp311-any"),
        (Target(Arch.LINUX_64, "3.11"), "py3-none-manylinux_2_27_x86_64", {Axis.GLIBC}, "GLIBC 2.27"),
        (Target(Arch.LINUX_AARCH64, "3.11", glibc="2.17"), "py3-none-manylinux1_x86_64", {Axis.ARCH}, "x86_64"),
        (ARM_MAC, "cp311-cp311-macosx_14_0_arm64", {Axis.MACOS}, "macOS 14.0"),
        (ARM_MAC, "cp311-cp311-macosx_14_0_universal2", {Axis.MACOS}, "macOS 14.0"),
        (ARM_MAC, "cp311-cp311-macosx_10_9_x86_64", {Axis.ARCH}, "x86_64"),
        (ARM_MAC, "cp311-cp311-macosx_11_1_arm64", {Axis.OS}, "a platform macosx_11_1_arm64"),
        (Target(Arch.WIN_64, "3.11"), "cp311-cp311-win32", {Axis.ARCH}, "i686"),
        (Target(Arch.WIN_64, "3.11"), "cp311-cp311-win_arm64", {Axis.ARCH}, "arm64"),
    ],
)
def test_each_axis_is_told_with_what_would_fit(target: Target, tags: str, axes: set[Axis], needs: str) -> None:
    reason = rejection(wheel_file(tags), target)
    assert reason is not None
    assert (set(reason.axes), reason.needs) == (axes, needs)


def test_the_needed_floor_is_a_value() -> None:
    (glibc,) = rejections([wheel_file("cp311-cp311-manylinux_2_28_x86_64")], LINUX)
    (macos,) = rejections([wheel_file("cp311-cp311-macosx_14_0_arm64")], ARM_MAC)
    assert (glibc.glibc, glibc.macos, macos.glibc, macos.macos) == ((2, 28), None, None, (14, 0))
    assert str(glibc) == "demo-1.0-cp311-cp311-manylinux_2_28_x86_64.whl: GLIBC (needs GLIBC 2.28)"
    (python,) = rejections([wheel_file("cp312-cp312-manylinux_2_17_x86_64")], LINUX)
    assert python.glibc is None


def test_source_distributions_fit_nothing_and_are_not_explained() -> None:
    source = _file("demo-1.0.tar.gz")
    assert not fits(source, LINUX)
    assert rejections([source], LINUX) == ()


@pytest.mark.parametrize(
    ("tags", "glibc"),
    [
        ("cp311-cp311-manylinux_2_28_x86_64", (2, 28)),
        ("cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64", (2, 27)),
        ("cp311-cp311-manylinux_2_5_x86_64.manylinux1_x86_64", (2, 5)),
        ("cp311-cp311-manylinux2010_x86_64.manylinux2014_x86_64", (2, 12)),
        ("cp311-cp311-manylinux2014_x86_64.musllinux_1_1_x86_64", (2, 17)),
        ("cp311-cp311-linux_x86_64", None),
        ("cp311-cp311-musllinux_1_1_x86_64", None),
        ("cp311-cp311-win_amd64", None),
        ("py3-none-any", None),
        ("py3-none-any.manylinux_2_28_x86_64", None),
    ],
)
def test_the_lowest_glibc_of_several_tags_is_what_a_wheel_needs(tags: str, glibc: tuple[int, int] | None) -> None:
    assert glibc_needed(wheel_file(tags)) == glibc


@given(st.integers(17, 40), st.integers(17, 40))
def test_a_wheel_fits_from_the_glibc_that_it_needs(needed: int, own: int) -> None:
    file = wheel_file(f"cp311-cp311-manylinux_2_{needed}_x86_64")
    assert fits(file, Target(Arch.LINUX_64, "3.11", glibc=f"2.{own}")) == (needed <= own)


def test_floors_can_be_asked_for_one_arch() -> None:
    file = wheel_file("cp311-cp311-manylinux_2_28_aarch64.manylinux_2_17_x86_64")
    assert glibc_needed(file, Arch.LINUX_AARCH64) == (2, 28)
    assert glibc_needed(file, Arch.LINUX_64) == (2, 17)
    assert macos_needed(wheel_file("cp311-cp311-macosx_11_0_universal2"), Arch.OSX_64) == (11, 0)
    assert macos_needed(file) is None


def test_archs_with_wheels_do_not_ask_for_versions() -> None:
    files = [
        wheel_file("cp37-cp37m-manylinux_2_39_x86_64"),
        wheel_file("cp311-cp311-macosx_15_0_universal2"),
        wheel_file("cp311-cp311-musllinux_1_2_aarch64"),
        _file("demo-1.0.tar.gz"),
    ]
    assert archs_with_wheels(files) == (Arch.LINUX_64, Arch.OSX_64, Arch.OSX_ARM64)
    assert archs_with_wheels([wheel_file("py3-none-any")]) == tuple(Arch)
    assert archs_with_wheels([]) == ()


MAC = Target(Arch.OSX_64, "3.11", macos="13.0")
_HISTORY = [
    *(wheel_file("cp311-cp311-macosx_10_9_x86_64", version) for version in ("2.0.0", "2.1.0", "2.2.0", "2.2.2")),
    wheel_file("cp311-cp311-macosx_10_9_x86_64", "2.2.3rc1"),
    wheel_file("cp311-cp311-macosx_10_9_x86_64", "2.2.9", yanked="broken"),
    *(wheel_file("cp311-cp311-manylinux_2_17_x86_64", version) for version in ("2.2.2", "2.3.0", "2.4.0")),
    _file("demo-2.2.5.tar.gz"),
]


@pytest.mark.parametrize(
    ("specifier", "nearest"),
    [
        (None, "2.2.2"),
        ("==2.4.0", "2.2.2"),
        (">=2.3", "2.2.2"),
        ("==2.1.5", "2.1.0"),
        ("==1.0", "2.0.0"),
        ("<2", "2.0.0"),
        ("==2.1.*", "2.1.0"),
        ("==9.*", "2.2.2"),
        ("==2.2.9", "2.2.2"),
        ("==2.2.5", "2.2.2"),
        ("<2.2,>=2", "2.1.0"),
    ],
)
def test_the_nearest_version_with_a_fitting_wheel_is_named(specifier: str | None, nearest: str) -> None:
    assert nearest_version(_HISTORY, specifier, MAC) == nearest


def test_a_pre_release_is_named_only_when_there_is_nothing_else() -> None:
    only = [file for file in _HISTORY if file.parsed_version.is_prerelease]
    assert nearest_version(only, None, MAC) == "2.2.3rc1"


def test_without_any_fitting_wheel_there_is_none() -> None:
    assert nearest_version(_HISTORY, None, Target(Arch.WIN_64, "3.11")) is None
    assert nearest_version([], "==1.0", MAC) is None


@given(st.lists(st.sampled_from(_HISTORY), max_size=6), st.sampled_from([None, "==2.4.0", ">=2.1", "<2.2", "==7"]))
def test_the_nearest_version_fits_and_is_the_newest_allowed_one_where_there_is_one(
    files: list[DistFile], specifier: str | None
) -> None:
    fitting = {file.parsed_version for file in files if fits(file, MAC) and file.yanked is None}
    nearest = nearest_version(files, specifier, MAC)
    assert (nearest is None) == (not fitting)
    final = {version for version in fitting if not version.is_prerelease} or fitting
    allowed = {version for version in final if SpecifierSet(specifier or "").contains(version, prereleases=True)}
    if allowed:
        assert nearest == str(max(allowed))
