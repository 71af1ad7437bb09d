"""Wheels, installed into a prefix by uv, which hard-links or clones them from its cache."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mfenvd.domain.redact import redact
from mfenvd.warm.bare_environ import bare_environ

_TIME_LIMIT = 1800.0
"""Seconds. Unpacking the largest wheels on a slow disk takes minutes."""


class InstallFailedError(Exception):
    """uv could not install the wheels; `lines` are its own, without credentials."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = tuple(redact(line) for line in lines)
        super().__init__(self.lines[0] if self.lines else "uv failed")


class UvMissingError(Exception):
    """There is no uv."""


def install_wheels(wheels: Sequence[Path], prefix: Path, cache_dir: Path) -> None:
    """Installs exactly these files, without bytecode and without looking at what they depend on.

    Args:
        wheels: Each under its own wheel's name; uv remembers what it unpacked by path and change time.
        prefix: Has a Python.
        cache_dir: uv's cache, best on the same disk as `prefix`.

    Raises:
        InstallFailedError: uv refuses one of them, or the disk does.
        UvMissingError: There is no uv.
    """
    _install(wheels, cache_dir, "--python", str(prefix / "bin" / "python"))


def unpack_wheels(wheels: Sequence[Path], python: str, scratch: Path, cache_dir: Path) -> None:
    """Has uv's cache hold what `install_wheels` will link.

    Args:
        wheels: As for `install_wheels`.
        python: Version of the Python that they will be installed for; it need not be there.
        scratch: Where they are installed meanwhile, as uv unpacks only what it installs; of no use afterwards.
        cache_dir: uv's cache.

    Raises:
        InstallFailedError, UvMissingError: As for `install_wheels`.
    """
    _install(wheels, cache_dir, "--python", sys.executable, "--python-version", python, "--target", str(scratch))


def _install(wheels: Sequence[Path], cache_dir: Path, *where: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as listing:
        listing.writelines(f"{wheel.as_uri()}\n" for wheel in wheels)
        listing.flush()
        _run(
            [
                _uv(), "pip", "install", *where, "--cache-dir", str(cache_dir),
                "--no-deps", "--no-index", "--offline", "--no-config", "--no-python-downloads",
                "--break-system-packages", "--no-progress", "--quiet", "--requirement", listing.name,
            ]
        )  # fmt: skip


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, env=bare_environ(), stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_TIME_LIMIT
        )
    except subprocess.TimeoutExpired as error:
        raise InstallFailedError([f"uv was stopped after {_TIME_LIMIT:g} seconds"]) from error
    if done.returncode != 0:
        raise InstallFailedError(done.stderr.decode(errors="replace").splitlines())


def _uv() -> str:
    from mfenvd.uv_program import find_uv

    try:
        return find_uv()
    except FileNotFoundError as error:
        raise UvMissingError from error
