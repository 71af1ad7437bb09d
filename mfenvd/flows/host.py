"""This machine, as far as targets depend on it; a value, so that tests can be on any other machine."""

from __future__ import annotations

import platform

import msgspec

from mfenvd.domain.arch import Arch
from mfenvd.domain.markers import host_arch


class Host(msgspec.Struct, frozen=True):
    """A machine.

    Attributes:
        arch: Its conda subdir; None when mfenv knows none for it.
        python: Version of the Python that runs mfenv, as `3.11.7`.
        glibc: Its GLIBC as `2.36`; None off Linux and on Linux with another libc.
        macos: Its macOS as `14.5`; None elsewhere.
    """

    arch: Arch | None
    python: str
    glibc: str | None = None
    macos: str | None = None


def this_host() -> Host:
    """The machine that mfenv runs on."""
    system = platform.system()
    libc, version = platform.libc_ver() if system == "Linux" else ("", "")
    return Host(
        arch=host_arch(system, platform.machine()),
        python=platform.python_version(),
        glibc=_pair(version) if libc == "glibc" else None,
        macos=_pair(platform.mac_ver()[0]) if system == "Darwin" else None,
    )


def _pair(version: str) -> str | None:
    """`14.5` for `14.5.1`, `15.0` for `15`; None for an empty answer."""
    major, _, rest = version.partition(".")
    return f"{major}.{rest.partition('.')[0] or 0}" if major else None
