"""The name of a project in a folder, as far as it is written down; nothing there is run."""

from __future__ import annotations

import ast
import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mfenvd.flows.requirement_formats.file_text import read_text
from mfenvd.flows.requirement_formats.findings import Unusable
from mfenvd.flows.requirement_formats.toml_file import TomlError, parse_toml

PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py")


def is_project(folder: Path) -> bool:
    """Whether pip would install it: one of its build backends can tell from these files."""
    return any((folder / name).is_file() for name in ("pyproject.toml", "setup.py"))


def project_name(folder: Path) -> str | None:
    """The project's name as written in pyproject.toml, setup.cfg or a literal of setup.py; None when in none."""
    for name, reader in zip(PROJECT_FILES, (_from_pyproject, _from_setup_cfg, _from_setup_py), strict=True):
        try:
            text = read_text(folder / name)
        except Unusable:
            continue
        found = reader(text)
        if isinstance(found, str) and found:
            return found
    return None


def _from_pyproject(text: str) -> object:
    try:
        data = parse_toml(text)
    except TomlError:
        return None
    return _get(data, "project", "name") or _get(data, "tool", "poetry", "name")


def _from_setup_cfg(text: str) -> object:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return parser.get("metadata", "name", fallback=None)


def _from_setup_py(text: str) -> object:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_setup(node.func))
    names = (word.value for call in calls for word in call.keywords if word.arg == "name")
    return next((value.value for value in names if isinstance(value, ast.Constant)), None)


def _is_setup(function: ast.expr) -> bool:
    """`setup(…)` or `setuptools.setup(…)`."""
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)
    return name == "setup"


def _get(data: Mapping[str, Any], *keys: str) -> object:
    value: object = data
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
