"""Bytecode for an environment's modules, made when nothing waits for it."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

import psutil

from mfenvd.warm.bare_environ import bare_environ
from mfenvd.warm.marker import mark_compiled, read_marker

_log = logging.getLogger(__name__)

_TIME_LIMIT = 3600.0
_NICEST = 19


def compile_bytecode(prefix: Path) -> bool:
    """Compiles what has no bytecode yet, pip first: micromamba asks it at every start. Blocking, at low priority.

    Returns:
        Whether all is done; False when it was ended early, or there is nothing to compile with.
    """
    site_packages = next((prefix / "lib").glob("python3*/site-packages"), None)
    if site_packages is None:
        return False
    marker = read_marker(prefix)
    if marker is not None and marker.compiled:
        return True
    done = all(_compile(prefix, folder) for folder in (site_packages / "pip", site_packages) if folder.is_dir())
    if done and marker is not None:
        mark_compiled(prefix)
    return done


def _compile(prefix: Path, folder: Path) -> bool:
    """Modules that cannot be compiled (templates, tests of other Pythons) are passed over."""
    # -S: no .pth file of a package runs.
    command = [str(prefix / "bin" / "python"), "-I", "-S", "-m", "compileall", "-q", str(folder)]
    try:
        with psutil.Popen(
            command, env=bare_environ(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            _calm(process)
            return process.wait(_TIME_LIMIT) in {0, 1}  # 1: some module is not valid
    except (OSError, psutil.Error, subprocess.TimeoutExpired) as error:
        _log.info("bytecode of %s is not made: %s", folder, error)
        return False


def _calm(process: psutil.Popen) -> None:
    """Lets everything else go first."""
    try:
        process.nice(_NICEST)
        if psutil.LINUX:
            process.ionice(psutil.IOPRIO_CLASS_IDLE)
    except psutil.Error as error:
        _log.debug("%s keeps its priority: %s", process.pid, error)
