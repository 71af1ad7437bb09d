"""What a pyproject.toml declares: dependencies, extras and groups, before uv's sources are applied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name

from mfenvd.domain.finding import Location
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.dynamic_dependencies import dynamic_dependencies, dynamic_extra
from mfenvd.flows.requirement_formats.model import Choice, Draft
from mfenvd.flows.requirement_formats.parsing import parse_requirement
from mfenvd.flows.requirement_formats.toml_reader import TomlReader

_EXTRAS = ("project", "optional-dependencies")
_GROUPS = ("dependency-groups",)
_UV_DEV = ("tool", "uv", "dev-dependencies")  # how uv wrote the group `dev` before PEP 735


class Declared(msgspec.Struct, frozen=True):
    """A dependency as written, and the extra or group that it belongs to."""

    text: str
    location: Location
    extra: str | None = None
    group: str | None = None


class Project:
    """The declarations of one pyproject.toml."""

    def __init__(self, reader: TomlReader, path: Path, draft: Draft) -> None:
        self._reader = reader
        self._path = path
        self._draft = draft
        self._name = canonicalize_name(reader.string("project", "name") or "")
        self._dynamic = {text for text, _ in reader.strings("project", "dynamic")}
        self._extras = {canonicalize_name(name): name for name in reader.table(*_EXTRAS)}
        self._groups: dict[str, list[tuple[str, ...]]] = {
            canonicalize_name(name): [(*_GROUPS, name)] for name in reader.table(*_GROUPS)
        }
        self._done: set[tuple[str, str, str]] = set()
        if reader.items(*_UV_DEV):
            self._groups.setdefault(canonicalize_name("dev"), []).append(_UV_DEV)

    def dependencies(self, choice: Choice) -> Iterator[Declared]:
        """Those of the project, of the chosen extras, then of the chosen groups."""
        if "dependencies" in self._dynamic:
            own = dynamic_dependencies(self._reader, self._path, self._draft)
        else:
            own = self._reader.strings("project", "dependencies")
        for text, location in own:
            yield from self._expanded(Declared(text, location))
        for extra in choice.extras:
            yield from self._extra(extra, Declared("", self._reader.location(*_EXTRAS)), "")
        for group in choice.groups:
            yield from self._group(group, self._reader.location(*_GROUPS), ())

    def _extra(self, name: str, by: Declared, marker: str) -> Iterator[Declared]:
        """The dependencies of an extra that `by` asks for, under `marker`; once, however often it is asked for."""
        key = canonicalize_name(name)
        if self._is_done(f"extra {key}", by.group or "", marker):
            return
        if key in self._extras:
            texts = self._reader.strings(*_EXTRAS, self._extras[key])
        elif "optional-dependencies" in self._dynamic:
            texts = dynamic_extra(self._reader, self._path, self._draft, name)
        else:
            self._draft.findings.append(findings.unknown_choice("extra", name, self._extras.values(), by.location))
            return
        for text, place in texts:
            yield from self._expanded(Declared(text, place, key, by.group), marker)

    def _expanded(self, declared: Declared, marker: str = "") -> Iterator[Declared]:
        """`name[extra]` of the project itself means the dependencies of that extra."""
        text = with_marker(declared.text, marker) if marker else declared.text
        try:
            requirement = parse_requirement(text)
        except InvalidRequirement:
            yield declared
            return
        if requirement.url or canonicalize_name(requirement.name) != self._name:
            yield msgspec.structs.replace(declared, text=text)
            return
        for extra in sorted(requirement.extras):
            yield from self._extra(extra, declared, str(requirement.marker or ""))

    def _is_done(self, what: str, group: str, marker: str) -> bool:
        done = (what, group, marker)
        known = done in self._done
        self._done.add(done)
        return known

    def _group(self, name: str, location: Location, trail: tuple[str, ...]) -> Iterator[Declared]:
        key = canonicalize_name(name)
        if key in trail:
            way = " -> ".join((*trail, key))
            self._draft.findings.append(findings.bad_group(f"Dependency groups include each other: {way}", location))
        elif key not in self._groups:
            known = [str(path[-1]) for paths in self._groups.values() for path in paths]
            self._draft.findings.append(findings.unknown_choice("dependency group", name, known, location))
        elif not self._is_done(f"group {key}", "", ""):
            for path in self._groups[key]:
                yield from self._group_items(path, (*trail, key))

    def _group_items(self, path: tuple[str, ...], trail: tuple[str, ...]) -> Iterator[Declared]:
        for index, item in enumerate(self._reader.items(*path)):
            place = self._reader.location(*path, index)
            included = item.get("include-group") if isinstance(item, dict) and len(item) == 1 else None
            if isinstance(item, str):
                yield from self._expanded(Declared(item, place, group=trail[-1]))
            elif isinstance(included, str):
                yield from self._group(included, place, trail)
            else:
                self._reader.wrong((*path, index), "a requirement or `{include-group = NAME}`")


def with_marker(text: str, marker: str) -> str:
    """The requirement `text`, needed only where `marker` holds as well; `text` itself when it is not valid."""
    try:
        requirement = parse_requirement(text)
    except InvalidRequirement:
        return text
    both = f"({requirement.marker}) and ({marker})" if requirement.marker else marker
    requirement.marker = None
    return f"{requirement} ; {both}"
