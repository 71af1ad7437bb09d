"""A conda channel and an index that know of each other's packages, and the resolver between them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import CondaPart, Indexes, Kind, MixedSolver, PypiPart, Request
from mfenvd.domain.resolution import LockedPackage, Outcome
from mfenvd.domain.resolver import Context
from mfenvd.domain.target import Target
from mfenvd.resolve.conda.resolver import CondaResolver
from mfenvd.resolve.mixed.resolver import MixedResolver
from tests.resolve.pypi.resolving import ignore
from tests.support.conda_channel import package, repodata_of, write_repodata
from tests.support.index_server import IndexServer

PYTHON = "3.11.9"
LINUX = Target(Arch.LINUX_64, "3.11", glibc="2.28")
MAC = Target(Arch.OSX_ARM64, "3.11", macos="13.0")

SUBDIRS = ("linux-64", "osx-arm64")


def channel_packages() -> list[dict[str, Any]]:
    """Python with pip, and packages that are called otherwise on an index, or are something else there."""
    found = [
        package("pip", "24.0", depends=("python >=3.8",), noarch="python"),
        package("dask-core", "2.0", depends=("python >=3.8",), noarch="python"),
        package("dask", "2.0", depends=("python >=3.8", "dask-core 2.0"), noarch="python"),
        package("seaborn", "0.13", depends=("python >=3.8", "numpy"), noarch="python"),
    ]
    for subdir in SUBDIRS:
        found += [
            package("python", PYTHON, subdir=subdir, build="h0_cpython"),
            package("xxhash", "0.8.2", subdir=subdir),
            *(
                package("numpy", version, subdir=subdir, build="py311_0", depends=("python >=3.11,<3.12.0a0",))
                for version in ("1.26.4", "2.1.0")
            ),
            package("pytorch", "2.1.0", subdir=subdir, build="py311_0", depends=("python >=3.11,<3.12.0a0", "numpy")),
        ]
    return found


def write_channel(folder: Path) -> str:
    """Makes `folder` the channel; returns its URL."""
    return write_repodata(folder, repodata_of(*channel_packages())).as_uri()


def request(
    channel: str,
    index: IndexServer,
    conda: Sequence[tuple[str, str]],
    wheels: Sequence[str],
    solver: MixedSolver = MixedSolver.UV,
) -> Request:
    return Request(
        Kind.MIXED,
        "3.11",
        PypiPart(tuple(sorted(wheels)), indexes=Indexes(index_url=index.url)),
        CondaPart(tuple(sorted(conda)), (channel,)),
        solver,
    )


def resolve(asked: Request, target: Target, where: Context) -> Outcome:
    return MixedResolver(CondaResolver()).resolve(asked, target, where, ignore)


def packages(outcome: Outcome) -> tuple[LockedPackage, ...]:
    assert outcome.resolution is not None, outcome.findings
    return outcome.resolution.packages


def wheels(outcome: Outcome) -> list[str]:
    """Filenames."""
    return [one.filename for one in packages(outcome) if one.kind is Kind.PYPI]


def from_conda(outcome: Outcome) -> list[str]:
    """Names."""
    return [one.name for one in packages(outcome) if one.kind is Kind.CONDA]
