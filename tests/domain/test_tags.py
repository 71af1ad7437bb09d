import platform
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import Tag, sys_tags

from mfenvd.domain.arch import Arch
from mfenvd.domain.markers import host_arch, marker_environment
from mfenvd.domain.tags import best_rank, platform_tags, tag_ranks, wheel_tags
from mfenvd.domain.target import Target

HOST_GLIBC = platform.libc_ver()[1] if platform.libc_ver()[0] == "glibc" else None

glibcs = st.integers(5, 45).map(lambda minor: f"2.{minor}")
linux_targets = st.builds(
    Target,
    arch=st.sampled_from([Arch.LINUX_64, Arch.LINUX_AARCH64]),
    python=st.sampled_from(["3.7", "3.8", "3.11", "3.13", "3.13t"]),
    glibc=glibcs,
)


@pytest.mark.skipif(HOST_GLIBC is None, reason="this machine's libc is not GLIBC")
def test_tags_of_this_machine_as_a_target_equal_what_packaging_reads_off_it() -> None:
    arch = host_arch(platform.system(), platform.machine())
    assert arch is not None
    target = Target(arch, "{}.{}".format(*sys.version_info), glibc=HOST_GLIBC)
    assert list(wheel_tags(target)) == list(sys_tags())


@pytest.mark.skipif(HOST_GLIBC is None, reason="this machine's libc is not GLIBC")
def test_markers_of_this_machine_as_a_target_equal_what_packaging_reads_off_it() -> None:
    from packaging.markers import default_environment

    arch = host_arch(platform.system(), platform.machine())
    assert arch is not None
    ours = marker_environment(Target(arch, platform.python_version(), glibc=HOST_GLIBC))
    host = default_environment()
    not_knowable = {"platform_release", "platform_version"}
    assert {k: v for k, v in ours.items() if k not in not_knowable} == {
        k: v for k, v in host.items() if k not in not_knowable
    }


@given(linux_targets)
def test_no_manylinux_tag_is_newer_than_the_targets_glibc(target: Target) -> None:
    assert target.glibc_version is not None
    levels = [int(p.split("_")[2]) for p in platform_tags(target) if p.startswith("manylinux_2_")]
    assert all(level <= target.glibc_version[1] for level in levels)
    assert levels == sorted(levels, reverse=True)


@given(linux_targets)
def test_ranks_order_the_tags_as_listed(target: Target) -> None:
    ranks = tag_ranks(target)
    first_places: dict[Tag, int] = {}
    for place, tag in enumerate(wheel_tags(target)):
        first_places.setdefault(tag, place)
    assert ranks == first_places


@given(linux_targets, st.data())
def test_a_newer_glibc_accepts_whatever_an_older_one_does(target: Target, data: st.DataObject) -> None:
    newer = Target(target.arch, target.python, glibc=data.draw(glibcs))
    assert target.glibc_version is not None
    assert newer.glibc_version is not None
    older, newer = sorted((target, newer), key=lambda t: t.glibc_version or (0, 0))
    assert set(wheel_tags(older)) <= set(wheel_tags(newer))


@pytest.mark.parametrize(
    ("target", "wanted", "unwanted"),
    [
        (Target(Arch.OSX_ARM64, "3.11", macos="13.0"), "macosx_11_0_arm64", "macosx_14_0_arm64"),
        (Target(Arch.OSX_64, "3.11", macos="13.0"), "macosx_10_9_universal2", "macosx_11_0_arm64"),
        (Target(Arch.WIN_64, "3.11"), "win_amd64", "win32"),
        (Target(Arch.LINUX_64, "3.11", glibc="2.26"), "manylinux2014_x86_64", "manylinux_2_27_x86_64"),
        (Target(Arch.LINUX_AARCH64, "3.11", glibc="2.26"), "manylinux2014_aarch64", "manylinux2010_aarch64"),
    ],
)
def test_platforms_of_a_foreign_target_do_not_depend_on_this_machine(
    target: Target, wanted: str, unwanted: str
) -> None:
    assert best_rank([Tag("cp311", "cp311", wanted)], target) is not None
    assert best_rank([Tag("cp311", "cp311", unwanted)], target) is None


def test_a_free_threaded_python_does_not_take_wheels_of_the_ordinary_abi() -> None:
    target = Target(Arch.LINUX_64, "3.13t", glibc="2.28")
    assert best_rank([Tag("cp313", "cp313t", "manylinux_2_28_x86_64")], target) is not None
    assert best_rank([Tag("cp313", "cp313", "manylinux_2_28_x86_64")], target) is None
    assert best_rank([Tag("py3", "none", "any")], target) is not None


def test_markers_of_a_linux_target_are_linuxs_on_any_host() -> None:
    environment = marker_environment(Target(Arch.LINUX_64, "3.9", glibc="2.26"))
    assert environment["sys_platform"] == "linux"
    assert environment["platform_system"] == "Linux"
    assert environment["platform_machine"] == "x86_64"
    assert environment["python_full_version"] == "3.9.0"
