"""Local environments as Metaflow finds them: built where it does not look, and registered when they are whole."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from mfenvd.domain.resolution import LockedPackage
from mfenvd.warm import findings
from mfenvd.warm.building import Builder
from mfenvd.warm.checks import shortcomings
from mfenvd.warm.marker import content_key, mark_made, read_marker, stamp
from mfenvd.warm.plan import Archives, LocalEnvironment, MicromambaSettings, NotMadeError, Report, disk_refusals
from mfenvd.warm.processes import is_in_use
from mfenvd.warm.registry import Registry
from mfenvd.warm.trash import empty_trash, is_trash, out_of_sight

_YOUNG = 60.0
"""Seconds. Metaflow's steps follow upon each other within a second; a busy machine takes longer."""

_ORPHAN_TIME_LIMIT = 60.0
_LOOK_AGAIN = 0.2

_CALLED = "metaflow"


class LocalEnvironments:
    """What `plan.Environments` promises.

    Args:
        cache_dir: mfenv's cache folder: environments lie in it, so that they can be linked from what is cached.
        settings: What micromamba says.
        archives: Packages' files.
        trusted: Whether packages may run scripts of their own while they are linked.
    """

    def __init__(
        self, cache_dir: Path, settings: MicromambaSettings, archives: Archives, *, trusted: bool = False
    ) -> None:
        self._folder = cache_dir / "environments"
        self._settings = settings
        self._builder = Builder(cache_dir, archives, trusted=trusted)
        self.registry = Registry(Path(settings.environments_file), self._folder / "locks" / "registry.lock")

    def find(self, id_: str, platform: str) -> Path | None:
        """The environment that Metaflow would find (`path_to_environment`), finished or not."""
        suffix = f"{_CALLED}/{platform}/{id_}"
        return next((prefix for prefix in self.registry.prefixes() if str(prefix).endswith(suffix)), None)

    def missing(self, wanted: LocalEnvironment) -> tuple[str, ...]:
        """What Metaflow would still do or stumble over, one phrase each; empty when it would do nothing."""
        prefix = self.find(wanted.id, wanted.platform)
        return _missing_at(prefix, wanted) if prefix is not None else ("there is no environment",)

    def create(self, wanted: LocalEnvironment, report: Report) -> Path:
        """Makes the environment, or makes it anew where one is not whole, and registers it last.

        An environment that Metaflow made and that is whole stays as it is, and stays Metaflow's.

        Raises:
            NotMadeError: It cannot be made.
        """
        with disk_refusals(self._folder), self.lock(wanted.id, wanted.platform):
            return self._created(wanted, report)

    def fetch(
        self,
        platform: str,
        conda: Sequence[LockedPackage],
        wheels: Sequence[LockedPackage],
        python: str | None = None,
    ) -> None:
        """See `plan.Environments`."""
        self._builder.fetch(platform, conda, wheels, python)

    def mark_foreign(self, id_: str, platform: str) -> None:
        """Lets Metaflow skip the download for another platform.

        Raises:
            NotMadeError: The folder refuses.
        """
        mark = self._foreign_mark(id_, platform)
        with disk_refusals(mark):
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()

    def is_foreign_marked(self, id_: str, platform: str) -> bool:
        """Whether Metaflow would skip that download."""
        return self._foreign_mark(id_, platform).exists()

    def own(self) -> Iterator[Path]:
        """Prefixes in our own folder, whole or not."""
        for prefix in sorted(self._folder.glob(f"{_CALLED}/*/*")):
            if prefix.is_dir() and not is_trash(prefix):
                yield prefix

    def unfinished(self) -> tuple[Path, ...]:
        """Prefixes in our own folder that an interrupted build left, or that are being made at this moment."""
        return tuple(prefix for prefix in self.own() if read_marker(prefix) is None)

    def sweep(self) -> tuple[Path, ...]:
        """Removes what interrupted builds and removals left; registers again what was whole. Returns what it removed.

        An environment that is being made at this moment is left alone, and one that another home's Metaflow finds.
        """
        for folder in (self._folder, *map(Path, self._settings.envs_dirs)):
            for platform in folder.glob(f"{_CALLED}/*"):
                empty_trash(platform)
        removed = []
        for prefix in self.own():
            with contextlib.suppress(Timeout), self.lock(prefix.name, prefix.parent.name, timeout=0):
                marker = read_marker(prefix)
                if marker is None:
                    self.discard(prefix)
                    removed.append(prefix)
                elif marker.registry == self._settings.environments_file:
                    self.registry.add(prefix)
        return tuple(removed)

    def discard(self, prefix: Path) -> None:
        """Removes an environment: out of sight first, in one step.

        Raises:
            OSError: It cannot be moved.
        """
        trash = out_of_sight(prefix, prefix.parent) if prefix.exists() else None
        self.registry.remove(prefix)
        if trash is not None:
            shutil.rmtree(trash, ignore_errors=True)

    def _created(self, wanted: LocalEnvironment, report: Report) -> Path:
        found = self.find(wanted.id, wanted.platform)
        if found is not None:
            if not _missing_at(found, wanted):
                stamp(found)
                return found
            if is_in_use(found) or _is_young(found):
                raise NotMadeError(findings.made_elsewhere(wanted.id, str(found)))
        prefix = self._place(wanted)
        if prefix != found and _is_whole(prefix, wanted):
            # Another program wrote environments.txt anew, without it.
            self.registry.add(prefix)
            return prefix
        if prefix.exists():
            _wait_until_free(prefix, wanted.id)
            self.discard(prefix)
        try:
            self._build(prefix, wanted, report)
            if found is not None and found != prefix:
                self.discard(found)
            self.registry.add(prefix)
        except BaseException:
            shutil.rmtree(prefix, ignore_errors=True)
            raise
        return prefix

    def _build(self, prefix: Path, wanted: LocalEnvironment, report: Report) -> None:
        paths = self._builder.fill(prefix, wanted, report)
        if wanted.wheels is not None:
            _write_pip_folder(prefix, wanted.id, paths)
        # micromamba and Metaflow take whatever has this file for an environment.
        (prefix / "conda-meta" / "history").touch()
        mark_made(prefix, wanted, self._settings.environments_file)

    def _place(self, wanted: LocalEnvironment) -> Path:
        return self._folder / _CALLED / wanted.platform / wanted.id

    def _foreign_mark(self, id_: str, platform: str) -> Path:
        return Path(self._settings.envs_dirs[0]) / _CALLED / platform / id_ / "fake.done"

    @contextlib.contextmanager
    def lock(self, id_: str, platform: str, timeout: float = -1) -> Iterator[None]:
        """One process at a time works on an environment; raises filelock.Timeout after `timeout` seconds."""
        folder = self._folder / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{platform}-{id_}.lock", timeout=timeout):
            yield


