"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mfenvd.cli.errors import HomeFolderError, IllegiblePathError, NoSuchPathError, NotAFlowError
from mfenvd.domain.legible import is_legible, legible

_REQUIREMENT_SUFFIXES = frozenset({".txt", ".lock", ".yml", ".yaml"})

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON (see docs/json.md) instead of tables.")]
VerboseFlag = Annotated[bool, typer.Option("--verbose", "-v", help="Also print every detail of each finding.")]
StrictFlag = Annotated[bool, typer.Option("--strict", help="Exit 1 for warnings too.")]
Paths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PATH", help="Flow files or folders.", show_default="the working directory"),
]
WatchedOnly = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="PATH",
        help="Only what is at or below these files or folders; a watched one need not be there.",
        show_default="everything that is watched",
    ),
]


def given_paths(paths: list[Path] | None) -> list[Path]:
    """The paths of the command line, absolute, or the working directory.

    Raises:
        NoSuchPathError: One of them does not exist.
        IllegiblePathError: The name of one of them is no text.
        NotAFlowError: One of them is a requirements file: nothing would be found in it, which reads like success.
    """
    for path in paths or ():
        if not path.exists():
            raise NoSuchPathError(path)
        if path.suffix in _REQUIREMENT_SUFFIXES and path.is_file():
            raise NotAFlowError(path)
    found = [path.absolute() for path in paths or [Path()]]
    for path in found:
        if not is_legible(str(path)):
            raise IllegiblePathError(legible(str(path)))
    return found


def given_projects(paths: list[Path] | None) -> dict[str, list[str]]:
    """The projects to watch, by root, each with the paths of the command line that lie in it.

    As `mfenv check` takes it: a path belongs to the nearest folder with mfenv.toml, pyproject.toml or .git.

    Raises:
        UsageError: As `given_paths`, and where a project would be all that the user has.
    """
    found: dict[str, list[str]] = {}
    for path in given_paths(paths):
        resolved = path.resolve()
        found.setdefault(str(root_of(resolved)), []).append(str(resolved))
    return found


def root_of(path: Path) -> Path:
    """The folder of the project that `path` (absolute) lies in.

    Raises:
        HomeFolderError: It would be all that the user has.
    """
    from mfenvd.flows.project import has_everything, project_root

    root = project_root(path)
    if has_everything(root):
        raise HomeFolderError(root)
    return root
