"""The real metaflow-netflixext, in an environment of its own: it changes what `import metaflow` does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

METAFLOW, EXTENSION = "2.19.39", "1.3.17"


def python_with_extension(folder: Path, *more: str) -> str:
    """The Python of an environment below `folder` that has the extension, and packages besides; made on first use."""
    home = folder / "-".join(["metaflow-netflixext", EXTENSION, *more])
    with FileLock(f"{home}.lock"):
        if not (home / "complete").exists():
            _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(home))
            wanted = (f"metaflow=={METAFLOW}", f"metaflow-netflixext=={EXTENSION}", *more)
            _uv("pip", "install", "--quiet", "--python", str(home / "bin" / "python"), *wanted)
            (home / "complete").touch()
    return str(home / "bin" / "python")


def _uv(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "uv", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"metaflow-netflixext cannot be installed: {done.stderr.strip()[-200:]}")