def _missing_at(prefix: Path, wanted: LocalEnvironment) -> tuple[str, ...]:
    """Why the environment is not what is wanted; nothing where it is."""
    found = tuple(shortcomings(prefix, wanted))
    marker = read_marker(prefix)
    if not found and marker is not None and marker.content and marker.content != content_key(wanted):
        return ("it holds other packages",)
    return found


def _is_whole(prefix: Path, wanted: LocalEnvironment) -> bool:
    return read_marker(prefix) is not None and not _missing_at(prefix, wanted)


def _is_young(prefix: Path) -> bool:
    """Whether Metaflow may be in the middle of making it: between two of its steps no process shows that."""
    if read_marker(prefix) is not None:
        return False
    youngest = 0.0
    for path in (prefix, prefix / "conda-meta", prefix / ".pip"):
        with contextlib.suppress(FileNotFoundError):
            youngest = max(youngest, path.stat().st_mtime)
    return youngest > time.time() - _YOUNG


def _wait_until_free(prefix: Path, id_: str) -> None:
    """Waits for what a killed mfenv started there: uv goes on for a moment after its parent is gone.

    Raises:
        NotMadeError: Something is still at work there.
    """
    until = time.monotonic() + _ORPHAN_TIME_LIMIT
    while is_in_use(prefix):
        if time.monotonic() > until:
            raise NotMadeError(findings.made_elsewhere(id_, str(prefix)))
        time.sleep(_LOOK_AGAIN)


def _write_pip_folder(prefix: Path, id_: str, wheels: dict[str, Path]) -> None:
    """`.pip` as Metaflow's pip leaves it: the wheels, which file belongs to which URL, and that they are installed.

    The wheels are links into the store: where they are gone, Metaflow gets them from their URL.
    """
    folder = prefix / ".pip" / "wheels"
    folder.mkdir(parents=True)
    listed = {}
    for url, wheel in wheels.items():
        link = folder / wheel.name
        if not link.is_symlink():
            link.symlink_to(wheel)
        listed[url] = str(link)
    (prefix / ".pip" / "metadata").write_text(json.dumps(listed), "utf-8")
    (prefix / ".pip" / "id").write_text(json.dumps({"id": id_}), "utf-8")
