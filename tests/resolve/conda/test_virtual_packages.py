from __future__ import annotations

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.target import Target
from mfenvd.resolve.conda.virtual_packages import virtual_packages


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (
            Target(Arch.LINUX_64, "3.11", glibc="2.26"),
            {"__archspec=1=x86_64", "__unix=0=0", "__linux=5.10=0", "__glibc=2.26=0"},
        ),
        (
            Target(Arch.LINUX_AARCH64, "3.11", glibc="2.34", cuda="12.4"),
            {"__archspec=1=aarch64", "__unix=0=0", "__linux=5.10=0", "__glibc=2.34=0", "__cuda=12.4=0"},
        ),
        (Target(Arch.OSX_64, "3.11", macos="12.0"), {"__archspec=1=x86_64", "__unix=0=0", "__osx=12.0=0"}),
        (Target(Arch.OSX_ARM64, "3.11", macos="14.2"), {"__archspec=1=arm64", "__unix=0=0", "__osx=14.2=0"}),
        (Target(Arch.WIN_64, "3.11"), {"__archspec=1=x86_64", "__win=0=0"}),
    ],
    ids=lambda value: str(value) if isinstance(value, Target) else "",
)
def test_a_target_has_what_its_system_has(target: Target, expected: set[str]) -> None:
    assert {str(package) for package in virtual_packages(target)} == expected


def test_a_target_that_says_nothing_has_the_defaults() -> None:
    assert "__glibc=2.26=0" in map(str, virtual_packages(Target(Arch.LINUX_64, "3.11")))
    assert "__osx=13.0=0" in map(str, virtual_packages(Target(Arch.OSX_ARM64, "3.11")))
