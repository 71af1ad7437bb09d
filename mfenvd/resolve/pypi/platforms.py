"""A target in uv's words: the nearest platform that uv knows and that accepts every wheel of the target."""

from __future__ import annotations

import msgspec

from mfenvd.domain.arch import Arch
from mfenvd.domain.target import DEFAULT_GLIBC, DEFAULT_MACOS, Target, version_pair

# The minor versions X of `manylinux_2_X` that `uv pip compile --python-platform` knows.
_LEVELS = (17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40)

_NAMES = {
    Arch.OSX_64: "x86_64-apple-darwin",
    Arch.OSX_ARM64: "aarch64-apple-darwin",
    Arch.WIN_64: "x86_64-pc-windows-msvc",
}


class UvPlatform(msgspec.Struct, frozen=True):
    """What to tell uv, and what uv makes of it.

    Attributes:
        name: For `--python-platform`.
        python: For `--python-version`.
        seen_as: The target whose tags uv then uses. On Linux its GLIBC is one of uv's levels, the nearest that is
            not older than the target's (the newest level for what is newer still); its Python is never
            free-threaded, as uv has no word for a free-threaded interpreter that is not here. Otherwise it is the
            target itself.
        environ: Variables to set for uv.
    """

    name: str
    python: str
    seen_as: Target
    environ: dict[str, str]


def uv_platform(target: Target) -> UvPlatform:
    """How to ask uv for `target`."""
    seen_as = msgspec.structs.replace(target, python=target.python_full)
    environ = {}
    if target.arch.is_linux:
        level = _level(target.glibc_version or version_pair(DEFAULT_GLIBC))
        seen_as = msgspec.structs.replace(seen_as, glibc=f"2.{level}")
        name = f"{target.arch.machine}-manylinux_2_{level}"
    else:
        name = _NAMES[target.arch]
    if target.arch.is_macos:
        environ["MACOSX_DEPLOYMENT_TARGET"] = target.macos or DEFAULT_MACOS
    return UvPlatform(name=name, python=target.python_full, seen_as=seen_as, environ=environ)


def _level(glibc: tuple[int, int]) -> int:
    return next((minor for minor in _LEVELS if (2, minor) >= glibc), _LEVELS[-1])
