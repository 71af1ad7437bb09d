"""conda-lock.yml, for `conda-lock install` and what else reads it (micromamba, pixi)."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from mfenvd.cli.errors import CannotExportError
from mfenvd.cli.exports.ordering import dependencies_first
from mfenvd.cli.exports.selection import Exported
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.paths import find_paths
from mfenvd.resolve.mixed.names import Names, known_names

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
    from conda_lock.lockfile import write_conda_lock_file
    from conda_lock.lockfile.v2prelim.models import HashModel, LockedDependency, Lockfile, LockMeta
    from conda_lock.models.channel import Channel

    dependencies = []
    channels: dict[str, None] = {}
    hashes = {str(verdict.target.arch): _content_hash(verdict.packages) for verdict in environment.verdicts}
    names = known_names(Path(find_paths().cache))
    for verdict in environment.verdicts:
        from_conda = {package.name for package in verdict.packages if package.kind is Kind.CONDA}
        for package in dependencies_first(verdict.packages):
            conda = package.kind is Kind.CONDA
            if package.channel:
                channels.setdefault(package.channel)
            dependencies.append(
                LockedDependency(
                    name=package.name,
                    version=package.version,
                    manager="conda" if conda else "pip",
                    platform=str(verdict.target.arch),
                    dependencies=dict.fromkeys(
                        package.requires if conda else _named_as_wheels(package.requires, from_conda, names), ""
                    ),
                    url=package.url,
                    hash=HashModel(md5=package.md5, sha256=package.sha256),
                    build=package.build,
                    categories={"main"},
                )
            )
    content = Lockfile(
        package=dependencies,
        metadata=LockMeta(
            content_hash=hashes,
            channels=[Channel(url=url, used_env_vars=()) for url in channels],
            platforms=[str(arch) for arch in environment.archs],
            sources=[Path(environment.verdicts[0].source).name],
        ),
    )
    handle, name = tempfile.mkstemp(prefix="mfenv-", suffix=".yml")
    os.close(handle)
    try:
        write_conda_lock_file(content, Path(name), metadata_choices=None, include_help_text=False)
        return _HEADER + Path(name).read_text("utf-8")
    finally:
        Path(name).unlink()


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
