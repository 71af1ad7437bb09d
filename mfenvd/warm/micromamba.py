"""The micromamba that Metaflow would run, and what it says of itself (Metaflow 2.19.39, `micromamba.py`)."""

from __future__ import annotations

import logging
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from mfenvd.condarc.places import root_prefix
from mfenvd.domain.surroundings import Surroundings
from mfenvd.warm.bare_environ import bare_environ
from mfenvd.warm.plan import MicromambaSettings

_log = logging.getLogger(__name__)

_TIME_LIMIT = 30.0
"""Seconds. micromamba answers in a hundredth of one; a wrapper around it may take longer."""


class _Answer(msgspec.Struct):
    platform: str
    envs_dirs: list[str]
    pkgs_dirs: list[str]


def read_micromamba_settings(surroundings: Surroundings, *, trusted: bool) -> MicromambaSettings:
    """What micromamba says in these surroundings, or what the one that Metaflow would install there would say.

    Metaflow takes one from the folder that flows are started in, too. That one is a file of the project, and started
    only if the project is `trusted`.
    """
    environ, home = surroundings.environ, _home(surroundings.environ)
    binary = find_micromamba(surroundings)
    brought_along = binary in _in_working_folder(surroundings)
    answer = _ask(binary, surroundings) if binary is not None and (trusted or not brought_along) else None
    known = answer or _by_default(environ, home)
    return MicromambaSettings(
        platform=known.platform,
        envs_dirs=tuple(known.envs_dirs),
        pkgs_dirs=tuple(known.pkgs_dirs),
        environments_file=str(home / ".conda" / "environments.txt"),
        binary=binary,
    )


def find_micromamba(surroundings: Surroundings) -> str | None:
    """Absolute path of the executable that Metaflow would run; None when it would install one."""
    path = surroundings.environ.get("PATH", os.defpath)
    for command in places(surroundings):
        found = shutil.which(command, path=path)
        if found is not None:
            return str(Path(surroundings.cwd, found))
    return None


def places(surroundings: Surroundings) -> Iterator[str]:
    """Where Metaflow looks, in its order: a name that is looked for on PATH, or a path."""
    environ = surroundings.environ
    named = environ.get("METAFLOW_PATH_TO_MICROMAMBA")
    yield str(_absolute(named, surroundings)) if named and os.sep in named else named or "micromamba"
    yield from _in_working_folder(surroundings)
    home = environ.get("METAFLOW_TOKEN_HOME") or environ.get("METAFLOW_HOME") or "~/.metaflowconfig"
    yield str(_absolute(home, surroundings) / "micromamba" / "bin" / "micromamba")


def _in_working_folder(surroundings: Surroundings) -> tuple[str, ...]:
    return tuple(str(Path(surroundings.cwd, relative)) for relative in ("micromamba", "bin/micromamba"))


def _ask(binary: str, surroundings: Surroundings) -> _Answer | None:
    """None when it gives no answer: it cannot be started here, or is another program."""
    environ = {**bare_environ(), **surroundings.environ, "MAMBA_NO_BANNER": "1", "MAMBA_JSON": "true"}
    try:
        done = subprocess.run(
            [binary, "config", "list", "-a"],
            cwd=surroundings.cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_TIME_LIMIT,
        )
        return msgspec.json.decode(done.stdout, type=_Answer)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError) as error:
        _log.warning("%s does not say how it is configured: %s", binary, error)
        return None


def _by_default(environ: Mapping[str, str], home: Path) -> _Answer:
    """As micromamba 1.5.7 has it, which is what Metaflow installs."""
    root = root_prefix(environ, home) if environ.get("MAMBA_ROOT_PREFIX") else home / "micromamba"
    return _Answer(
        platform=environ.get("CONDA_SUBDIR") or _platform(),
        envs_dirs=_listed(environ, "CONDA_ENVS_DIRS") or [str(root / "envs")],
        pkgs_dirs=_listed(environ, "CONDA_PKGS_DIRS") or [str(root / "pkgs"), str(home / ".mamba" / "pkgs")],
    )


def _platform() -> str:
    """This machine's conda subdir."""
    machine = platform.machine()
    if sys.platform == "darwin":
        return "osx-arm64" if machine == "arm64" else "osx-64"
    return "linux-aarch64" if machine == "aarch64" else "linux-64"


def _listed(environ: Mapping[str, str], variable: str) -> list[str]:
    return [str(Path(folder).expanduser().resolve()) for folder in environ.get(variable, "").split(",") if folder]


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())


def _absolute(path: str, surroundings: Surroundings) -> Path:
    if path == "~" or path.startswith("~/"):
        return _home(surroundings.environ) / path[2:]
    return Path(surroundings.cwd, path)
