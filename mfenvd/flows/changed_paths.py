"""Which files and folders of a project are different now."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path


class ChangedPaths:
    """What a watcher tells: some of the paths are files, some are folders, some are gone and may have been either."""

    def __init__(self, paths: Iterable[Path | str]) -> None:
        absolute = sorted({os.path.abspath(path) for path in paths})  # noqa: PTH100 - `resolve` would follow links
        self.folders = [path for path in absolute if not Path(path).is_file()]
        self.files = frozenset(absolute).difference(self.folders)
        self._all = frozenset(absolute)
        self._inside = tuple(f"{folder}{os.sep}" for folder in self.folders)

    def touches(self, paths: Iterable[str]) -> bool:
        """Whether one of `paths` may be different now."""
        return any(path in self._all or (self._inside and path.startswith(self._inside)) for path in paths)

    def names(self, name: str) -> bool:
        """Whether a file called `name` changed."""
        return any(path.endswith(f"{os.sep}{name}") for path in self._all)

    def without(self, paths: Collection[str]) -> ChangedPaths:
        """The change without `paths`."""
        return ChangedPaths(self._all.difference(paths)) if paths else self
