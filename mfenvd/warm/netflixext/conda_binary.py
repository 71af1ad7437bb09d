"""Where the conda binary of metaflow-netflixext keeps environments (1.3.17, `conda.py`, `_ensure_local_conda`)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mfenvd.domain.surroundings import Surroundings
from mfenvd.warm.micromamba import read_micromamba_settings

_RESOLVER, _LOCAL_PATH = "METAFLOW_CONDA_DEPENDENCY_RESOLVER", "METAFLOW_CONDA_LOCAL_PATH"
_DEFAULT = "mamba"
_TIME_LIMIT = 30.0


class _Info(msgspec.Struct):
    envs_dirs: list[str] = []
    of_mamba: list[str] = msgspec.field(default_factory=list, name="envs directories")


def envs_dir(surroundings: Surroundings, config: Mapping[str, str], *, trusted: bool) -> Path:
    """The folder for new environments: what the binary says, else what micromamba would say.

    Args:
        surroundings: Of the shell.
        config: The environment with Metaflow's configuration below it.
        trusted: Whether a micromamba that the project brought along may be started.
    """
    place = config.get(_LOCAL_PATH)
    if place:
        return Path(place, "envs")
    binary = shutil.which(config.get(_RESOLVER) or _DEFAULT, path=surroundings.environ.get("PATH", os.defpath))
    said = _said(binary, surroundings) if binary and Path(binary).is_absolute() else None
    return Path(said or read_micromamba_settings(surroundings, trusted=trusted).envs_dirs[0])


def _said(binary: str, surroundings: Surroundings) -> str | None:
    try:
        done = subprocess.run(
            [binary, "info", "--json"], env=dict(surroundings.environ), cwd=surroundings.cwd,
            stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=_TIME_LIMIT,
        )  # fmt: skip
        info = msgspec.json.decode(done.stdout, type=_Info)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError):
        return None
    return next(iter((*info.envs_dirs, *info.of_mamba)), None)
