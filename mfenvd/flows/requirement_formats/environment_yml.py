"""environment.yml as conda reads it, with what conda-lock and metaflow-netflixext add."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Location, Severity
from mfenvd.domain.markers import marker_of_archs
from mfenvd.domain.match_specs import package_name
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.conda_spec import exact_version, spec_fault, split_conda_spec
from mfenvd.flows.requirement_formats.model import Choice, Draft, Format, RequirementFile
from mfenvd.flows.requirement_formats.option_effects import add_system_package
from mfenvd.flows.requirement_formats.requirements_txt import RequirementLines
from mfenvd.flows.requirement_formats.selectors import selected_archs

_SELECTOR = re.compile(r"#\s*\[(?P<condition>[^\]]+)\]\s*$")
_SELECTED = re.compile(r"sel\((?P<condition>.+)\)")


def read_environment_yml(path: Path, text: str, choice: Choice) -> RequirementFile:
    """The environment file at `path`, whose content is `text`.

    The document is composed, not constructed: scalars stay as written (`3.10` is not a number) and each has its
    place, and no object is made from a tag.
    """
    draft = Draft(str(path), Format.ENVIRONMENT_YML)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        reason = ", ".join(part for part in (error.problem, error.context) if part)
        draft.findings.append(findings.malformed("YAML", reason, _marked(path, error.problem_mark)))
    except (yaml.YAMLError, RecursionError) as error:
        reason = "its values are nested too deeply" if isinstance(error, RecursionError) else _first_line(error)
        draft.findings.append(findings.malformed("YAML", reason, Location(str(path))))
    else:
        _EnvironmentReader(draft, text, choice).read(root)
    return draft.finish()


class _EnvironmentReader:
    """Walks the document's nodes."""

    def __init__(self, draft: Draft, text: str, choice: Choice) -> None:
        self._draft = draft
        self._text_lines = text.splitlines()
        self._lines = RequirementLines(draft, choice)

    def read(self, root: yaml.Node | None) -> None:
        if root is None:
            return
        if not isinstance(root, yaml.MappingNode):
            self._malformed(root, "a mapping with `dependencies:` is expected")
            return
        for key, value in root.value:
            if key.value == "channels":
                self._draft.channels += [item.value for item in self._scalars(value)]
            elif key.value == "pypi-indices":
                self._draft.extra_index_urls += [item.value for item in self._scalars(value)]
            elif key.value == "dependencies":
                self._dependencies(value)
            elif key.value == "platforms":
                self._platforms(key, value)
        self._lines.check_hashes()

    def _dependencies(self, node: yaml.Node) -> None:
        for item in self._items(node):
            if isinstance(item, yaml.ScalarNode):
                self._conda(item)
            elif isinstance(item, yaml.MappingNode):
                for key, value in item.value:
                    self._part(key, value)
            else:
                self._malformed(item, "a dependency is a text or `pip:` with a list")

    def _part(self, key: yaml.Node, value: yaml.Node) -> None:
        if key.value == "pip":
            for item in self._scalars(value):
                self._pip(item)
        elif (selected := _SELECTED.fullmatch(str(key.value))) and isinstance(value, yaml.ScalarNode):
            self._conda(value, selected["condition"])
        elif key.value == "sys":
            for item in self._scalars(value):
                add_system_package(item.value, self._draft, self._at(item))
        else:
            text = f"`{key.value}:` among the dependencies is not read."
            fix = "Only `pip:` may have a list of its own."
            self._draft.findings.append(findings.unsupported_option(text, self._at(key), fix, Severity.WARNING))

    def _conda(self, node: yaml.ScalarNode, condition: str | None = None) -> None:
        """A conda package. `condition` is that of micromamba's `sel(…)`; otherwise a comment may be one."""
        package = split_conda_spec(node.value)
        fault = spec_fault(*package) if package else "it does not begin with a name"
        if package is None or fault is not None:
            self._draft.findings.append(findings.bad_conda_package(node.value, str(fault), self._at(node)))
            return
        condition = condition or self._selector(node)
        archs = self._selected(node, condition) if condition else None
        name, spec = package
        bare = package_name(name)
        self._draft.conda_places.setdefault(bare, self._at(node))
        if archs is not None:
            for arch in sorted(archs):
                self._draft.arch_conda.setdefault(arch, []).append(package)
        elif bare != "python":
            self._draft.conda.append(package)
        elif spec:
            self._draft.python = exact_version(spec) or spec
            self._draft.conda_python.append(spec)

    def _pip(self, node: yaml.ScalarNode) -> None:
        condition = self._selector(node)
        text = node.value
        archs = self._selected(node, condition) if condition and not text.startswith("-") else None
        if archs is not None and ";" in text:
            said = f"`# [{condition}]` is left out: the entry has a marker of its own."
            fix = "Write both as one marker: `name ; os_name == 'posix' and sys_platform == 'linux'`."
            self._draft.findings.append(findings.unsupported_option(said, self._at(node), fix, Severity.WARNING))
        elif archs:
            text = f"{text} ; {marker_of_archs(archs)}"
        if archs is None or archs:
            self._lines.read_entry(text, self._at(node))

    def _selected(self, node: yaml.Node, condition: str) -> frozenset[Arch] | None:
        archs = selected_archs(condition)
        if archs is None:
            said = f"`[{condition}]` is left out: it is no selector of architectures."
            fix = "Write `# [linux]`, `# [osx and arm64]` or `# [not win]`."
            self._draft.findings.append(findings.unsupported_option(said, self._at(node), fix, Severity.WARNING))
        return archs

    def _platforms(self, key: yaml.Node, value: yaml.Node) -> None:
        names = ", ".join(item.value for item in self._scalars(value))
        text = f"`platforms: {names}` is not read: the flow and mfenv's configuration say where it runs."
        fix = "Write `archs = [...]` in mfenv's configuration."
        self._draft.findings.append(findings.unsupported_option(text, self._at(key), fix))

    def _scalars(self, node: yaml.Node) -> Iterator[yaml.ScalarNode]:
        for item in self._items(node):
            if isinstance(item, yaml.ScalarNode):
                yield item
            else:
                self._malformed(item, "a text is expected")

    def _items(self, node: yaml.Node) -> list[yaml.Node]:
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if not (isinstance(node, yaml.ScalarNode) and node.value in {"", "null", "~"}):
            self._malformed(node, "a list is expected")
        return []

    def _selector(self, node: yaml.ScalarNode) -> str | None:
        """The condition in a comment at the end of the entry's line, as conda-build and conda-lock write it."""
        line = self._text_lines[node.end_mark.line] if node.end_mark.line < len(self._text_lines) else ""
        found = _SELECTOR.search(line, node.end_mark.column if node.end_mark.line == node.start_mark.line else 0)
        return found["condition"] if found else None

    def _at(self, node: yaml.Node) -> Location:
        quoted = isinstance(node, yaml.ScalarNode) and node.style in {'"', "'"}
        return Location(self._draft.path, node.start_mark.line + 1, node.start_mark.column + 1 + quoted)

    def _malformed(self, node: yaml.Node, reason: str) -> None:
        self._draft.findings.append(findings.malformed("environment file", reason, self._at(node)))


def _marked(path: Path, mark: yaml.Mark | None) -> Location:
    return Location(str(path), mark.line + 1, mark.column + 1) if mark else Location(str(path))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
