"""Members of a uv workspace: projects that lie beside each other and use one another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from mfenvd.flows.requirement_formats.file_text import read_text
from mfenvd.flows.requirement_formats.findings import Unusable
from mfenvd.flows.requirement_formats.project_name import project_name
from mfenvd.flows.requirement_formats.toml_file import TomlError, parse_toml

_MOST_MEMBERS = 500


def workspace_member(folder: Path, name: str, reads: list[str]) -> Path | None:
    """The folder of the member called `name` in the workspace that `folder` belongs to; None when there is none.

    Args:
        folder: Absolute, of a pyproject.toml.
        name: The project's name, in any spelling.
        reads: Gets the pyproject.toml files that were looked into.
    """
    for root in (folder, *folder.parents):
        members = _members(root)
        if members is None:
            continue
        reads.append(str(root / "pyproject.toml"))
        for member in (root, *members):
            reads.append(str(member / "pyproject.toml"))
            found = project_name(member)
            if found and canonicalize_name(found) == canonicalize_name(name):
                return member
        return None
    return None


def _members(root: Path) -> Iterator[Path] | None:
    """The members' folders, sorted; None when `root` is not the root of a workspace."""
    try:
        data: Any = parse_toml(read_text(root / "pyproject.toml"))
    except (Unusable, TomlError):
        return None
    for key in ("tool", "uv", "workspace"):
        data = data.get(key) if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping):
        return None
    members = data.get("members")
    patterns = members if isinstance(members, list) else []
    return _matching(root, [pattern for pattern in patterns if isinstance(pattern, str)])


def _matching(root: Path, patterns: list[str]) -> Iterator[Path]:
    count = 0
    for pattern in patterns:
        try:
            folders = sorted(root.glob(pattern)) if any(mark in pattern for mark in "*?[") else [root / pattern]
        except (ValueError, NotImplementedError, OSError):
            continue
        for folder in folders:
            count += 1
            if count > _MOST_MEMBERS:
                return
            if (folder / "pyproject.toml").is_file():
                yield folder
