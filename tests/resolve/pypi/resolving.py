"""Runs the resolver against an index on loopback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import Indexes, Kind, PypiPart, Request
from mfenvd.domain.resolution import LockedPackage, Outcome
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.resolve.pypi.resolver import PypiResolver
from tests.support.index_server import IndexServer

LINUX = Target(Arch.LINUX_64, "3.11", glibc="2.26")


def context(folder: Path, *, local_arch: str = "", trusted: bool = False) -> Context:
    """For a project in `folder`; its shell has nothing but what programs need to run at all, and no patience."""
    environ = {
        "PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull, "HOME": str(folder), "UV_HTTP_RETRIES": "0",
    }  # fmt: skip
    version = ".".join(map(str, sys.version_info[:3]))
    return Context(
        cache_dir=str(folder / "cache"),
        surroundings=Surroundings(str(folder), sys.executable, version, environ),
        root=str(folder),
        local_arch=local_arch,
        trusted=trusted,
    )


def request(server: IndexServer, *requirements: str, python: str = "3.11", **part: object) -> Request:
    indexes = Indexes(index_url=server.url)
    return Request(
        Kind.PYPI,
        python,
        PypiPart(**{"requirements": tuple(sorted(requirements)), "indexes": indexes, **part}),  # type: ignore[arg-type]
    )


def resolve(
    server: IndexServer, requirements: Sequence[str], target: Target, where: Context, **part: object
) -> Outcome:
    return PypiResolver().resolve(request(server, *requirements, python=target.python, **part), target, where, ignore)


def filenames(outcome: Outcome) -> list[str]:
    return [package.filename for package in packages(outcome)]


def packages(outcome: Outcome) -> tuple[LockedPackage, ...]:
    assert outcome.resolution is not None, outcome.findings
    return outcome.resolution.packages


def ignore(progress: Progress) -> None:
    del progress
