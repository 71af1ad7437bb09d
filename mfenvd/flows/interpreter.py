"""The project's Python, found without running anything of the project."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from mfenvd.domain.settings import Settings
from mfenvd.domain.surroundings import Surroundings
from mfenvd.flows.host import Host
from mfenvd.flows.requirement_formats.toml_file import TomlError, parse_toml

_VERSION = re.compile(r"3\.\d+(?:\.\d+)?")
_FULL_VERSION = re.compile(r"(?<![\d.])3\.\d+\.\d+(?![\d.])")
_NAMED = re.compile(r"python(3\.\d+)(?:\.exe)?")
_CONDA_PYTHON = re.compile(r"python-(3\.\d+\.\d+)-[^-]+\.json")
_PATCHLEVEL = re.compile(r'#define\s+PY_VERSION\s+"(3\.\d+\.\d+)')
_VENV_FOLDERS = (".venv", "venv", "env", ".env", ".virtualenv")
_MINORS = tuple(f"3.{minor}" for minor in range(6, 16))


class Interpreter(msgspec.Struct, frozen=True):
    """The project's Python.

    Attributes:
        version: `X.Y.Z`, or `X.Y` where no more is known.
        why: Where that was read, as a phrase.
        path: Absolute path of its executable; None when only its version is known.
        site_packages: Absolute path of the folder of its packages; None when it is not known.
        assumed: Whether nothing of the project or its shell says so.
        watched: Files and folders whose change could change the answer, absolute.
    """

    version: str
    why: str
    path: str | None = None
    site_packages: str | None = None
    assumed: bool = False
    watched: tuple[str, ...] = ()


class _Found(msgspec.Struct, frozen=True):
    version: str
    why: str
    path: str | None = None


def find_interpreter(root: Path, settings: Settings, surroundings: Surroundings, host: Host) -> Interpreter:
    """The Python that runs the flows of the project at `root`.

    The first of these that says a version: mfenv's configuration, the environment that the registering shell had
    activated (`VIRTUAL_ENV`, `CONDA_PREFIX`), an environment in the project (venv, uv, Poetry, pixi, PDM),
    `.python-version`, the `python` of the registering shell, `requires-python`; else the Python that runs mfenv is
    assumed.
    """
    found = next(_candidates(root, settings, surroundings, host))
    assumed = found.why.startswith(_ASSUMED)
    if settings.python and not settings.interpreter:
        # `3.11` in the configuration and 3.11.7 in the project's venv are the same Python.
        exact = found.version == settings.python or found.version.startswith(f"{settings.python}.")
        found = found if exact and not assumed else _Found(settings.python, "`python` in mfenv's configuration")
        assumed = False
    return Interpreter(
        version=found.version,
        why=found.why,
        path=found.path,
        site_packages=_site_packages(found),
        assumed=assumed,
        watched=tuple(_watched(root, surroundings)),
    )


_ASSUMED = "the Python that runs mfenv"


def _candidates(root: Path, settings: Settings, surroundings: Surroundings, host: Host) -> Iterator[_Found]:
    if settings.interpreter:
        yield from _of_executable(settings.interpreter, "`interpreter` in mfenv's configuration")
    activated = [
        surroundings.environ[name] for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if surroundings.environ.get(name)
    ]
    if activated:
        yield from _of_shell(surroundings, "the activated environment")
    for folder in activated:
        yield from _of_prefix(Path(folder), "the activated environment")
    for prefix in _project_prefixes(root, surroundings.environ):
        yield from _of_prefix(prefix, _short(prefix, root))
    yield from _pdm(root)
    yield from _python_version_file(root)
    yield from _of_shell(surroundings, "the shell's Python")
    yield from _requires_python(root, host)
    yield _Found(host.python, _ASSUMED)


def is_users_choice(executable: str, surroundings: Surroundings) -> bool:
    """Whether the user runs the Python at `executable`: in the registering shell, or to start mfenv.

    All others are there on the word of the project, which may have brought them along.
    """
    folder = Path(executable).parent
    of_shell = surroundings.interpreter is not None and folder == Path(surroundings.interpreter).parent
    return of_shell or folder == Path(sys.executable).parent


def _of_shell(surroundings: Surroundings, why: str) -> Iterator[_Found]:
    """What the registering shell said about its Python."""
    if surroundings.python:
        yield _Found(surroundings.python, why, surroundings.interpreter)
    elif surroundings.interpreter:
        yield from _of_executable(surroundings.interpreter, why)


def _of_executable(executable: str, why: str) -> Iterator[_Found]:
    path = Path(executable)
    for prefix in (path.parent.parent, path.parent):
        for found in _of_prefix(prefix, why):
            yield _Found(found.version, why, executable)
    try:
        real = path.resolve()
    except (OSError, RuntimeError):
        return
    version = _installed(real) or _in_path(real)
    if version:
        yield _Found(version, why, executable)
    named = _NAMED.fullmatch(path.name) or _NAMED.fullmatch(real.name)
    if named:
        yield _Found(named[1], why, executable)


def _of_prefix(prefix: Path, why: str) -> Iterator[_Found]:
    """A virtual environment or a conda environment at `prefix`."""
    version = _venv_version(prefix) or _conda_version(prefix)
    if version:
        yield _Found(version, why, _executable(prefix))


def _venv_version(prefix: Path) -> str | None:
    """`version` (venv) or `version_info` (virtualenv, uv) of pyvenv.cfg, else the Python of its `home`."""
    text = _text(prefix / "pyvenv.cfg")
    if text is None:
        return None
    values = {
        key.strip().lower(): value.strip() for key, _, value in (line.partition("=") for line in text.split("\n"))
    }
    for key in ("version_info", "version"):
        match = _VERSION.match(values.get(key, ""))
        if match:
            return match[0]
    home = values.get("home")
    if home:
        for found in _of_executable(str(Path(home, "python3")), ""):
            return found.version
    folder = next(iter(sorted((prefix / "lib").glob("python3.*"))), None)
    return folder.name.removeprefix("python") if folder else None


def _conda_version(prefix: Path) -> str | None:
    """The version in the name of the record that conda keeps of its python package."""
    try:
        names = sorted(entry.name for entry in os.scandir(prefix / "conda-meta"))
    except OSError:
        return None
    return next((match[1] for match in map(_CONDA_PYTHON.fullmatch, names) if match), None)


def _installed(real: Path) -> str | None:
    """The version in the C headers of an installation, where they are installed."""
    for header in sorted(real.parent.parent.glob("include/python3.*/patchlevel.h")):
        minor = header.parent.name.removeprefix("python").rstrip("t")
        named = _NAMED.fullmatch(real.name)
        if named and named[1] != minor:
            continue
        match = _PATCHLEVEL.search(_text(header) or "")
        if match:
            return match[1]
    return None


def _in_path(real: Path) -> str | None:
    """The version in a path as pyenv, uv and asdf lay out theirs: `versions/3.11.7/bin`, `cpython-3.12.4-linux…`."""
    found = [match[0] for part in real.parent.parts for match in _FULL_VERSION.finditer(part)]
    return found[-1] if found else None


def _project_prefixes(root: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    named = environ.get("UV_PROJECT_ENVIRONMENT")
    if named:
        yield root / named
    for folder in (root, *_parents_in_repository(root)):
        yield from (folder / name for name in _VENV_FOLDERS)
        yield folder / ".pixi" / "envs" / "default"
    yield from _poetry_prefixes(root, environ)


def _parents_in_repository(root: Path) -> Iterator[Path]:
    """The folders above the root, up to the top of its repository."""
    if (root / ".git").exists():
        return
    top = next((folder for folder in root.parents if (folder / ".git").exists()), None)
    yield from (folder for folder in root.parents if top and (folder == top or top in folder.parents))


def _poetry_prefixes(root: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Poetry's own folder for the project: `NAME-HASH-pyX.Y`, the hash being of the project's path."""
    project = _pyproject(root)
    name = project.get("tool", {}).get("poetry", {}).get("name") or project.get("project", {}).get("name")
    if not isinstance(name, str) or "poetry" not in str(project.get("build-system", {})) + str(project.get("tool", {})):
        return
    sanitized = re.sub(r"[ $`!*@\"\\\r\n\t]", "_", name.lower())[:42]
    digest = base64.urlsafe_b64encode(hashlib.sha256(os.path.normcase(root.resolve()).encode()).digest()).decode()[:8]
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or "~").expanduser()
    caches = (
        environ.get("XDG_CACHE_HOME", str(home / ".cache")) + "/pypoetry", str(home / "Library/Caches/pypoetry")
    )  # fmt: skip
    for cache in caches:
        yield from sorted(Path(cache, "virtualenvs").glob(f"{sanitized}-{digest}-py*"), reverse=True)


