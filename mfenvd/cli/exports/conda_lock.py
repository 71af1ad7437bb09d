"""conda-lock.yml, for `conda-lock install` and what else reads it (micromamba, pixi)."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mfenvd.cli.errors import CannotExportError
from mfenvd.cli.exports.ordering import dependencies_first
from mfenvd.cli.exports.selection import Exported
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.verdict import Verdict
from mfenvd.paths import find_paths
from mfenvd.resolve.mixed.names import Names, known_names

if TYPE_CHECKING:
    from conda_lock.lockfile.v2prelim.models import LockedDependency, Lockfile

_HEADER = "# Written by mfenv export. Install it with: conda-lock install -n NAME conda-lock.yml\n"


def conda_lock(environment: Exported) -> str:
    """The file, for all archs of the environment, made with conda-lock's own model of it.

    Raises:
        CannotExportError: There is no conda package, or a package that the format has no room for.
    """
    if environment.kind is Kind.PYPI:
        fix = "Use `--format pylock` or `--format requirements`."
        raise CannotExportError(f"{environment.name} has no conda packages, which conda-lock.yml is for.", fix)
    for verdict in environment.verdicts:
        for package in verdict.packages:
            _check(package)
    from conda_lock.lockfile.v2prelim.models import Lockfile, LockMeta
    from conda_lock.models.channel import Channel

    names = known_names(Path(find_paths().cache))
    packages = [package for verdict in environment.verdicts for package in dependencies_first(verdict.packages)]
    channels = dict.fromkeys(package.channel for package in packages if package.channel)
    return _written(
        Lockfile(
            package=[locked for verdict in environment.verdicts for locked in _locked(verdict, names)],
            metadata=LockMeta(
                content_hash={str(one.target.arch): _content_hash(one.packages) for one in environment.verdicts},
                channels=[Channel(url=url, used_env_vars=()) for url in channels],
                platforms=[str(arch) for arch in environment.archs],
                sources=[Path(environment.verdicts[0].source).name],
            ),
        )
    )


def _locked(verdict: Verdict, names: Names) -> Iterator[LockedDependency]:
    """The packages of one arch, each after what it needs."""
    from conda_lock.lockfile.v2prelim.models import HashModel, LockedDependency

    from_conda = {package.name for package in verdict.packages if package.kind is Kind.CONDA}
    for package in dependencies_first(verdict.packages):
        conda = package.kind is Kind.CONDA
        requires = package.requires if conda else _named_as_wheels(package.requires, from_conda, names)
        yield LockedDependency(
            name=package.name,
            version=package.version,
            manager="conda" if conda else "pip",
            platform=str(verdict.target.arch),
            dependencies=dict.fromkeys(requires, ""),
            url=package.url,
            hash=HashModel(md5=package.md5, sha256=package.sha256),
            build=package.build,
            categories={"main"},
        )


def _written(content: Lockfile) -> str:
    """As conda-lock writes it, which takes the path of a file."""
    from conda_lock.lockfile import write_conda_lock_file

    with tempfile.TemporaryDirectory(prefix="mfenv-") as folder:
        file = Path(folder, "conda-lock.yml")
        write_conda_lock_file(content, file, metadata_choices=None, include_help_text=False)
        return _HEADER + file.read_text("utf-8")


def _named_as_wheels(requires: Iterable[str], from_conda: Container[str], names: Names) -> Iterator[str]:
    """What a wheel needs, by names of the index: `torch` where conda's `pytorch` brings it."""
    for name in requires:
        yield next(iter(names.on_index(name)), name) if name in from_conda else name


def _check(package: LockedPackage) -> None:
    if package.kind is Kind.CONDA and not package.md5:
        message = f"The channel gives no md5 of {package.name} {package.version}, and conda-lock.yml has to have it."
        raise CannotExportError(message, "Use `--format explicit`.")
    if package.built:
        message = f"{package.name} {package.version} is built from source, and conda-lock installs wheels alone."
        raise CannotExportError(message, "Use `--format requirements`.")


def _content_hash(packages: tuple[LockedPackage, ...]) -> str:
    """conda-lock's own is that of the sources; ours says whether the packages are the same."""
    return hashlib.sha256("\n".join(sorted(package.url for package in packages)).encode()).hexdigest()
