"""Which files of a folder concern mfenv: a walk that honours .gitignore as git does."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import chain
from pathlib import Path

from pathspec import GitIgnoreSpec

from mfenvd.domain.legible import is_legible

_NEVER = frozenset(
    {
        ".git", ".hg", ".svn", ".bzr", "node_modules", "bower_components", "__pycache__", "site-packages",
        ".metaflow", ".metaflow_spin", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis",
        ".ipynb_checkpoints", ".eggs", ".pixi", ".terraform",
    }
)  # fmt: skip
_OUTSIDE_MARKS = frozenset({"pyvenv.cfg", "conda-meta", "CACHEDIR.TAG"})
"""What environments and caches have in them, whatever they are called."""

_SCRIPT_NAMES = re.compile(
    r"(?:gnu)?makefile|\.?justfile|taskfile(?:\.dist)?\.ya?ml|package\.json|pyproject\.toml|pixi\.toml|procfile"
    r"|jenkinsfile.*|buildspec.*\.ya?ml|\.gitlab-ci.*\.ya?ml|.*\.gitlab-ci\.ya?ml|azure-pipelines.*\.ya?ml"
    r"|bitbucket-pipelines\.yml|cloudbuild\.ya?ml|\.drone\.yml|\.travis\.yml|appveyor\.yml"
    r"|.*\.(?:sh|bash|zsh|mk|mak|just|jenkinsfile)",
    re.IGNORECASE,
)
_CI_FOLDERS = (".github", ".gitlab", ".circleci", ".buildkite", ".woodpecker", ".forgejo", ".gitea")
_LARGEST_IGNORE_FILE = 1 << 20
_YAML = (".yml", ".yaml")


class FileKind(Enum):
    """What a file may hold."""

    PYTHON = "python"
    SCRIPT = "script"
    SETTINGS = "settings"


def kind_of(relative: str) -> FileKind | None:
    """The kind of the file at `relative` (to the project's folder, with `/`) by its name; None for all others."""
    name = relative.rpartition("/")[2]
    if name.endswith(".py"):
        return FileKind.PYTHON
    if name == "mfenv.toml":
        return FileKind.SETTINGS
    if _SCRIPT_NAMES.fullmatch(name):
        return FileKind.SCRIPT
    if name.endswith(_YAML) and any(f"/{folder}/" in f"/{relative}" for folder in _CI_FOLDERS):
        return FileKind.SCRIPT
    return None


class Discovery:
    """The files of one project folder.

    Symbolic links to folders are not followed, as git does not: so no loop can trap the walk.

    Args:
        root: Absolute path of the folder.
        exclude: gitignore patterns of mfenv's configuration, relative to `root`; they win over .gitignore.

    Attributes:
        illegible: Absolute paths of folders and Python files that walks left out for their names alone.
    """

    def __init__(self, root: Path, exclude: tuple[str, ...] = ()) -> None:
        self._root = str(root)
        self._exclude = GitIgnoreSpec.from_lines(exclude) if exclude else None
        self._specs: dict[str, GitIgnoreSpec | None] = {}
        self.illegible: set[str] = set()
        self._above = self._folders_above()

    @property
    def ignore_files(self) -> tuple[str, ...]:
        """The .gitignore files above the root that count, whether they exist or not."""
        return tuple(_child(folder, ".gitignore") for folder in self._above)

    def walk(self, start: Path | None = None) -> Iterator[tuple[str, FileKind]]:
        """`(absolute path, kind)` of every file that concerns mfenv, sorted within each folder.

        Args:
            start: A folder below the root to begin at; None for the root. Folders that cannot be read are left out.
        """
        pending = [str(start or self._root)]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(folder) as entries:
                    listed = sorted(entries, key=lambda entry: entry.name)
            except OSError:
                continue
            names = {entry.name for entry in listed}
            if folder != self._root and names & _OUTSIDE_MARKS:
                continue
            folders = []
            for entry in listed:
                is_folder = _is_folder(entry)
                if not is_legible(entry.name):
                    if (is_folder or entry.name.endswith(".py")) and not self._ignored(entry.path, is_folder=is_folder):
                        self.illegible.add(entry.path)
                    continue
                if is_folder:
                    if entry.name not in _NEVER and not self._ignored(entry.path, is_folder=True):
                        folders.append(entry.path)
                    continue
                kind = self._kind_of(entry.path)
                if kind and _is_file(entry) and not self._ignored(entry.path, is_folder=False):
                    yield entry.path, kind
            pending += reversed(folders)

    def kind(self, path: Path) -> FileKind | None:
        """What the walk would say of the file at `path`: None when it would not come by."""
        text = str(path)
        if not text.startswith(self._root + os.sep) or not is_legible(text):
            return None
        kind = self._kind_of(text)
        if kind is None or self._ignored(text, is_folder=False) or (path.exists() and not path.is_file()):
            return None
        return None if any(map(self._closed, self._between(_parent(text)))) else kind

    def enters(self, folder: Path) -> bool:
        """Whether the walk would come by `folder`, a folder below the root or the root itself."""
        return not any(map(self._closed, self._between(str(folder))))

    def _between(self, folder: str) -> Iterator[str]:
        """`folder` and its parents below the root."""
        while len(folder) > len(self._root):
            yield folder
            folder = _parent(folder)

    def _closed(self, folder: str) -> bool:
        path = Path(folder)
        return (
            path.name in _NEVER
            or not is_legible(path.name)
            or path.is_symlink()
            or any((path / mark).exists() for mark in _OUTSIDE_MARKS)
            or self._ignored(folder, is_folder=True)
        )

    def _kind_of(self, path: str) -> FileKind | None:
        relative = self._relative(path)
        kind = kind_of(relative)
        # A script without extension, as in `bin/deploy`.
        if kind is None and "." not in relative.rpartition("/")[2] and os.access(path, os.X_OK):
            return FileKind.SCRIPT if Path(path).is_file() else None
        return kind

    def _relative(self, path: str) -> str:
        return path[len(self._root) + 1 :].replace(os.sep, "/")

    def _ignored(self, path: str, *, is_folder: bool) -> bool:
        """Whether the ignore rules leave `path` out: the deepest .gitignore that has a rule for it decides."""
        named = f"{path}/" if is_folder else path
        if self._exclude is not None:
            included = self._exclude.check_file(self._relative(named)).include
            if included is not None:
                return included
        return self._left_out(named, chain(self._between(_parent(path)), (self._root,), self._above))

    def _left_out(self, named: str, folders: Iterable[str]) -> bool:
        """Whether the first of `folders` whose .gitignore has a rule for it leaves out a file, or a folder with `/`."""
        for folder in folders:
            spec = self._spec(folder)
            if spec is not None:
                included = spec.check_file(named[len(folder) + 1 :].replace(os.sep, "/")).include
                if included is not None:
                    return included
        return False

    def _spec(self, folder: str) -> GitIgnoreSpec | None:
        if folder not in self._specs:
            self._specs[folder] = _read_spec(Path(folder, ".gitignore"))
        return self._specs[folder]

    def _folders_above(self) -> list[str]:
        """The folders between the root and its repository's top, the nearest first.

        None of them counts where they leave out the root itself: it was asked for by name.
        """
        root = Path(self._root)
        top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
        self._above = [str(folder) for folder in root.parents if folder == top or top in folder.parents]
        between = (self._root, *self._above[:-1])
        return [] if any(self._left_out(f"{folder}/", self._above) for folder in between) else self._above


def _child(folder: str, name: str) -> str:
    return f"{folder.rstrip(os.sep)}{os.sep}{name}"


def _parent(path: str) -> str:
    return path.rpartition(os.sep)[0]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether reading it comes to an end, which that of a pipe or a device may not; a link may lead nowhere."""
    try:
        return entry.is_file() or not Path(entry.path).exists()
    except OSError:
        return False


def _read_spec(path: Path) -> GitIgnoreSpec | None:
    if not path.is_file():
        return None
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_LARGEST_IGNORE_FILE).splitlines()
        spec = GitIgnoreSpec.from_lines(lines)
    except (OSError, ValueError):
        return None
    return spec if len(spec) else None
