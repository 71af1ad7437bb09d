"""What Metaflow's own parsers of requirement files answer (Metaflow 2.19.39, `metaflow.plugins.pypi.parsers`).

A flow hands one of them to `Config(…, parser=…)` and builds its decorators from the answer. They read far less
than pip or conda do, so they are kept apart from `mfenvd.flows.requirement_file`: what they refuse, Metaflow refuses.
Metaflow writes the extras of a requirement in the order of a set; here they are sorted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypedDict
from urllib.parse import urlsplit, urlunsplit

from packaging.requirements import Requirement

from mfenvd.flows.requirement_formats.parsing import parse_requirement
from mfenvd.flows.requirement_formats.toml_file import TomlError, parse_toml

_COMMENT = re.compile(r"(?<=\s)#")
_CONDA_DEPENDENCY = re.compile(r"([A-Za-z0-9_\-.]+)(\s*[=<>!~].+\s*)?")
_RYE_ITSELF = "-e file:."


class ParsedEnvironment(TypedDict):
    """`{name with extras or URL: version spec}`, and the Python that is asked for, None when none is."""

    packages: dict[str, str]
    python: str | None


class ParserValueError(ValueError):
    """The content is refused, in Metaflow's words."""


def requirements_txt_parser(content: str) -> ParsedEnvironment:
    """One PEP 508 requirement per line, without options and markers.

    Raises:
        ParserValueError: A line is something else, or Python is asked for twice.
    """
    return _requirements(
        _meaningful(content, skipped=_RYE_ITSELF),
        None,
        marker_refusal=lambda line: (
            f"Environment markers (e.g. 'platform_system==\"Linux\"') are not supported for line: '{line}'"
        ),
        operator_prefix=" =",
    )


def pyproject_toml_parser(content: str) -> ParsedEnvironment:
    """`dependencies` and `requires-python` of `[project]`.

    Raises:
        ParserValueError: A dependency is not PEP 508 or has a marker, Python is asked for twice, or this is not
            TOML (Metaflow raises what its TOML library does, in the same words).
    """
    try:
        project = parse_toml(content).get("project", {})
    except TomlError as error:
        raise ParserValueError(str(error)) from None
    dependencies = project.get("dependencies", []) if isinstance(project, Mapping) else None
    python = project.get("requires-python") if isinstance(project, Mapping) else None
    if not isinstance(dependencies, list) or not all(isinstance(item, str) for item in dependencies):
        raise ParserValueError("`project.dependencies` has to be an array of strings")
    if not isinstance(python, str | None):
        raise ParserValueError("`project.requires-python` has to be a string")
    return _requirements(
        (item.strip() for item in dependencies),
        None if python is None else python.lstrip("=").strip(),
        marker_refusal=lambda line: f"Environment markers not supported for line: '{line}'",
        operator_prefix="=",
    )


def conda_environment_yml_parser(content: str) -> ParsedEnvironment:
    """The entries of `dependencies:`, line by line; a nested `pip:` is refused.

    Raises:
        ParserValueError: An entry is not `name` with an optional version, or Python is asked for twice.
    """
    packages: dict[str, str] = {}
    python: str | None = None
    for entry in _conda_entries(content):
        if entry.endswith(":"):
            raise ParserValueError(f"Unsupported subsection '{entry}' in environment.yml.")
        found = _CONDA_DEPENDENCY.fullmatch(entry)
        if found is None:
            raise ParserValueError(f"Line '{entry}' is not a valid conda package specifier.")
        name, spec = found[1], (found[2] or "").strip()
        if spec.startswith("="):
            spec = spec.lstrip("=").strip()
        if name.lower() != "python":
            packages[name] = spec
            continue
        if python is not None and spec:
            raise ParserValueError(f"Multiple Python version specs detected: '{entry}'")
        python = spec
    return {"packages": packages, "python": python}


def _requirements(
    lines: Iterable[str], python: str | None, *, marker_refusal: Callable[[str], str], operator_prefix: str
) -> ParsedEnvironment:
    packages: dict[str, str] = {}
    for line in lines:
        requirement = _requirement(line)
        if requirement is None:
            raise ParserValueError(f"Not a valid PEP 508 requirement: '{line}'")
        if requirement.marker is not None:
            raise ParserValueError(marker_refusal(line))
        # Only a leading `==` goes: `>=1` stays `>=1`.
        spec = str(requirement.specifier).lstrip(operator_prefix)
        if requirement.name.lower() != "python":
            packages[_key(requirement)] = spec
            continue
        if python is not None and spec:
            raise ParserValueError(f"Multiple Python version specs not allowed: '{line}'")
        python = spec or None
    return {"packages": packages, "python": python}


def _requirement(line: str) -> Requirement | None:
    """None for what `packaging` 23.0 refuses, which Metaflow brings along: a URL needs a scheme and a host."""
    try:
        requirement = parse_requirement(line)
        parts = urlsplit(requirement.url or "")
    except ValueError:
        return None
    if not requirement.url:
        return requirement
    is_url = urlunsplit(parts) == requirement.url if parts.scheme == "file" else parts.scheme and parts.netloc
    return requirement if is_url else None


def _key(requirement: Requirement) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{f'@{requirement.url}' if requirement.url else ''}"


def _conda_entries(content: str) -> Iterable[str]:
    inside = False
    for line in _meaningful(content):
        if line.lower().startswith("dependencies:"):
            inside = True
        elif not line.startswith("-"):
            inside = False
        elif inside:
            yield line.lstrip("-").strip()


def _meaningful(content: str, skipped: str | None = None) -> Iterable[str]:
    """Lines without blanks around them and without comments; the empty ones and those that are `skipped` left out."""
    for line in content.splitlines():
        stripped = line.strip()
        if stripped and stripped != skipped and not stripped.startswith("#"):
            comment = _COMMENT.search(stripped)
            yield stripped[: comment.start()].strip() if comment else stripped
