"""Requests as tests put them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import ChannelPriority, CondaPart, Kind, Request
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.resolve.conda.resolver import CondaResolver

LINUX = Target(Arch.LINUX_64, "3.11", glibc="2.26")
MAC = Target(Arch.OSX_ARM64, "3.11", macos="13.0")
TARGETS = (
    LINUX,
    Target(Arch.LINUX_AARCH64, "3.11", glibc="2.26"),
    Target(Arch.OSX_64, "3.11", macos="13.0"),
    MAC,
    Target(Arch.WIN_64, "3.11"),
)


def request(
    packages: Mapping[str, str], *channels: str, priority: ChannelPriority = ChannelPriority.FLEXIBLE
) -> Request:
    return Request(Kind.CONDA, "3.11", conda=CondaPart(tuple(packages.items()), channels, priority))


def context(folder: Path, environ: Mapping[str, str] | None = None, *, refresh: bool = False) -> Context:
    """Of a project in `folder`, which is the user's home too, so that nobody's own conda configuration counts."""
    surroundings = Surroundings(str(folder), environ={"HOME": str(folder), **(environ or {})})
    return Context(str(folder / "cache"), surroundings, str(folder), "linux-64", refresh=refresh)


def resolve(asked: Request, target: Target, folder: Path, environ: Mapping[str, str] | None = None) -> Outcome:
    said: list[Progress] = []
    return CondaResolver().resolve(asked, target, context(folder, environ), said.append)
