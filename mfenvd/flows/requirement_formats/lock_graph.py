"""Which packages of a uv.lock are needed, and where: markers stand on the edges between packages."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.utils import canonicalize_name

from mfenvd.flows.requirement_formats.marker_text import ALWAYS, NEVER, Condition, both, choose_conflicts, either
from mfenvd.flows.requirement_formats.model import Choice
from mfenvd.flows.requirement_formats.toml_reader import TomlReader

Node = tuple[int, str]
"""A package by its place in the lock, and one of its extras (empty for the package itself)."""

_PROJECT_SOURCES = ("virtual", "editable", "directory")


class LockGraph:
    """The packages of a lock as uv follows them from the project.

    Attributes:
        unknown: `(dependency group or extra, name, known names)` that were asked for and do not exist.
    """

    def __init__(self, reader: TomlReader, choice: Choice) -> None:
        self._packages = [
            item if isinstance(item, Mapping) else {} for item in reader.items("package")
        ]  # fmt: skip
        self._manifest = reader.table("manifest")
        self._by_name: dict[str, list[int]] = {}
        for index, package in enumerate(self._packages):
            self._by_name.setdefault(str(package.get("name", "")), []).append(index)
        self._roots = self._find_roots()
        self._extras = tuple(map(canonicalize_name, choice.extras))
        self._groups = tuple(map(canonicalize_name, choice.groups))
        self._chosen = frozenset(self._conflict_names())
        self.unknown = [
            *(("extra", name, known) for name in choice.extras
              if canonicalize_name(name) not in (known := self._names("optional-dependencies"))),
            *(("dependency group", name, known) for name in choice.groups
              if canonicalize_name(name) not in (known := self._names("dev-dependencies"))),
        ]  # fmt: skip

    def needed(self) -> dict[int, Condition]:
        """`{place in the lock: when it is needed}` for every package but the project's own, in the lock's order."""
        conditions: dict[Node, Condition] = {(root, ""): ALWAYS for root in self._roots}
        queue = deque((ALWAYS, edge) for edge in self._first_edges())
        while queue:
            condition, edge = queue.popleft()
            marker = choose_conflicts(str(edge.get("marker") or ""), self._chosen)
            if marker is None:
                continue
            reached = both(condition, marker)
            for node in self._targets(edge):
                known = conditions.get(node, NEVER)
                wider = either(known, reached)
                if wider != known:
                    conditions[node] = wider
                    queue.extend((wider, following) for following in self._edges(node))
        places = (index for index in range(len(self._packages)) if index not in self._roots)
        return {index: conditions[index, ""] for index in places if (index, "") in conditions}

    def versions(self) -> dict[str, list[str]]:
        """`{canonical name: versions in the lock}`; an empty version where the lock has none."""
        return {
            name: [str(self._packages[index].get("version", "")) for index in indexes]
            for name, indexes in self._by_name.items()
        }

    def declared(self) -> set[str]:
        """Canonical names of what the project asked for when the lock was made."""
        names = {str(edge.get("name")) for edge in tables(self._manifest.get("requirements"))}
        for package in self._root_packages():
            metadata = package.get("metadata")
            if isinstance(metadata, Mapping):
                names |= {str(edge.get("name")) for edge in tables(metadata.get("requires-dist"))}
                for edges in _lists(metadata.get("requires-dev")).values():
                    names |= {str(edge.get("name")) for edge in edges}
        return names

    def _find_roots(self) -> tuple[int, ...]:
        """The project's own package, else all members of the workspace."""
        places = {
            index: str(source.get(kind))
            for index, package in enumerate(self._packages)
            if isinstance(source := package.get("source"), Mapping)
            for kind in _PROJECT_SOURCES
            if kind in source
        }
        own = tuple(index for index, place in places.items() if place == ".")
        members = _strings(self._manifest.get("members"))
        return own or tuple(index for index in places if self._packages[index].get("name") in members)

    def _root_packages(self) -> list[Mapping[str, Any]]:
        return [self._packages[root] for root in self._roots]

    def _names(self, part: str) -> set[str]:
        """Extras or groups that the lock knows."""
        known = {name for package in self._root_packages() for name in _lists(package.get(part))}
        if part == "dev-dependencies":
            return known | set(_lists(self._manifest.get("dependency-groups")))
        for package in self._root_packages():
            metadata = package.get("metadata")
            provided = metadata.get("provides-extras") if isinstance(metadata, Mapping) else None
            known.update(_strings(provided))
        return known

    def _first_edges(self) -> Iterator[Mapping[str, Any]]:
        yield from tables(self._manifest.get("requirements"))
        groups = _lists(self._manifest.get("dependency-groups"))
        for group in self._groups:
            yield from groups.get(group, ())
        for package in self._root_packages():
            yield from tables(package.get("dependencies"))
            extras, dev = _lists(package.get("optional-dependencies")), _lists(package.get("dev-dependencies"))
            for extra in self._extras:
                yield from extras.get(extra, ())
            for group in self._groups:
                yield from dev.get(group, ())

    def _edges(self, node: Node) -> list[Mapping[str, Any]]:
        index, extra = node
        package = self._packages[index]
        if extra:
            return _lists(package.get("optional-dependencies")).get(extra, [])
        return tables(package.get("dependencies"))

    def _targets(self, edge: Mapping[str, Any]) -> Iterator[Node]:
        """The packages that an edge leads to; version and source are named where the name alone is ambiguous."""
        for index in self._by_name.get(str(edge.get("name")), ()):
            package = self._packages[index]
            if all(edge.get(key) in (None, package.get(key)) for key in ("version", "source")):
                yield index, ""
                yield from ((index, extra) for extra in _strings(edge.get("extra")))

    def _conflict_names(self) -> Iterator[str]:
        """How uv spells the chosen extras and groups in markers."""
        for package in self._root_packages():
            name = str(package.get("name"))
            owner = f"{len(name)}-{name}"
            yield f"project-{owner}"
            yield from (f"extra-{owner}-{extra}" for extra in self._extras)
            yield from (f"group-{owner}-{group}" for group in self._groups)


def tables(value: object) -> list[Mapping[str, Any]]:
    """The tables of an array; whatever else it may hold, or be, is left out."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _lists(value: object) -> dict[str, list[Mapping[str, Any]]]:
    return {str(name): tables(edges) for name, edges in value.items()} if isinstance(value, Mapping) else {}
