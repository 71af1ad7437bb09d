"""What a target offers to conda packages besides other packages: its virtual packages, never the host's."""

from __future__ import annotations

from rattler import GenericVirtualPackage, PackageName, Version
from rattler.package import BuildString

from mfenvd.domain.arch import Arch
from mfenvd.domain.target import DEFAULT_GLIBC, DEFAULT_MACOS, Target

# A kernel that every image with a supported GLIBC runs on; what conda-lock assumes too.
_LINUX = "5.10"

# The oldest machine of each arch, so that no package for a newer processor is chosen.
_MICROARCHITECTURES = {
    Arch.LINUX_64: "x86_64",
    Arch.LINUX_AARCH64: "aarch64",
    Arch.OSX_64: "x86_64",
    Arch.OSX_ARM64: "arm64",
    Arch.WIN_64: "x86_64",
}


def virtual_packages(target: Target) -> tuple[GenericVirtualPackage, ...]:
    """`__glibc`, `__linux`, `__unix`, `__osx`, `__win`, `__archspec` and `__cuda` as they are on `target`.

    The names and forms are those of CEP 30. `__cuda` is there only where `target.cuda` is.
    """
    arch = target.arch
    found = [_package("__archspec", "1", _MICROARCHITECTURES[arch])]
    if arch.is_windows:
        found.append(_package("__win", "0"))
    else:
        found.append(_package("__unix", "0"))
    if arch.is_linux:
        found.append(_package("__linux", _LINUX))
        found.append(_package("__glibc", target.glibc or DEFAULT_GLIBC))
    if arch.is_macos:
        found.append(_package("__osx", target.macos or DEFAULT_MACOS))
    if target.cuda is not None:
        found.append(_package("__cuda", target.cuda))
    return tuple(found)


def _package(name: str, version: str, build: str = "0") -> GenericVirtualPackage:
    return GenericVirtualPackage(PackageName(name), Version(version), BuildString(build))
