"""pyproject.toml: a project's dependencies, extras and groups (PEP 621, PEP 735), with uv's sources and indexes."""

from __future__ import annotations

from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from mfenvd.domain.finding import Severity
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.findings import Unusable
from mfenvd.flows.requirement_formats.model import Choice, Draft, FileRequirement, Format, RequirementFile
from mfenvd.flows.requirement_formats.project import Declared, Project
from mfenvd.flows.requirement_formats.requirement_text import Entry, canonical, python_wanted
from mfenvd.flows.requirement_formats.toml_reader import TomlReader
from mfenvd.flows.requirement_formats.uv_settings import apply_uv_settings
from mfenvd.flows.requirement_formats.uv_sources import UvSources

# Tables of dependencies that belong to other tools, and what to do about them.
_FOREIGN_TABLES = (
    (("tool", "pixi", "dependencies"), "Run `pixi workspace export conda-environment environment.yml`, and name it."),
    (("tool", "pixi", "pypi-dependencies"), "Write them under `[project]` as `dependencies = [...]`."),
)


def read_pyproject(path: Path, text: str, choice: Choice) -> RequirementFile:
    """The project at `path`: its dependencies, with those of the extras and groups in `choice`."""
    draft = Draft(str(path), Format.PYPROJECT)
    try:
        reader = TomlReader(text, str(path), draft.findings)
    except Unusable as unusable:
        draft.findings.append(unusable.finding)
        return draft.finish()
    sources = UvSources(reader, path.parent, draft)
    apply_uv_settings(reader, path.parent, choice, draft, sources.pinned)
    for declared in Project(reader, path, draft).dependencies(choice):
        for wanted in sources.sourced(declared):
            _add(wanted, path.parent, draft)
    _read_python(reader, draft)
    _say_unread(reader, draft)
    return draft.finish()


def _add(declared: Declared, folder: Path, draft: Draft) -> None:
    try:
        found = canonical(Entry(declared.text, declared.location, (folder,)))
    except Unusable as unusable:
        draft.findings.append(unusable.finding)
        return
    draft.reads += found.reads
    draft.findings += found.notes
    draft.requirements.append(FileRequirement(found.text, declared.location))


def _read_python(reader: TomlReader, draft: Draft) -> None:
    text = reader.string("project", "requires-python")
    try:
        draft.python = python_wanted(SpecifierSet(text or ""))
    except InvalidSpecifier as error:
        place = reader.location("project", "requires-python")
        draft.findings.append(findings.bad_requirement(text or "", str(error), place, "Write it as `>=3.10`."))


def _say_unread(reader: TomlReader, draft: Draft) -> None:
    """Dependencies that stand where only another tool looks."""
    for key, fix in _FOREIGN_TABLES:
        if reader.table(*key):
            text = f"`[{'.'.join(key)}]` is not read."
            draft.findings.append(
                findings.unsupported_option(text, reader.location(*key), fix, Severity.WARNING),
            )
    poetry = ("tool", "poetry", "dependencies")
    if set(reader.table(*poetry)) - {"python"} and "dependencies" not in reader.table("project"):
        draft.findings.append(findings.poetry_dependencies(reader.location(*poetry)))