def _pdm(root: Path) -> Iterator[_Found]:
    executable = (_text(root / ".pdm-python") or "").strip()
    if executable:
        yield from _of_executable(executable, ".pdm-python")


def _python_version_file(root: Path) -> Iterator[_Found]:
    """`.python-version` of the project or, as pyenv looks for it, of a folder above."""
    for folder in (root, *_parents_in_repository(root)):
        for line in (_text(folder / ".python-version") or "").splitlines():
            match = _VERSION.fullmatch(line.strip().removeprefix("cpython-").removeprefix("cpython@"))
            if match:
                yield _Found(match[0], _short(folder / ".python-version", root))
                return


def lowest_allowed(allowed: SpecifierSet) -> str | None:
    """The first `3.Y` of which any release is allowed; None when none is."""
    return next((minor for minor in _MINORS if f"{minor}.99" in allowed or f"{minor}.0" in allowed), None)


def _requires_python(root: Path, host: Host) -> Iterator[_Found]:
    """`requires-python`: the Python that runs mfenv where it is allowed, else the lowest that is."""
    project = _pyproject(root)
    text = project.get("project", {}).get("requires-python")
    if not isinstance(text, str):
        return
    try:
        allowed = SpecifierSet(text)
    except InvalidSpecifier:
        return
    lowest = lowest_allowed(allowed)
    if host.python in allowed:
        only = f"3.{int(host.python.split('.')[1]) + 1}.0" not in allowed and host.python.startswith(f"{lowest}.")
        yield _Found(host.python, "`requires-python`" if only else f"{_ASSUMED}, allowed by `requires-python`")
    elif lowest:
        yield _Found(lowest, f"`requires-python` {text}")


