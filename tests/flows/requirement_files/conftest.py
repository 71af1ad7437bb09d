"""A project folder to write files into, and a short way to read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mfenvd.flows.requirement_file import RequirementFile, read_requirement_file

Write = Callable[[str, str], Path]
Read = Callable[..., RequirementFile]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(name, text)`: a file in the project's folder."""

    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


@pytest.fixture
def read(write: Write) -> Read:
    """`read(name, text, groups=…, extras=…, environ=…)`: the file as `RequirementFile`."""

    def read_file(
        name: str,
        text: str,
        *,
        environ: Mapping[str, str] | None = None,
        groups: tuple[str, ...] = (),
        extras: tuple[str, ...] = (),
    ) -> RequirementFile:
        return read_requirement_file(write(name, text), environ or {}, groups=groups, extras=extras)

    return read_file


def texts(reading: RequirementFile) -> list[str]:
    """The requirements alone."""
    return [requirement.text for requirement in reading.requirements]


def places(reading: RequirementFile) -> list[tuple[str, int | None, int | None]]:
    """Each requirement with its line and column."""
    return [(r.text, r.location.line, r.location.column) for r in reading.requirements]


def said(reading: RequirementFile) -> list[tuple[str, int | None]]:
    """Each finding's code and line."""
    return [(str(finding.code), finding.line) for finding in reading.findings]
