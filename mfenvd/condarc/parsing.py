"""Reads the YAML of a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mfenvd.condarc import findings
from mfenvd.condarc.document import Document
from mfenvd.domain.finding import Location

_DEEPEST = 20


def parsed(path: Path, text: str) -> Document:
    """The document that `text`, the content of the file at `path`, is."""
    try:
        return _document(path, yaml.compose(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = Location(str(path), mark.line + 1, mark.column + 1) if mark else Location(str(path))
        # Not `error.problem`: a parser's words may quote a line that holds a token.
        return Document(findings=(findings.malformed(place, "it is not valid YAML"),))
    except (yaml.YAMLError, RecursionError):
        return Document(findings=(findings.malformed(Location(str(path)), "it is not valid YAML"),))


def _document(path: Path, root: yaml.Node | None) -> Document:
    if root is None or (isinstance(root, yaml.ScalarNode) and root.value in {"", "null", "~"}):
        return Document()
    if not isinstance(root, yaml.MappingNode):
        place = Location(str(path), root.start_mark.line + 1, root.start_mark.column + 1)
        return Document(findings=(findings.malformed(place, "a mapping such as `channels: […]` is expected"),))
    values, places = {}, {}
    for key, value in root.value:
        if isinstance(key, yaml.ScalarNode):
            values[key.value] = _plain(value)
            places[key.value] = Location(str(path), key.start_mark.line + 1, key.start_mark.column + 1)
    return Document(values, places)


def _plain(node: yaml.Node, depth: int = 0) -> Any:
    """Texts, lists, dicts; None for null and for what nests without end."""
    if depth > _DEEPEST:
        return None
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, depth + 1) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        pairs = ((key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode))
        return {str(key.value): _plain(value, depth + 1) for key, value in pairs}
    if node.tag == "tag:yaml.org,2002:null":
        return None
    return str(node.value)
