"""Environments that somebody asked for by name, as `metaflow environment create` makes them (1.3.17, `conda.py`).

They lie beside those of flows, in the first of the conda binary's `envs_dirs`, and are nobody's to remove but their
user's. `.metaflowenv` is written last: an environment without it is not whole.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from mfenvd.warm import findings
from mfenvd.warm.building import Builder
from mfenvd.warm.netflixext.manifest import EnvId
from mfenvd.warm.netflixext.marks import read_mark, write_mark
from mfenvd.warm.plan import LocalEnvironment, NotMadeError, Report

_OURS = ".mfenv"


class NameTakenError(Exception):
    """A folder of that name is there, and is not the environment that is wanted.

    Args:
        place: The folder.
        held: The environment that it is; None for one that Metaflow did not make.
    """

    def __init__(self, place: Path, held: EnvId | None) -> None:
        super().__init__(str(place))
        self.place = place
        self.held = held


class NamedEnvironments:
    """The environments in one folder. Blocking; safe in several processes at once.

    Args:
        envs_dir: The folder.
        builder: Makes them.
    """

    def __init__(self, envs_dir: Path, builder: Builder) -> None:
        self._envs_dir = envs_dir
        self._builder = builder

    def create(self, name: str, id_: EnvId, wanted: LocalEnvironment, report: Report, *, force: bool = False) -> Path:
        """Makes the environment of that name, unless it is there.

        Args:
            name: Of the folder.
            id_: What it is.
            wanted: What it holds.
            report: Told how far it is.
            force: Whether what is there of that name is removed first.

        Raises:
            NameTakenError: Something else is there.
            NotMadeError: It cannot be made.
        """
        place = self._envs_dir / name
        try:
            with self._lock(name) as unfinished:
                held = read_mark(place)
                if held == id_ and not force:
                    return place
                if place.exists() or place.is_symlink():
                    if not force and not unfinished.exists():
                        raise NameTakenError(place, held)
                    _remove(place)
                unfinished.touch()
                self._build(place, id_, wanted, report)
                unfinished.unlink()
                return place
        except OSError as error:
            path, reason = str(error.filename or place), error.strerror or str(error)
            raise NotMadeError(findings.environments_unwritable(path, reason)) from error

    def _build(self, place: Path, id_: EnvId, wanted: LocalEnvironment, report: Report) -> None:
        try:
            self._builder.fill(place, wanted, report)
            (place / "conda-meta" / "history").touch()
            write_mark(place, id_)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    @contextlib.contextmanager
    def _lock(self, name: str) -> Iterator[Path]:
        """One mfenv at a time works on an environment; the file that is there while one is being made."""
        folder = self._envs_dir / _OURS / "named"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{name}.lock"):
            yield folder / f"{name}.unfinished"


def _remove(place: Path) -> None:
    if place.is_symlink():
        place.unlink()
    else:
        shutil.rmtree(place)
