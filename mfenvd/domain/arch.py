"""Architectures, named by their conda subdir as Metaflow does."""

from __future__ import annotations

from enum import Enum


class Arch(str, Enum):
    """A conda subdir that mfenv resolves for."""

    LINUX_64 = "linux-64"
    LINUX_AARCH64 = "linux-aarch64"
    OSX_64 = "osx-64"
    OSX_ARM64 = "osx-arm64"
    WIN_64 = "win-64"

    def __str__(self) -> str:
        return self.value

    @property
    def is_linux(self) -> bool:
        return self in {Arch.LINUX_64, Arch.LINUX_AARCH64}

    @property
    def is_macos(self) -> bool:
        return self in {Arch.OSX_64, Arch.OSX_ARM64}

    @property
    def is_windows(self) -> bool:
        return self is Arch.WIN_64

    @property
    def machine(self) -> str:
        """What `platform.machine()` answers there (PEP 508 `platform_machine`)."""
        return _MACHINES[self]


_MACHINES = {
    Arch.LINUX_64: "x86_64",
    Arch.LINUX_AARCH64: "aarch64",
    Arch.OSX_64: "x86_64",
    Arch.OSX_ARM64: "arm64",
    Arch.WIN_64: "AMD64",
}