def _pyproject(root: Path) -> dict[str, Any]:
    text = _text(root / "pyproject.toml")
    try:
        document = parse_toml(text) if text else {}
    except TomlError:
        return {}
    return {key: value for key, value in document.items() if isinstance(value, dict)}


def _executable(prefix: Path) -> str | None:
    names = ("bin/python", "Scripts/python.exe", "python.exe")
    return next((str(prefix / name) for name in names if (prefix / name).exists()), None)


def _site_packages(found: _Found) -> str | None:
    if found.path is None:
        return None
    prefix = Path(found.path).parent.parent
    minor = ".".join(found.version.split(".")[:2])
    candidates = (prefix / "lib" / f"python{minor}" / "site-packages", prefix / "Lib" / "site-packages")
    return next((str(folder) for folder in candidates if folder.is_dir()), None)


def _watched(root: Path, surroundings: Surroundings) -> Iterator[str]:
    for name in (".python-version", ".pdm-python", "pyproject.toml"):
        yield str(root / name)
    for name in _VENV_FOLDERS:
        yield str(root / name / "pyvenv.cfg")
    prefix = surroundings.environ.get("VIRTUAL_ENV")
    if prefix:
        yield str(Path(prefix, "pyvenv.cfg"))


def _short(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if root in path.parents else str(path)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
