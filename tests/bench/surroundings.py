"""What the benchmarks run in: the default index, and a cache of their own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import Kind, PypiPart, Request
from mfenvd.domain.resolver import Context
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target

PYTHON = ".".join(map(str, sys.version_info[:3]))
"""The running interpreter's version, so that its own pip can be asked the same."""


def surroundings(folder: Path) -> Surroundings:
    """This machine's, without its pip and uv configuration files."""
    environ = {
        **{name: value for name, value in Surroundings.relevant(os.environ).items() if not name.startswith("UV_")},
        "PIP_CONFIG_FILE": os.devnull,
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_CONFIG_DIRS": str(folder / "config"),
    }
    environ.pop("PIP_FIND_LINKS", None)
    return Surroundings(str(folder), sys.executable, PYTHON, environ)


def context(folder: Path) -> Context:
    return Context(
        cache_dir=str(folder / "cache"), surroundings=surroundings(folder), root=str(folder), local_arch="linux-64"
    )


def request(requirements: tuple[str, ...]) -> Request:
    return Request(Kind.PYPI, PYTHON, PypiPart(tuple(sorted(requirements))))


def four_targets() -> tuple[Target, ...]:
    """The archs that Metaflow's own documentation lists, with mfenv's defaults for GLIBC and macOS."""
    return (
        Target(Arch.LINUX_64, PYTHON, glibc="2.26"),
        Target(Arch.OSX_64, PYTHON, macos="13.0"),
        Target(Arch.OSX_ARM64, PYTHON, macos="13.0"),
        Target(Arch.WIN_64, PYTHON),
    )


def all_targets() -> tuple[Target, ...]:
    """All archs, those on Linux with several versions of GLIBC."""
    return (
        *(Target(arch, PYTHON, glibc=glibc) for arch in Arch if arch.is_linux for glibc in ("2.26", "2.17", "2.28")),
        *(Target(arch, PYTHON, macos="13.0") for arch in Arch if arch.is_macos),
        Target(Arch.WIN_64, PYTHON),
    )
