from __future__ import annotations

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.glibc import Need, deciding, images_with, needs, outlooks, wheel_glibc
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.target import Target

BATCH = Target(Arch.LINUX_64, "3.11", glibc="2.26")
MAC = Target(Arch.OSX_ARM64, "3.11", macos="13.0")


def wheel(name: str, version: str, tags: str) -> LockedPackage:
    return LockedPackage(name, version, f"{name}-{version}-{tags}.whl", f"https://index.example/{name}.whl")


NUMPY = wheel("numpy", "2.3.1", "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64")
SCIPY = wheel("scipy", "1.9.0", "cp311-cp311-manylinux_2_24_x86_64")
PURE = wheel("idna", "3.10", "py3-none-any")
HELD_BACK = Finding(
    Code.GLIBC_HELD_BACK, Severity.WARNING, "", package="pyarrow",
    data={"chosen": "17.0.0", "newest": "21.0.0", "needs_glibc": "2.28", "has_glibc": "2.26"},
)  # fmt: skip
MISSING = Finding(
    Code.GLIBC_MISMATCH, Severity.ERROR, "", package="torch",
    data={
        "nearest": None, "needs_glibc": "2.34", "has_glibc": "2.26",
        "wheels": [{"filename": "torch-9.0-cp311-cp311-manylinux_2_34_x86_64.whl", "axes": ["GLIBC"]}],
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("filename", "arch", "level"),
    [
        (NUMPY.filename, Arch.LINUX_64, (2, 17)),
        ("a-1-cp311-cp311-manylinux1_x86_64.manylinux_2_28_x86_64.whl", Arch.LINUX_64, (2, 5)),
        ("a-1-cp311-cp311-manylinux_2_28_aarch64.manylinux_2_17_x86_64.whl", Arch.LINUX_AARCH64, (2, 28)),
        ("a-1-cp311-cp311-linux_x86_64.whl", Arch.LINUX_64, None),
        (PURE.filename, Arch.LINUX_64, None),
        ("a-1-cp311-cp311-musllinux_1_2_x86_64.whl", Arch.LINUX_64, None),
        ("numpy-2.3.1-py311h64a7726_0.conda", Arch.LINUX_64, None),
    ],
)
def test_a_wheels_name_says_which_glibc_it_needs(filename: str, arch: Arch, level: tuple[int, int] | None) -> None:
    assert wheel_glibc(filename, arch) == level


def test_what_is_chosen_and_what_is_not_stand_on_one_scale_the_most_demanding_first() -> None:
    found = needs((PURE, NUMPY, SCIPY), (HELD_BACK, MISSING), BATCH)
    assert found == (
        Need("torch", "9.0", (2, 34), chosen=False),
        Need("pyarrow", "21.0.0", (2, 28), chosen=False, instead="17.0.0"),
        Need("scipy", "1.9.0", (2, 24)),
        Need("numpy", "2.3.1", (2, 17)),
    )
    assert deciding(found) == found[2]


def test_findings_about_something_else_and_other_systems_ask_for_nothing() -> None:
    other = Finding(Code.WHEEL_GAP, Severity.ERROR, "", package="torch", data={"nearest": "2.2.2"})
    assert needs((PURE,), (other,), BATCH) == ()
    assert needs((NUMPY,), (), MAC) == ()
    assert deciding(()) is None
    assert outlooks((), MAC) == ()


def test_another_image_is_told_where_it_changes_something_and_no_further_away_than_need_be() -> None:
    found = needs((NUMPY, SCIPY), (HELD_BACK, MISSING), BATCH)
    torch, pyarrow, scipy, numpy = found
    told = {outlook.level: outlook for outlook in outlooks(found, BATCH)}
    assert sorted(told) == [(2, 12), (2, 23), (2, 28), (2, 34)]
    assert told[2, 12].breaks == (scipy, numpy)
    assert told[2, 23].breaks == (scipy,)
    assert (told[2, 28].breaks, told[2, 28].mends) == ((), (pyarrow,))
    assert told[2, 34].mends == (torch, pyarrow)
    assert told[2, 28].images == ("Debian 10", "RHEL 8", "Ubuntu 18.10")  # the long-lived first


def test_releases_of_an_image_are_named_by_their_glibc() -> None:
    assert "Amazon Linux 2" in images_with((2, 26))
    assert images_with((9, 9)) == ()
