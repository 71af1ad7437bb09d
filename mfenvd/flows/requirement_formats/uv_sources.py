"""`[tool.uv.sources]` of a pyproject.toml: which packages come from elsewhere than an index (uv 0.13)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mfenvd.domain.finding import Location, Severity
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.model import Draft
from mfenvd.flows.requirement_formats.parsing import parse_requirement
from mfenvd.flows.requirement_formats.project import Declared, with_marker
from mfenvd.flows.requirement_formats.toml_reader import TomlReader
from mfenvd.flows.requirement_formats.uv_settings import UV
from mfenvd.flows.requirement_formats.workspace import workspace_member

_SOURCES = (*UV, "sources")
_COMPARISON = re.compile(r"(?P<left>\S+)\s*(?P<op>==|!=|<=|>=|<|>|not in|in)\s*(?P<right>\S+)")
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in"}


class UvSources:
    """The sources of one file, applied to its dependencies."""

    def __init__(self, reader: TomlReader, folder: Path, draft: Draft) -> None:
        self._reader = reader
        self._folder = folder
        self._draft = draft
        self._sources = {canonicalize_name(name): name for name in reader.table(*_SOURCES)}

    @property
    def pinned(self) -> set[str]:
        """Names of the indexes that some package is taken from."""
        every = (source for name in self._sources.values() for source, _ in self._entries(name))
        return {str(source["index"]) for source in every if source.get("index") is not None}

    def sourced(self, declared: Declared) -> Iterator[Declared]:
        """`declared` with its source from `[tool.uv.sources]`, once per source that applies."""
        try:
            requirement = parse_requirement(declared.text)
        except InvalidRequirement:
            yield declared
            return
        name = self._sources.get(canonicalize_name(requirement.name))
        if name is None or requirement.url:
            yield declared
            return
        markers = []
        for source, place in self._entries(name):
            text = self._direct(requirement, source, place) if _applies(source, declared) else None
            if text is None:
                continue
            marker = str(source.get("marker") or "")
            yield msgspec.structs.replace(declared, text=with_marker(text, marker) if marker else text)
            if marker and _opposite(marker) is None:
                self._draft.findings.append(findings.source_marker(requirement.name, marker, place))
            markers.append(marker)
        opposites = [_opposite(marker) for marker in markers]
        if None not in opposites:
            elsewhere = " and ".join(filter(None, opposites))
            text = with_marker(declared.text, elsewhere) if elsewhere else declared.text
            yield msgspec.structs.replace(declared, text=text)

    def _entries(self, name: str) -> Iterator[tuple[Mapping[str, Any], Location]]:
        value = self._reader.get(*_SOURCES, name)
        is_list = isinstance(value, list)
        for index, source in enumerate(value if is_list else [value]):
            key = (*_SOURCES, name, index) if is_list else (*_SOURCES, name)
            if isinstance(source, Mapping):
                yield source, self._reader.location(*key)
            else:
                self._reader.wrong(key, "a table")

    def _direct(self, requirement: Requirement, source: Mapping[str, Any], place: Location) -> str | None:
        """The requirement as a direct reference; None when it still comes from an index."""
        if source.get("index") is not None:
            self._pinned(str(source["index"]), requirement.name, place)
            return None
        url = self._url(requirement.name, source, place)
        if url is None:
            return None
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        marker = f" ; {requirement.marker}" if requirement.marker else ""
        return f"{requirement.name}{extras} @ {url}{marker}"

    def _url(self, name: str, source: Mapping[str, Any], place: Location) -> str | None:
        subdirectory = f"#subdirectory={source['subdirectory']}" if source.get("subdirectory") else ""
        if "git" in source:
            revision = source.get("rev") or source.get("tag") or source.get("branch")
            url = str(source["git"]).removeprefix("git+")
            return f"git+{url}{f'@{revision}' if revision else ''}{subdirectory}"
        if "url" in source:
            return f"{source['url']}{subdirectory}"
        if "path" in source:
            return (self._folder / str(source["path"])).as_uri()
        if source.get("workspace") is True:
            member = workspace_member(self._folder, name, self._draft.reads)
            if member is not None:
                return member.as_uri()
            self._draft.findings.append(findings.no_workspace_member(name, place))
            return None
        text = f"The source of {name} is of no kind that uv knows, so it is left out."
        self._draft.findings.append(findings.unsupported_option(text, place, None, Severity.WARNING))
        return None

    def _pinned(self, index: str, name: str, place: Location) -> None:
        known = {str(i.get("name")) for i in self._reader.items(*UV, "index") if isinstance(i, Mapping)}
        if index in known:
            text = f"{name} may come from any index: mfenv asks all of them, not only {index}."
            self._draft.findings.append(findings.unsupported_option(text, place))
        else:
            text = f"The index {index}, which {name} is meant to come from, is not defined."
            fix = f'Define it: `[[tool.uv.index]]` with `name = "{index}"` and its `url`.'
            self._draft.findings.append(findings.unsupported_option(text, place, fix, Severity.ERROR))


def _applies(source: Mapping[str, Any], declared: Declared) -> bool:
    """A source may be meant for one extra or group alone."""
    for key, own in (("extra", declared.extra), ("group", declared.group)):
        wanted = source.get(key)
        if wanted is not None and (own is None or canonicalize_name(str(wanted)) != own):
            return False
    return True


def _opposite(marker: str) -> str | None:
    """The marker that holds where `marker` does not; None for "always" and for more than one comparison."""
    found = _COMPARISON.fullmatch(marker.strip())
    return f"{found['left']} {_OPPOSITE[found['op']]} {found['right']}" if found else None
