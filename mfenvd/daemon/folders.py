"""One registered folder as the watch sees it: which of its folders count, and what became of it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable
from pathlib import Path

from mfenvd.domain.legible import is_legible
from mfenvd.flows.discovery import Discovery

# What editors write beside a file while they save it: vim, emacs, JetBrains, GLib, flycheck, LibreOffice.
_PASSING_NAMES = re.compile(
    r"4913|.*~|\.#.*|#.*#|.*\.sw[a-px]|.*___jb_\w+___|\.goutputstream-.*|flycheck_.*|\.~lock\..*|.*\.py[cod]|.*\.tmp"
    r"|\.DS_Store"
)

# Code, scripts, and every form of requirement and configuration file; a file without suffix may be a script.
_READABLE = frozenset(
    {
        "", ".py", ".toml", ".yml", ".yaml", ".txt", ".in", ".lock", ".cfg", ".ini", ".conf", ".json", ".env",
        ".sh", ".bash", ".zsh", ".mk", ".mak", ".just", ".jenkinsfile",
    }
)  # fmt: skip

Signature = tuple[int, int, int] | None
"""Modification time, size and inode; None for a file that is not there."""


class Tree:
    """The folders below a root that may hold what concerns mfenv, and single files elsewhere.

    Attributes:
        root: Absolute path.
        folders: Absolute paths of the folders to watch; empty while the root is not there.
        present: Whether the root is there.
    """

    def __init__(self, root: str, exclude: tuple[str, ...] = ()) -> None:
        self.root = root
        self.exclude = exclude
        self.folders: frozenset[str] = frozenset()
        self.present = False
        self._identity: tuple[int, int] | None = None
        self._discovery = Discovery(Path(root), exclude)
        self._named: frozenset[str] = frozenset()
        self._signatures: dict[str, Signature] = {}

    def walk(self) -> frozenset[str]:
        """Looks at all folders anew; the ones that were not there before."""
        self._identity = _identity(self.root)
        self.present = self._identity is not None
        self._discovery = Discovery(Path(self.root), self.exclude)
        before, self.folders = self.folders, frozenset(self._walk()) if self.present else frozenset()
        self._poll_what_is_not_watched()
        return self.folders - before

    def forget(self, folders: Iterable[str]) -> None:
        """The next walk takes `folders`, and what is below them, for new."""
        gone = frozenset(folders) & self.folders
        inside = tuple(f"{folder}{os.sep}" for folder in gone)
        self.folders = frozenset(path for path in self.folders - gone if not path.startswith(inside))

    def name_files(self, files: Collection[str]) -> None:
        """The files that the project was read from, wherever they are."""
        self._named = frozenset(files)
        self._poll_what_is_not_watched()

    def was_replaced(self) -> bool:
        """Whether the root came, went, or is another folder than at the last walk."""
        return _identity(self.root) != self._identity

    def polled_changes(self) -> set[str]:
        """The files outside the watched folders that changed since the last call."""
        changed = set()
        for path, before in self._signatures.items():
            now = _signature(path)
            if now != before:
                self._signatures[path] = now
                changed.add(path)
        return changed

    def concerns(self, path: str) -> bool:
        """Whether a change of `path` may be one of the project.

        A watched folder, or a file in one that the project was read from or that may be read yet: what runs write
        (logs, tables, pictures) is not.
        """
        folder, _, name = path.rpartition(os.sep)
        if path in self.folders or path in self._named:
            return True
        if folder not in self.folders or _PASSING_NAMES.fullmatch(name) or not is_legible(name):
            return False
        return Path(path).suffix.lower() in _READABLE or Path(path).is_dir()

    def is_structural(self, path: str) -> bool:
        """Whether a change of `path` may change which folders there are."""
        if path in self.folders or path.endswith(f"{os.sep}.gitignore"):
            return True
        folder = Path(path)
        return folder.is_dir() and not folder.is_symlink() and self._discovery.enters(folder)

    def files_in(self, folders: Iterable[str]) -> set[str]:
        """All files directly in `folders`."""
        found: set[str] = set()
        for folder in folders:
            try:
                with os.scandir(folder) as entries:
                    found.update(entry.path for entry in entries if not entry.is_dir(follow_symlinks=False))
            except OSError:
                continue
        return {path for path in found if self.concerns(path)}

    def _walk(self) -> Iterable[str]:
        pending = [self.root]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(folder) as entries:
                    inner = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
            except OSError:
                continue
            yield folder
            pending += [path for path in inner if self._discovery.enters(Path(path))]

    def _poll_what_is_not_watched(self) -> None:
        paths = {*self._named, *self._discovery.ignore_files}
        polled = {path for path in paths if str(Path(path).parent) not in self.folders or Path(path).is_symlink()}
        self._signatures = {
            path: self._signatures[path] if path in self._signatures else _signature(path) for path in polled
        }


def _identity(root: str) -> tuple[int, int] | None:
    try:
        found = Path(root).stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def _signature(path: str) -> Signature:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
