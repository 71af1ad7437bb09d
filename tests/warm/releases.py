"""Several releases of the real Metaflow, each in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

RELEASES = ("2.12.39", "2.15.21")
"""Besides the installed one, which is the newest that mfenv is held against."""


def python_with_metaflow(release: str, folder: Path) -> str:
    """The Python of an environment below `folder` that has `release` of Metaflow; made on first use."""
    home = folder / f"metaflow-{release}"
    python = home / "bin" / "python"
    with FileLock(f"{home}.lock"):
        if not (home / "complete").exists():
            _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(home))
            # 2.12 still needs pkg_resources, which setuptools has had until 81.
            packages = (f"metaflow=={release}", "setuptools<81")
            _uv("pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), *packages)
            (home / "complete").touch()
    return str(python)


def _uv(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "uv", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no other release of Metaflow can be installed: {done.stderr.strip()[-200:]}")
