"""uv.lock: every package of a project, with its files, and the markers under which it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from packaging.markers import InvalidMarker
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from mfenvd.domain.finding import Location
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.findings import Unusable
from mfenvd.flows.requirement_formats.lock_age import compare_with_project
from mfenvd.flows.requirement_formats.lock_graph import LockGraph, tables
from mfenvd.flows.requirement_formats.marker_text import as_marker
from mfenvd.flows.requirement_formats.model import Choice, Draft, FileRequirement, Format, LockedFile, RequirementFile
from mfenvd.flows.requirement_formats.parsing import parse_marker
from mfenvd.flows.requirement_formats.requirement_text import Entry, canonical, python_wanted
from mfenvd.flows.requirement_formats.toml_reader import TomlReader

_LOCK_VERSION = 1
_LOCAL_SOURCES = ("path", "directory", "editable")


def read_uv_lock(path: Path, text: str, choice: Choice) -> RequirementFile:
    """The packages that the lock at `path` has for the project with the extras and groups in `choice`.

    The project itself is not among them. Indexes are those of the pyproject.toml beside it.
    """
    draft = Draft(str(path), Format.UV_LOCK)
    try:
        reader = _opened(path, text, draft)
    except Unusable as unusable:
        draft.findings.append(unusable.finding)
        return draft.finish()
    _read_header(reader, draft)
    graph = LockGraph(reader, choice)
    for kind, name, known in graph.unknown:
        draft.findings.append(findings.unknown_choice(kind, name, known, Location(str(path))))
    places = reader.elements("package")
    for index, condition in graph.needed().items():
        package, location = reader.table("package", index), places[index]
        try:
            _add(package, as_marker(condition), location, path.parent, draft)
        except Unusable as unusable:
            draft.findings.append(unusable.finding)
        except ValueError as error:
            # A marker or a URL that no tool can read.
            draft.findings.append(findings.malformed("uv.lock", str(error).partition("\n")[0], location))
    compare_with_project(path, draft, choice, graph.versions(), graph.declared())
    return draft.finish()


def _opened(path: Path, text: str, draft: Draft) -> TomlReader:
    reader = TomlReader(text, str(path), draft.findings)
    version = reader.get("version")
    if version != _LOCK_VERSION:
        raise Unusable(findings.unknown_lock_version(str(version), reader.location("version")))
    return reader


def _read_header(reader: TomlReader, draft: Draft) -> None:
    try:
        draft.python = python_wanted(SpecifierSet(reader.string("requires-python") or ""))
    except InvalidSpecifier as error:
        draft.findings.append(findings.malformed("uv.lock", str(error), reader.location("requires-python")))
    draft.environments += [text for text, _ in reader.strings("supported-markers") if _is_marker(text)]


def _add(package: Mapping[str, Any], marker: str | None, location: Location, folder: Path, draft: Draft) -> None:
    name, version = str(package.get("name", "")), str(package.get("version", ""))
    source = package.get("source")
    source = source if isinstance(source, Mapping) else {}
    suffix = f" ; {parse_marker(marker)}" if marker else ""
    wheels = tables(package.get("wheels"))
    sdist = package.get("sdist")
    if "virtual" in source:
        return
    if "registry" in source:
        text, hashes = f"{name}=={version}{suffix}", _hashes([*wheels, sdist])
    else:
        text, hashes = f"{name} @ {_direct(source, folder)}{suffix}", ()
    found = canonical(Entry(text, location, (folder,)))
    draft.reads += found.reads
    draft.requirements.append(FileRequirement(found.text, location, hashes))
    if "registry" in source or wheels:
        filenames = tuple(filter(None, map(_filename, wheels)))
        draft.locked.append(LockedFile(name, version, filenames, isinstance(sdist, Mapping), marker, location))


def _direct(source: Mapping[str, Any], folder: Path) -> str:
    """The URL of a package that is on no index."""
    if "git" in source:
        parts = urlsplit(str(source["git"]))
        subdirectory = dict(parse_qsl(parts.query)).get("subdirectory")
        base = urlunsplit(parts._replace(query="", fragment=""))
        return f"git+{base}@{parts.fragment}{f'#subdirectory={subdirectory}' if subdirectory else ''}"
    if "url" in source:
        subdirectory = source.get("subdirectory")
        return f"{source['url']}{f'#subdirectory={subdirectory}' if subdirectory else ''}"
    for kind in _LOCAL_SOURCES:
        if kind in source:
            return (folder / str(source[kind])).as_uri()
    return ""


def _filename(file: Mapping[str, Any]) -> str:
    place = str(file.get("filename") or file.get("path") or urlsplit(str(file.get("url", ""))).path)
    return unquote(place.replace("\\", "/").rpartition("/")[2])


def _hashes(files: list[Any]) -> tuple[str, ...]:
    found = (file.get("hash") for file in files if isinstance(file, Mapping))
    return tuple(dict.fromkeys(text for text in found if isinstance(text, str)))


def _is_marker(text: str) -> bool:
    try:
        parse_marker(text)
    except InvalidMarker:
        return False
    return True
