"""What the platform part of a wheel tag asks of a machine (PEP 425, 513, 571, 599, 600, 656)."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from mfenvd.domain.arch import Arch

LINUX, MACOS, WINDOWS, ANY = "Linux", "macOS", "Windows", "any"

# PEP 600 keeps these names as aliases of a GLIBC version.
_LEGACY = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}

_LINUX = re.compile(
    r"(?P<flavour>linux|manylinux1|manylinux2010|manylinux2014|manylinux_(?P<glibc>[0-9]+_[0-9]+)|musllinux_(?P<musl>[0-9]+_[0-9]+))"
    r"_(?P<machine>.+)"
)
_MACOS = re.compile(r"macosx_(?P<version>[0-9]+_[0-9]+)_(?P<format>.+)")
_WINDOWS = {"win32": "i686", "win_amd64": "x86_64", "win_arm64": "arm64"}

# Machines that one file of a macOS binary format serves, as packaging has them.
_FORMATS = {
    "universal2": {"x86_64", "arm64"},
    "universal": {"x86_64", "i386", "ppc64", "ppc"},
    "intel": {"x86_64", "i386"},
    "fat64": {"x86_64", "ppc64"},
    "fat32": {"x86_64", "i386", "ppc"},
    "fat": {"i386", "ppc"},
}

# Two names of one instruction set.
_SAME = {"aarch64": "arm64", "amd64": "x86_64"}

_SYSTEMS = {"linux": LINUX, "osx": MACOS, "win": WINDOWS}


class Platform(msgspec.Struct, frozen=True):
    """A platform tag, taken apart.

    Attributes:
        system: `Linux`, `macOS`, `Windows`, `any`, or the tag itself when it is another one.
        machines: Instruction sets that it runs on (`x86_64`, `arm64` …); empty for `any` and for other systems.
        glibc: The oldest GLIBC that it runs with; None where it asks for none.
        musl: Likewise for musl: it does not run with GLIBC.
        macos: The oldest macOS that it runs on.
    """

    system: str
    machines: frozenset[str] = frozenset()
    glibc: tuple[int, int] | None = None
    musl: tuple[int, int] | None = None
    macos: tuple[int, int] | None = None

    @property
    def machine_names(self) -> tuple[str, ...]:
        """`machines` as that system calls them, sorted: Linux says aarch64 where others say arm64."""
        names = {"aarch64" if self.system == LINUX and name == "arm64" else name for name in self.machines}
        return tuple(sorted(names))

    def runs_on(self, arch: Arch) -> bool:
        """Whether system and instruction set are those of `arch`, whatever versions it asks for."""
        if self.system == ANY:
            return True
        return self.system == system_of(arch) and machine_of(arch) in self.machines and self.musl is None


def system_of(arch: Arch) -> str:
    return _SYSTEMS[arch.value.partition("-")[0]]


def machine_of(arch: Arch) -> str:
    """The instruction set of `arch` by the name that it has in `Platform.machines`."""
    machine = arch.machine.lower()
    return _SAME.get(machine, machine)


@lru_cache(maxsize=4096)
def parse_platform(tag: str) -> Platform:
    """`manylinux_2_28_x86_64` and the like."""
    if tag == "any":
        return Platform(ANY)
    if tag in _WINDOWS:
        return Platform(WINDOWS, frozenset({_WINDOWS[tag]}))
    linux = _LINUX.fullmatch(tag)
    if linux is not None:
        glibc = _pair(linux["glibc"]) or _LEGACY.get(linux["flavour"])
        machine = _SAME.get(linux["machine"], linux["machine"])
        return Platform(LINUX, frozenset({machine}), glibc=glibc, musl=_pair(linux["musl"]))
    macos = _MACOS.fullmatch(tag)
    if macos is not None:
        machines = _FORMATS.get(macos["format"], {macos["format"]})
        return Platform(MACOS, frozenset(machines), macos=_pair(macos["version"]))
    return Platform(tag)


def _pair(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    major, _, minor = text.partition("_")
    return int(major), int(minor)
