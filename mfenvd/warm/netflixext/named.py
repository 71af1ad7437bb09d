"""Environments that somebody asked for by name, as `metaflow environment create` makes them (1.3.17, `conda.py`).

They lie beside those of flows, in the first of the conda binary's `envs_dirs`, and are nobody's to remove but their
user's. `.metaflowenv` is written last: an environment without it is not whole, and the extension removes one of that
name as soon as it looks for it. So they are made under its lock, of packages that were fetched before.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from mfenvd.domain.resolver import Progress
from mfenvd.warm import findings
from mfenvd.warm.building import Builder
from mfenvd.warm.netflixext.environments import OURS
from mfenvd.warm.netflixext.locks import YOUNG, LockHeldError, environments_lock, held
from mfenvd.warm.netflixext.manifest import EnvId
from mfenvd.warm.netflixext.marks import read_mark, write_mark
from mfenvd.warm.plan import LocalEnvironment, NotMadeError, Report, disk_refusals

_PATIENCE = 2 * YOUNG
"""Seconds for the extension's lock while a person waits: what a killed process left is taken away meanwhile."""


class NameTakenError(Exception):
    """A folder of that name is there that is not to be taken.

    Args:
        place: The folder.
        mark: The environment that it is; None for one that Metaflow did not make.
    """

    def __init__(self, place: Path, mark: EnvId | None) -> None:
        super().__init__(str(place))
        self.place = place
        self.mark = mark


class NamedEnvironments:
    """The environments in one folder. Blocking; safe in several processes at once.

    Args:
        envs_dir: The folder.
        builder: Makes them.
    """

    def __init__(self, envs_dir: Path, builder: Builder) -> None:
        self._envs_dir = envs_dir
        self._builder = builder

    def create(  # noqa: PLR0913 - what is wanted, and what may be there
        self,
        name: str,
        id_: EnvId,
        wanted: LocalEnvironment,
        report: Report,
        *,
        force: bool = False,
        exist_ok: bool = False,
    ) -> Path:
        """Makes the environment of that name.

        Args:
            name: Of the folder.
            id_: What it is.
            wanted: What it holds.
            report: Told how far it is.
            force: Whether what is there of that name is removed first.
            exist_ok: Whether it is taken where it is there already.

        Raises:
            NameTakenError: Something of that name is there, and neither is so.
            NotMadeError: It cannot be made.
        """
        place = self._envs_dir / name
        lock = environments_lock(self._envs_dir)
        try:
            with disk_refusals(place):
                if not force and self._is_there(place, id_, exist_ok=exist_ok):
                    return place
                self._fetch(wanted, report)
                if lock.exists():
                    report(Progress(f"waiting for {lock}"))
                with held(lock, _PATIENCE):
                    if force or not self._is_there(place, id_, exist_ok=exist_ok):
                        self._build(place, id_, wanted, report)
        except LockHeldError as error:
            raise NotMadeError(findings.made_elsewhere(wanted.id, str(error.path))) from error
        return place

    def _is_there(self, place: Path, id_: EnvId, *, exist_ok: bool) -> bool:
        """Whether there is nothing to make.

        Raises:
            NameTakenError: Something is there that is not to be taken, and that no killed process left behind.
        """
        mark = read_mark(place)
        if exist_ok and mark == id_:
            return True
        is_left_behind = mark is None and self._unfinished(place).exists()
        if (place.exists() or place.is_symlink()) and not is_left_behind:
            raise NameTakenError(place, mark)
        return False

    def _fetch(self, wanted: LocalEnvironment, report: Report) -> None:
        wheels = wanted.wheels
        self._builder.fetch(
            wanted.platform,
            wanted.conda.packages,
            wheels.packages if wheels else (),
            wheels.target.python if wheels else None,
            report,
        )

    def _build(self, place: Path, id_: EnvId, wanted: LocalEnvironment, report: Report) -> None:
        unfinished = self._unfinished(place)
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        unfinished.touch()
        try:
            _remove(place)
            self._builder.fill(place, wanted, report)
            (place / "conda-meta" / "history").touch()
            write_mark(place, id_)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        finally:
            unfinished.unlink(missing_ok=True)

    def _unfinished(self, place: Path) -> Path:
        """The file that is there while the environment is being made, and stays where that is killed."""
        return self._envs_dir / OURS / "named" / f"{place.name}.unfinished"


def _remove(place: Path) -> None:
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        shutil.rmtree(place)
