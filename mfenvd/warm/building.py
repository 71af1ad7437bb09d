"""An environment's packages laid out in a prefix: conda's linked, wheels installed, and its Python tried."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.resolver import Progress
from mfenvd.warm import findings
from mfenvd.warm.bare_environ import bare_environ
from mfenvd.warm.extracted import scratch
from mfenvd.warm.fetching import Fetching
from mfenvd.warm.plan import Archives, LocalEnvironment, NotMadeError, Report

_PYTHON_TIME_LIMIT = 120.0
"""Seconds. A cold disk, or a virus scanner that has never seen this file."""


def extracted_folder(cache_dir: Path) -> Path:
    """Where conda packages are extracted, and linked from."""
    return cache_dir / "conda"


class Builder:
    """Fills prefixes. Nothing here says that one is whole: that is for who knows where it is looked for.

    Args:
        cache_dir: mfenv's cache folder; prefixes on the same disk are hard-linked from it.
        archives: Packages' files.
        trusted: Whether packages may run scripts of their own while they are linked.
    """

    def __init__(self, cache_dir: Path, archives: Archives, *, trusted: bool) -> None:
        self._cache_dir = cache_dir
        self._archives = archives
        self._trusted = trusted

    def fill(self, prefix: Path, wanted: LocalEnvironment, report: Report) -> dict[str, Path]:
        """Makes `prefix`, where the environment will be used, hold the packages of `wanted`.

        Returns:
            The files of its wheels by URL, installed or not.

        Raises:
            NotMadeError: It cannot be made.
            OSError: The disk refuses.
        """
        # Loads rattler, which only those need who make something.
        from mfenvd.warm.conda_prefix import CondaCache, LinkFailedError

        conda, wheels = wanted.conda.packages, wanted.wheels.packages if wanted.wheels is not None else ()
        cache = CondaCache(extracted_folder(self._cache_dir), wanted.platform, run_scripts=self._trusted)
        extracted = cache.records(conda)
        new = [package for package in conda if package.filename not in extracted]
        with Fetching(self._archives, [*new, *wheels], report) as fetching:
            archives = {package.filename: fetching.file(package) for package in new}
            report(Progress(f"linking {len(conda)} conda packages"))
            prefix.parent.mkdir(parents=True, exist_ok=True)
            try:
                cache.link(conda, extracted, archives, prefix)
            except LinkFailedError as error:
                raise NotMadeError(findings.not_linked(wanted.id, str(prefix), error.words)) from error
            paths = {wheel.url: fetching.file(wheel) for wheel in wheels}
        if wanted.installs_wheels and wheels:
            report(Progress(f"installing {len(wheels)} wheels"))
            self._install(list(paths.values()), prefix, wanted.id)
        report(Progress("starting its Python"))
        reason = python_problem(prefix)
        if reason is not None:
            raise NotMadeError(findings.python_does_not_run(wanted.id, str(prefix), reason))
        return paths

    def fetch(
        self,
        platform: str,
        conda: Sequence[LockedPackage],
        wheels: Sequence[LockedPackage],
        python: str | None,
        report: Report = lambda _: None,
    ) -> None:
        """Fetches packages that an environment will be made of, and extracts them, wheels if `python` is given.

        Raises:
            NotMadeError: One cannot be had.
        """
        from mfenvd.warm.conda_prefix import CondaCache

        folder = extracted_folder(self._cache_dir)
        cache = CondaCache(folder, platform, run_scripts=False)
        extracted = cache.records(conda)
        new = [package for package in conda if package.filename not in extracted]
        with Fetching(self._archives, [*new, *wheels], report) as fetching:
            archives = {package.filename: fetching.file(package) for package in new}
            if new:
                cache.extract(extracted, archives)
            files = [fetching.file(wheel) for wheel in wheels]
        if files and python is not None:
            self._unpack(files, python, folder)

    def _unpack(self, wheels: Sequence[Path], python: str, folder: Path) -> None:
        from mfenvd.warm.wheel_install import InstallFailedError, UvMissingError, unpack_wheels

        # What is wrong with one is said when it is installed.
        with contextlib.suppress(InstallFailedError, UvMissingError):
            unpack_wheels(wheels, python, scratch(folder), self._cache_dir / "uv")

    def _install(self, wheels: Sequence[Path], prefix: Path, id_: str) -> None:
        from mfenvd.warm.wheel_install import InstallFailedError, UvMissingError, install_wheels

        try:
            install_wheels(wheels, prefix, self._cache_dir / "uv")
        except InstallFailedError as error:
            raise NotMadeError(findings.wheels_not_installed(id_, str(prefix), error.lines)) from error
        except UvMissingError as error:
            raise NotMadeError(findings.uv_missing()) from error


def python_problem(prefix: Path) -> str | None:
    """Why the environment's Python does not start, None when it does. No package's code runs (`-S`)."""
    python = prefix / "bin" / "python"
    try:
        done = subprocess.run(
            [str(python), "-I", "-S", "-c", "import sys, zlib; print(sys.prefix)"],
            env=bare_environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PYTHON_TIME_LIMIT,
        )
    except subprocess.TimeoutExpired:
        return f"it does not answer within {_PYTHON_TIME_LIMIT:g} seconds"
    except OSError as error:
        return error.strerror or str(error)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return lines[-1] if lines else f"it ends with {done.returncode}"
    said = done.stdout.strip()
    return None if Path(said).resolve() == prefix.resolve() else f"it takes {said} for its home"
