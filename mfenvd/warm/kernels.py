"""Kernels for Jupyter: `kernel.json` where Jupyter looks for those of a user."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_NOT_IN_NAMES = str.maketrans(":/.-", "____")


def kernel_name(alias: str) -> str:
    """What metaflow-netflixext calls the kernel of an environment: `mf_team_env_v1` for `team/env/v1`."""
    return f"mf_{alias.translate(_NOT_IN_NAMES)}"


def write_kernel(alias: str, python: Path, environ: Mapping[str, str], python_path: Path | None = None) -> Path:
    """A kernel that starts `python`, in the place of one of the same name; its folder.

    Args:
        alias: Of the environment, as manifests have it.
        python: The environment's.
        environ: Says where Jupyter keeps the kernels of this user.
        python_path: A folder that the kernel can import from; None for none.

    Raises:
        OSError: The folder refuses.
    """
    content = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": f"Metaflow {alias}",
        "language": "python",
        "metadata": {"debugger": True},
        **({"env": {"PYTHONPATH": str(python_path)}} if python_path else {}),
    }
    place = data_folder(environ) / "kernels" / kernel_name(alias)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".mfenv-") as folder:
        made = Path(folder, "new")
        made.mkdir()
        (made / "kernel.json").write_text(json.dumps(content, indent=1), "utf-8")
        if place.exists():
            place.rename(Path(folder, "old"))
        made.rename(place)
    return place


def data_folder(environ: Mapping[str, str]) -> Path:
    """Jupyter's folder for the data of a user (jupyter_core's `jupyter_data_dir`)."""
    named = environ.get("JUPYTER_DATA_DIR")
    if named:
        return Path(named)
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "darwin":
        return home / "Library" / "Jupyter"
    if os.name == "nt":
        return Path(environ.get("APPDATA") or home / "AppData" / "Roaming", "jupyter")
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share", "jupyter")
