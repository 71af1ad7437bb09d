"""What the shell that a command was typed in says about a project, found out without running anything."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from mfenvd.domain.surroundings import Surroundings

_CONDA_PYTHON = re.compile(r"python-(\d+\.\d+\.\d+)-")
_PATCH_LEVEL = re.compile(r'^#define\s+PY_VERSION\s+"(\d+\.\d+\.\d+)', re.MULTILINE)
_FULL_VERSION = re.compile(r"\d+\.\d+\.\d+")


def surroundings(environ: Mapping[str, str], cwd: Path, used: Collection[str] = ()) -> Surroundings:
    """What registering a project from this shell tells the daemon.

    The interpreter is the active virtual or conda environment's, else the `python` that the shell would run,
    as `python flow.py run` takes it.

    Args:
        environ: The shell's variables.
        cwd: Its working directory, absolute.
        used: Names of variables that files of the project use, to be told as well.
    """
    interpreter = _interpreter(environ, cwd)
    return Surroundings(
        cwd=str(cwd),
        interpreter=str(interpreter) if interpreter else None,
        python=_version(interpreter) if interpreter else None,
        environ=Surroundings.relevant(environ, used),
        used=tuple(sorted(name for name in used if name in environ)),
    )


def this_shell(used: Collection[str] = ()) -> Surroundings:
    """The shell that this process was started in; `used` as for `surroundings`."""
    return surroundings(os.environ, Path.cwd(), used)


def _interpreter(environ: Mapping[str, str], cwd: Path) -> Path | None:
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        prefix = environ.get(variable)
        found = _python_in(Path(prefix)) if prefix else None
        if found:
            return found
    path = environ.get("PATH")
    for name in ("python", "python3"):
        on_path = shutil.which(name, path=path)
        if on_path:
            found = Path(cwd, on_path)
            return _behind_shim(found, environ, cwd) or found
    return None


def _behind_shim(python: Path, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """The interpreter that pyenv's stand-in `python` would run; None when it is none, or names none that exists."""
    root = python.parent.parent
    if python.parent.name != "shims" or not (root / "versions").is_dir():
        return None
    places = (*(folder / ".python-version" for folder in (cwd, *cwd.parents)), root / "version")
    chosen = environ.get("PYENV_VERSION") or next((text for place in places if (text := _text(place).strip())), "")
    for version in re.split(r"[:\s]+", chosen):
        found = _python_in(root / "versions" / version) if version else None
        if found:
            return found
    return None


def _python_in(prefix: Path) -> Path | None:
    places = ("Scripts/python.exe", "python.exe") if os.name == "nt" else ("bin/python",)
    return next((prefix / place for place in places if (prefix / place).is_file()), None)


def _version(interpreter: Path) -> str | None:
    """`3.11.7`, read from what lies around the interpreter; None when nothing there says it."""
    prefix = (
        interpreter.parent if os.name == "nt" and (interpreter.parent / "conda-meta").is_dir() else _up(interpreter)
    )
    return _of_venv(prefix) or _of_conda(prefix) or _of_installation(interpreter)


def _up(interpreter: Path) -> Path:
    return interpreter.parent.parent


def _of_venv(prefix: Path) -> str | None:
    """`version` (venv) or `version_info` (virtualenv, uv) of pyvenv.cfg."""
    for line in _text(prefix / "pyvenv.cfg").splitlines():
        key, _, value = line.partition("=")
        if key.strip() in {"version", "version_info"}:
            found = _FULL_VERSION.match(value.strip())
            if found:
                return found.group()
    return None


def _of_conda(prefix: Path) -> str | None:
    """From the record of the installed `python` package."""
    for record in sorted((prefix / "conda-meta").glob("python-*.json")):
        found = _CONDA_PYTHON.match(record.name)
        if found:
            return found.group(1)
    return None


def _of_installation(interpreter: Path) -> str | None:
    """This very interpreter's own version, else that of the C headers beside it."""
    real = interpreter.resolve()
    if real == Path(sys.executable).resolve():
        return ".".join(map(str, sys.version_info[:3]))
    found = _PATCH_LEVEL.search(_text(_up(real) / "include" / real.name / "patchlevel.h"))
    return found.group(1) if found else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
