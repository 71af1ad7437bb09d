"""Requirement files of every kind, read into one form."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from mfenvd.domain.finding import Location
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.file_text import MAX_BYTES, MAX_LOCK_BYTES, MAX_YAML_BYTES, read_text
from mfenvd.flows.requirement_formats.findings import Unusable
from mfenvd.flows.requirement_formats.lock_check import lock_findings
from mfenvd.flows.requirement_formats.model import Choice, FileRequirement, Format, LockedFile, RequirementFile
from mfenvd.flows.requirement_formats.pylock import read_pylock
from mfenvd.flows.requirement_formats.pyproject import read_pyproject
from mfenvd.flows.requirement_formats.requirements_txt import read_requirements_txt
from mfenvd.flows.requirement_formats.uv_lock import read_uv_lock

__all__ = ["FileRequirement", "Format", "LockedFile", "RequirementFile", "lock_findings", "read_requirement_file"]


def _read_environment_yml(path: Path, text: str, choice: Choice) -> RequirementFile:
    from mfenvd.flows.requirement_formats.environment_yml import read_environment_yml  # late: it loads a YAML parser

    return read_environment_yml(path, text, choice)


_READERS: dict[Format, Callable[[Path, str, Choice], RequirementFile]] = {
    Format.REQUIREMENTS_TXT: read_requirements_txt,
    Format.PYPROJECT: read_pyproject,
    Format.ENVIRONMENT_YML: _read_environment_yml,
    Format.UV_LOCK: read_uv_lock,
    Format.PYLOCK: read_pylock,
}
_MAX_BYTES: dict[Format | None, int] = {
    Format.UV_LOCK: MAX_LOCK_BYTES,
    Format.PYLOCK: MAX_LOCK_BYTES,
    Format.ENVIRONMENT_YML: MAX_YAML_BYTES,
}
_WITH_GROUPS = frozenset({Format.PYPROJECT, Format.UV_LOCK, Format.PYLOCK})
_PYLOCK_NAME = re.compile(r"pylock\.(?:[^.]+\.)?toml")

_EXPORT_POETRY = "Run `poetry export -o requirements.txt` and name that file."
_EXPORT_PIPENV = "Run `pipenv requirements > requirements.txt` and name that file."
_UNSUPPORTED = {
    "poetry.lock": _EXPORT_POETRY,
    "pdm.lock": "Run `pdm export -o requirements.txt` and name that file.",
    "Pipfile": _EXPORT_PIPENV,
    "Pipfile.lock": _EXPORT_PIPENV,
    "setup.py": "Write the dependencies in pyproject.toml, or run `uv pip compile setup.py -o requirements.txt`.",
    "setup.cfg": "Write the dependencies in pyproject.toml, or run `uv pip compile setup.cfg -o requirements.txt`.",
    "pixi.toml": "Run `pixi workspace export conda-environment environment.yml` and name that file.",
    "pixi.lock": "Run `pixi workspace export conda-environment environment.yml` and name that file.",
    "conda-lock.yml": "Name the environment.yml that it was made from.",
}


def read_requirement_file(  # noqa: PLR0913 - what a file means depends on all of these
    path: Path,
    environ: Mapping[str, str],
    *,
    groups: tuple[str, ...] = (),
    extras: tuple[str, ...] = (),
    cwd: Path | None = None,
    origin: Location | None = None,
) -> RequirementFile:
    """What the file at `path` asks for. Never raises for what a file can contain or be: that is in `findings`.

    Args:
        path: The file; its name decides what it is, its content where the name says nothing.
        environ: For `${VAR}` in requirements.txt.
        groups: Dependency groups (PEP 735) to include.
        extras: Extras of the project to include.
        cwd: Folder that pip would be started in; None means the file's own.
        origin: The place that names the file, for when it cannot be read; None when a command line does.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow links, and `-r` does not
    choice = Choice(environ, Path(os.path.abspath(cwd or path.parent)), groups, extras)  # noqa: PTH100
    fix = _UNSUPPORTED.get(path.name)
    if fix:
        return RequirementFile(str(path), Format.UNKNOWN, findings=(findings.unsupported_format(path, fix),))
    try:
        known = _format_by_name(path.name)
        text = read_text(path, origin, max_bytes=_MAX_BYTES.get(known, MAX_BYTES))
    except Unusable as unusable:
        return RequirementFile(str(path), Format.UNKNOWN, findings=(unusable.finding,))
    kind = known or _format_by_content(path.name, text)
    reading = _READERS[kind](path, text, choice)
    if kind in _WITH_GROUPS:
        return reading
    return _without_choices(reading, choice)


def _format_by_name(name: str) -> Format | None:
    """None where the content has to decide."""
    lower = name.lower()
    if lower == "pyproject.toml":
        return Format.PYPROJECT
    if lower == "uv.lock":
        return Format.UV_LOCK
    if _PYLOCK_NAME.fullmatch(lower):
        return Format.PYLOCK
    if lower.endswith((".yml", ".yaml")):
        return Format.ENVIRONMENT_YML
    return None if lower.endswith((".toml", ".lock")) else Format.REQUIREMENTS_TXT


def _format_by_content(name: str, text: str) -> Format:
    """A TOML file under another name, as `requirements.lock` and `pylock-gpu.toml`."""
    if re.search(r"^lock-version\s*=", text, re.MULTILINE):
        return Format.PYLOCK
    if re.search(r"^\[\[package\]\]", text, re.MULTILINE) and re.search(r"^version\s*=\s*\d", text, re.MULTILINE):
        return Format.UV_LOCK
    return Format.PYPROJECT if name.lower().endswith(".toml") else Format.REQUIREMENTS_TXT


def _without_choices(reading: RequirementFile, choice: Choice) -> RequirementFile:
    """Groups and extras were asked of a file that cannot have any."""
    wanted = [("dependency group", name) for name in choice.groups] + [("extra", name) for name in choice.extras]
    said = tuple(findings.unknown_choice(kind, name, (), Location(reading.path)) for kind, name in wanted)
    return msgspec.structs.replace(reading, findings=reading.findings + said) if said else reading
