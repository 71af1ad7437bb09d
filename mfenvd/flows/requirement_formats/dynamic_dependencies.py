"""Dependencies that a pyproject.toml leaves to its build backend, as far as the backend reads them from files."""

from __future__ import annotations

import os
from pathlib import Path

from packaging.utils import canonicalize_name

from mfenvd.domain.finding import Location
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.file_text import read_text
from mfenvd.flows.requirement_formats.findings import Unusable
from mfenvd.flows.requirement_formats.logical_lines import logical_lines
from mfenvd.flows.requirement_formats.model import Draft
from mfenvd.flows.requirement_formats.toml_file import Key
from mfenvd.flows.requirement_formats.toml_reader import TomlReader

Texts = list[tuple[str, Location]]

_SETUPTOOLS: Key = ("tool", "setuptools", "dynamic")
_HATCH: Key = ("tool", "hatch", "metadata", "hooks", "requirements_txt")  # the plugin hatch-requirements-txt


def dynamic_dependencies(reader: TomlReader, path: Path, draft: Draft) -> Texts:
    """The project's own dependencies; a finding where a build would have to say them."""
    return _from_files(
        reader, path, draft, ((*_SETUPTOOLS, "dependencies", "file"), (*_HATCH, "files")), "The dependencies"
    )


def dynamic_extra(reader: TomlReader, path: Path, draft: Draft, extra: str) -> Texts:
    """Those of one extra."""
    for parent, ending in (
        ((*_SETUPTOOLS, "optional-dependencies"), ("file",)),
        ((*_HATCH, "optional-dependencies"), ()),
    ):
        for name in reader.table(*parent):
            if canonicalize_name(name) == canonicalize_name(extra):
                return _from_files(reader, path, draft, ((*parent, name, *ending),), f"The extra {extra}")
    return _from_files(reader, path, draft, (), f"The extra {extra}")


def _from_files(reader: TomlReader, path: Path, draft: Draft, keys: tuple[Key, ...], what: str) -> Texts:
    named = [file for key in keys for file in reader.strings(*key)]
    if not named:
        draft.findings.append(findings.dynamic(what, reader.location("project", "dynamic")))
    texts: Texts = []
    for name, origin in named:
        file = Path(os.path.normpath(path.parent / name))
        draft.reads.append(str(file))
        try:
            lines = logical_lines(read_text(file, origin), str(file))
        except Unusable as unusable:
            draft.findings.append(unusable.finding)
        else:
            texts += [(line.text, line.location()) for line in lines]
    return texts
