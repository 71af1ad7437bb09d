"""Local environments as metaflow-netflixext finds them: `<envs_dirs[0]>/metaflow_<req>_<full>` with `.metaflowenv`.

They are made in a folder beside, where nobody looks, and appear as a link, in one step and under the extension's lock.
So that lock is held for an instant, and no run waits ten seconds for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from mfenvd.domain.resolution import LockedPackage
from mfenvd.warm import findings
from mfenvd.warm.building import Builder
from mfenvd.warm.collecting import Collected, Idle
from mfenvd.warm.marker import GRACE, holds, last_wanted, mark_made, read_marker, stamp
from mfenvd.warm.netflixext.locks import LockHeldError, environments_lock, held
from mfenvd.warm.netflixext.manifest import EnvId
from mfenvd.warm.netflixext.marks import MARK, read_mark, write_mark
from mfenvd.warm.plan import LocalEnvironment, NotMadeError, Report, disk_refusals
from mfenvd.warm.processes import is_in_use
from mfenvd.warm.trash import discard, empty_trash

OURS = ".mfenv"
"""A folder beside the environments, where the extension does not look."""

_PATIENCE = 30.0
"""Seconds for the extension's lock: it has it while it makes an environment, and is asked again later."""


def environment_name(id_: EnvId) -> str:
    """What the extension calls the folder of an environment."""
    return f"metaflow_{id_.req}_{id_.full}"


class ExtensionEnvironments:
    """The environments in one folder of environments. Blocking; safe in several processes at once.

    Args:
        cache_dir: mfenv's cache folder, which remembers what was made where.
        envs_dir: The first of the `envs_dirs` of the conda binary that the extension uses.
        builder: Makes them.
    """

    def __init__(self, cache_dir: Path, envs_dir: Path, builder: Builder) -> None:
        self._made = _MadeHere(cache_dir)
        self._envs_dir = envs_dir
        self._builder = builder

    def find(self, id_: EnvId) -> Path | None:
        """The environment that the extension would use; None where it would make one."""
        place = self._envs_dir / environment_name(id_)
        return place if read_mark(place) == id_ and os.access(place / "bin" / "python", os.X_OK) else None

    def create(self, id_: EnvId, wanted: LocalEnvironment, report: Report) -> Path:
        """Makes the environment unless it is there, and lets the extension find it.

        One that the extension made stays as it is.

        Raises:
            NotMadeError: It cannot be made.
        """
        prefix = self._envs_dir / OURS / environment_name(id_)
        try:
            with disk_refusals(self._envs_dir), self._made.lock(prefix):
                found = self.find(id_)
                if found is None:
                    self._made.remember(prefix)
                    if not _is_whole(prefix, wanted):
                        self._build(id_, prefix, wanted, report)
                    found = self._publish(id_, prefix)
                stamp(prefix)
                return found
        except LockHeldError as error:
            raise NotMadeError(findings.made_elsewhere(wanted.id, str(error.path))) from error

    def fetch(
        self, platform: str, conda: Sequence[LockedPackage], wheels: Sequence[LockedPackage], python: str | None
    ) -> None:
        """Fetches packages that an environment will be made of, and extracts them, wheels if `python` is given.

        Raises:
            NotMadeError: One cannot be had.
        """
        self._builder.fetch(platform, conda, wheels, python)

    def _build(self, id_: EnvId, prefix: Path, wanted: LocalEnvironment, report: Report) -> None:
        if prefix.exists():
            discard(prefix, prefix.parent)
        try:
            self._builder.fill(prefix, wanted, report)
            (prefix / "conda-meta" / "history").touch()
            write_mark(prefix, id_)
            mark_made(prefix, wanted)
        except BaseException:
            shutil.rmtree(prefix, ignore_errors=True)
            raise

    def _publish(self, id_: EnvId, prefix: Path) -> Path:
        """Puts the link in its place, unless the extension was faster."""
        place = self._envs_dir / environment_name(id_)
        with held(environments_lock(self._envs_dir), _PATIENCE):
            if self.find(id_) is None:
                if place.is_dir() and not place.is_symlink():
                    # Nobody is at it, as we have the lock: the extension would remove it, too.
                    discard(place, place.parent)
                _link(place, prefix)
        return place


def collect(cache_dir: Path, grace: float = GRACE, *, dry_run: bool = False) -> Collected:
    """Removes what interrupted builds left, and what nobody wanted or used for `grace` seconds.

    What is being made at this moment is left alone, and so is all that the extension made itself.

    Args:
        cache_dir: mfenv's cache folder.
        grace: Seconds.
        dry_run: Only says what would be removed.

    Raises:
        OSError: One of them cannot be removed.
    """
    made = _MadeHere(cache_dir)
    prefixes = tuple(made.prefixes())
    if not dry_run:
        for folder in {folder for prefix in prefixes for folder in (prefix.parent, prefix.parent.parent)}:
            empty_trash(folder)
    idle, interrupted = [], []
    for prefix in prefixes:
        with contextlib.suppress(Timeout, LockHeldError), made.lock(prefix, timeout=0):
            marker, wanted = read_marker(prefix), last_wanted(prefix)
            if marker is not None and wanted > time.time() - grace:
                continue
            in_use = marker is not None and is_in_use(prefix)
            if not dry_run and not in_use:
                _withdraw(prefix)
                made.forget(prefix)
            if marker is None:
                interrupted.append(str(prefix))
            else:
                idle.append(Idle(str(prefix), marker.id, marker.platform, wanted, in_use))
    return Collected(tuple(idle), tuple(interrupted))


def made_here(cache_dir: Path) -> tuple[Path, ...]:
    """The prefixes that mfenv made for the extension, whole or not."""
    return tuple(_MadeHere(cache_dir).prefixes())


class _MadeHere:
    """What was made, as links in mfenv's cache folder, with one lock for each."""

    def __init__(self, cache_dir: Path) -> None:
        self._folder = cache_dir / "environments" / "netflixext"

    def remember(self, prefix: Path) -> None:
        link = self._folder / self._key(prefix)
        if not link.is_symlink():
            link.symlink_to(prefix)

    def forget(self, prefix: Path) -> None:
        (self._folder / self._key(prefix)).unlink(missing_ok=True)

    def prefixes(self) -> Iterator[Path]:
        for link in sorted(self._folder.glob("*")):
            if link.is_symlink():
                yield link.readlink()

    @contextlib.contextmanager
    def lock(self, prefix: Path, timeout: float = -1) -> Iterator[None]:
        """One mfenv at a time works on an environment; raises filelock.Timeout after `timeout` seconds."""
        folder = self._folder / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{self._key(prefix)}.lock", timeout=timeout):
            yield

    def _key(self, prefix: Path) -> str:
        return hashlib.sha256(os.fsencode(prefix)).hexdigest()[:20]


def _is_whole(prefix: Path, wanted: LocalEnvironment) -> bool:
    return holds(prefix, wanted) and (prefix / MARK).is_file()


def _link(place: Path, prefix: Path) -> None:
    """A link in one step, in the place of one that leads elsewhere."""
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".mfenv-") as folder:
        made = Path(folder, place.name)
        made.symlink_to(prefix)
        made.replace(place)


def _withdraw(prefix: Path) -> None:
    """Removes an environment, its link first, so that nobody finds one that is half gone."""
    envs_dir = prefix.parent.parent
    place = envs_dir / prefix.name
    if place.is_symlink() and place.readlink() == prefix:
        with held(environments_lock(envs_dir), 0):
            place.unlink()
    if prefix.exists():
        discard(prefix, prefix.parent)
