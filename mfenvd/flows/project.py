"""The flows room's front: projects, single paths, and requirement files as plans and environments."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mfenvd.condarc.configuration import home_of, used_variables
from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Location
from mfenvd.domain.plan import Environment, Plan
from mfenvd.domain.surroundings import Surroundings
from mfenvd.flows.host import Host, this_host
from mfenvd.flows.named_environments import Asked, read_environment
from mfenvd.flows.project_context import read_context
from mfenvd.flows.requirement_file import read_requirement_file
from mfenvd.flows.settings import load_settings
from mfenvd.paths import Paths

_SETTINGS = ("mfenv.toml", "pyproject.toml")


def project_root(path: Path) -> Path:
    """The project that `path` (absolute, a file or a folder) belongs to.

    The nearest folder, itself included, with mfenv.toml, pyproject.toml or .git; without one the folder itself, or
    the file's folder. A repository that has the user's home in it (of dotfiles) is no project.
    """
    folder = path if path.is_dir() else path.parent
    homes = _with_home()
    for candidate in (folder, *folder.parents):
        marks = _SETTINGS if candidate in homes else (*_SETTINGS, ".git")
        if any((candidate / mark).exists() for mark in marks):
            return candidate
    return folder


def has_everything(root: Path) -> bool:
    """Whether all that the user has lies below `root`, and no configuration says that it is a project."""
    return root in _with_home() and not any((root / mark).exists() for mark in _SETTINGS)


def _with_home() -> frozenset[Path]:
    """The user's home and the folders above it; nothing where there is no home."""
    try:
        home = Path.home()
    except RuntimeError:
        return frozenset()
    return frozenset(folder for each in (home, home.resolve()) for folder in (each, *each.parents))


def read_paths(
    paths: Sequence[Path], surroundings: Surroundings, folders: Paths, *, host: Host | None = None
) -> tuple[Plan, ...]:
    """What was understood of each of `paths`, for commands that run once: a plan per project, limited to them.

    Args:
        paths: Files and folders; relative ones begin in the shell's folder.
        surroundings: Of the shell.
        folders: For the user's own configuration file.
        host: This machine; None means ask.

    Raises:
        FileNotFoundError: One of `paths` does not exist.
    """
    # What reads flows takes a while to import, and who asks for a requirement file needs nothing of it.
    from mfenvd.flows.project_reader import ProjectReader

    wanted: dict[Path, list[Path]] = {}
    for path in paths:
        absolute = Path(os.path.abspath(Path(surroundings.cwd, path)))  # noqa: PTH100 - `resolve` would follow links
        if not absolute.exists():
            raise FileNotFoundError(absolute)
        wanted.setdefault(project_root(absolute), []).append(absolute)
    return tuple(
        ProjectReader(root, surroundings, folders, host=host, only=() if root in only else only).read()
        for root, only in wanted.items()
    )


def variables_in(paths: Iterable[Path], environ: Mapping[str, str], folders: Paths) -> frozenset[str]:
    """Names of the environment variables (`${NAME}`) that requirement files and conda's configuration use.

    Args:
        paths: Requirement files; flows and folders mean the files that their project's configuration names.
        environ: Decides which further files they include.
        folders: For the user's own configuration file.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_file() and path.suffix != ".py":
            files[path] = None
        else:
            settings, _ = load_settings(project_root(path), folders)
            named = (file for each in settings.environments.values() for file in each.requirements)
            files.update(dict.fromkeys(map(Path, named)))
    in_files = frozenset(name for file in files for name in read_requirement_file(file, environ).variables)
    in_conda = used_variables(environ, home_of(environ))
    # What every project knows is no secret for being used.
    return in_files | (in_conda - Surroundings.relevant(dict.fromkeys(in_conda, "")).keys())


def request_from_file(  # noqa: PLR0913 - the options of one command
    files: Sequence[Path],
    packages: Sequence[str],
    python: str | None,
    *,
    archs: Sequence[Arch] = (),
    surroundings: Surroundings,
    folders: Paths,
    groups: Sequence[str] = (),
    extras: Sequence[str] = (),
    conda: Sequence[str] = (),
    channels: Sequence[str] = (),
    host: Host | None = None,
) -> Environment:
    """The environment that requirement files and packages on a command line describe.

    Args:
        files: Of any kind that mfenv reads.
        packages: PEP 508 requirements.
        python: None means what the files say, else the project's.
        archs: Empty means this machine and the configuration's archs.
        surroundings: Of the shell; relative paths begin in its folder, and its project's configuration counts.
        folders: For the user's own configuration file.
        groups: Dependency groups (PEP 735) of the files to include.
        extras: Extras of the files to include.
        conda: Conda packages as environment.yml writes them.
        channels: Conda channels by priority, before those of the files.
        host: This machine; None means ask.
    """
    cwd = Path(surroundings.cwd)
    absolute = [os.path.abspath(cwd / file) for file in files]  # noqa: PTH100 - `resolve` would follow links
    context = read_context(project_root(cwd), surroundings, folders, host or this_host())
    source = absolute[0] if absolute else str(cwd / "command line")
    asked = Asked(
        source=source,
        name=Path(source).name,
        files=tuple(absolute),
        folder=str(cwd),
        packages=tuple((package, Location(source)) for package in packages),
        conda=tuple((package, Location(source)) for package in conda),
        channels=tuple(channels),
        python=python,
        archs=tuple(archs),
        groups=tuple(groups),
        extras=tuple(extras),
    )
    return read_environment(asked, surroundings.environ, context.requests, context.targets).environment
