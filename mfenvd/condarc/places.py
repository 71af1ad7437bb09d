"""Where conda's configuration stands, in the order of micromamba 2 (`compute_default_rc_sources`)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

_NAMES = frozenset({".condarc", "condarc", ".mambarc", "mambarc"})
_SUFFIXES = (".yml", ".yaml")


def configuration_places(variables: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """Files and folders of files that may hold configuration, the one that wins first.

    `MAMBARC` and `CONDARC` replace all others, as they do for micromamba.

    Args:
        variables: Of the shell.
        home: The user's folder.
    """
    if variables.get("MAMBA_NO_RC", "").lower() in {"true", "1", "yes", "on"}:
        return ()
    named = [variables[name] for name in ("MAMBARC", "CONDARC") if variables.get(name)]
    if named:
        return tuple(_expanded(text, home) for text in named)
    weakest_first = (*_system(), *_roots(variables, home), *_users(variables, home))
    # A place counts once, where it is weakest: conda does so, that the base environment may be the active one.
    return tuple(reversed(tuple(dict.fromkeys(weakest_first))))


def files_at(place: Path) -> list[Path]:
    """The configuration files that `place` stands for: itself, or those in the folder, sorted."""
    if place.is_dir():
        try:
            return sorted(file for file in place.iterdir() if _is_configuration(file) and file.is_file())
        except OSError:
            return []
    return [place] if _is_configuration(place) and place.is_file() else []


def root_prefix(variables: Mapping[str, str], home: Path) -> Path:
    """Where micromamba keeps its base environment."""
    if variables.get("MAMBA_ROOT_PREFIX"):
        return _expanded(variables["MAMBA_ROOT_PREFIX"], home)
    of_version_1 = home / "micromamba"
    if (of_version_1 / "conda-meta").is_dir() or (of_version_1 / "pkgs").is_dir():
        return of_version_1
    return Path(variables.get("XDG_DATA_HOME") or home / ".local" / "share") / "mamba"


def _system() -> Iterator[Path]:
    folders = (
        [Path("C:/ProgramData/conda")] if sys.platform == "win32" else [Path("/etc/conda"), Path("/var/lib/conda")]
    )
    for folder in folders:
        yield from _of_both(folder)


def _roots(variables: Mapping[str, str], home: Path) -> Iterator[Path]:
    """The base environments: conda's, whose configuration conda itself reads, then micromamba's."""
    if variables.get("CONDA_EXE"):
        yield from _of_both(_expanded(variables["CONDA_EXE"], home).parent.parent)
    yield from _of_both(root_prefix(variables, home))


def _users(variables: Mapping[str, str], home: Path) -> Iterator[Path]:
    """The user's own; what the environment in use says comes before conda's files, and behind mamba's."""
    config = Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
    active = [_expanded(variables["CONDA_PREFIX"], home)] if variables.get("CONDA_PREFIX") else []
    for folder in dict.fromkeys((config / "conda", home / ".conda")):
        yield from (folder / ".condarc", folder / "condarc", folder / "condarc.d")
    yield home / ".condarc"
    for folder in active:
        yield from (folder / ".condarc", folder / "condarc", folder / "condarc.d")
    for folder in (config / "mamba", home / ".mamba"):
        yield from (folder / ".mambarc", folder / "mambarc", folder / "mambarc.d")
    yield home / ".mambarc"
    yield from (folder / ".mambarc" for folder in active)


def _of_both(folder: Path) -> tuple[Path, ...]:
    return folder / ".condarc", folder / "condarc", folder / "condarc.d", folder / ".mambarc"


def _expanded(text: str, home: Path) -> Path:
    return home / text[2:] if text.startswith(("~/", "~\\")) else Path(os.path.abspath(text))  # noqa: PTH100 - keeps links


def _is_configuration(file: Path) -> bool:
    return file.name in _NAMES or file.name.endswith(_SUFFIXES)
