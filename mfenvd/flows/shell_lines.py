"""Scripts and CI files as the command lines in them, with their places; nothing is run or fully parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import msgspec
import yaml

from mfenvd.domain.finding import Location
from mfenvd.flows.requirement_formats.toml_file import TomlError, TomlPlaces, parse_toml

_FOLDER_KEYS = ("working-directory", "working_directory", "dir", "cwd")
_RECIPE_NAMES = re.compile(r"(?:gnu)?makefile|\.?justfile|.*\.(?:mk|mak|just)", re.IGNORECASE)


class CommandLine(msgspec.Struct, frozen=True):
    """A line as a shell would get it.

    Attributes:
        text: With continuation lines joined.
        line: Where it begins, from 1.
        folder: Folder that the file says it runs in; None when it says nothing.
        block: Lines with the same number run in one shell, one after the other: a `cd` holds for those that follow.
    """

    text: str
    line: int
    folder: str | None = None
    block: int = 0


def command_lines(path: str, text: str) -> list[CommandLine]:
    """What the file at `path` (its name decides how it is read) would hand to a shell."""
    name = PurePath(path).name.lower()
    try:
        if name.endswith((".yml", ".yaml", ".json")):
            return list(_yaml_lines(text))
        if name.endswith(".toml"):
            return list(_toml_lines(text, path))
    except (yaml.YAMLError, TomlError, RecursionError):
        # A template, or a file while it is being edited: its lines still say something.
        return list(_text_lines(text))
    if _RECIPE_NAMES.fullmatch(name):
        return list(_recipe_lines(text))
    return list(_text_lines(text))


def joined(lines: list[str], first: int) -> Iterator[tuple[str, int]]:
    """`(line, its number)` with lines that end in a backslash joined to the next; `first` numbers the first."""
    whole, start = "", first
    for number, line in enumerate(lines, first):
        start = start if whole else number
        stripped = line.rstrip()
        if stripped.endswith("\\") and not stripped.endswith("\\\\"):
            whole += stripped[:-1] + " "
            continue
        yield whole + line, start
        whole = ""
    if whole:
        yield whole, start


def _text_lines(text: str) -> Iterator[CommandLine]:
    for line, number in joined(text.splitlines(), 1):
        yield CommandLine(line, number)


def _recipe_lines(text: str) -> Iterator[CommandLine]:
    """Make and just start a shell per line, and know marks for silence and for errors before a command."""
    for line, number in joined(text.splitlines(), 1):
        yield CommandLine(line.strip().lstrip("@-+") if line[:1].isspace() else line, number, block=number)


def _toml_lines(text: str, path: str) -> Iterator[CommandLine]:
    places = TomlPlaces(text, path)

    def strings(value: Any, key: tuple[str | int, ...]) -> Iterator[CommandLine]:
        if isinstance(value, str):
            number = _first_line(places.location(*key), text)
            for index, (line, _) in enumerate(joined(value.splitlines(), 1)):
                yield CommandLine(line, number + index, block=number)
        elif isinstance(value, dict):
            for name, item in value.items():
                yield from strings(item, (*key, name))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from strings(item, (*key, index))

    yield from strings(parse_toml(text), ())


def _first_line(start: Location, text: str) -> int:
    """The number of a string's first line: TOML drops a line break right after the opening quotes."""
    number = start.line or 1
    after = text.splitlines()[number - 1][(start.column or 1) - 1 :]
    return number + 1 if not after.strip() else number


def _yaml_lines(text: str) -> Iterator[CommandLine]:
    for document in yaml.compose_all(text, Loader=yaml.SafeLoader):
        yield from _node_lines(document, None)


def _node_lines(node: yaml.Node | None, folder: str | None) -> Iterator[CommandLine]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if getattr(key, "value", None) in _FOLDER_KEYS and isinstance(value, yaml.ScalarNode):
                folder = value.value
        for _, value in node.value:
            yield from _node_lines(value, folder)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            if isinstance(item, yaml.ScalarNode):
                # GitLab and CodeBuild run the commands of a list in one shell.
                yield from _scalar_lines(item, folder, node.start_mark.line + 1)
            else:
                yield from _node_lines(item, folder)
    elif isinstance(node, yaml.ScalarNode):
        yield from _scalar_lines(node, folder, node.start_mark.line + 1)


def _scalar_lines(node: yaml.ScalarNode, folder: str | None, block: int) -> Iterator[CommandLine]:
    start = node.start_mark.line + 1
    # The lines of a literal block stand as written below its mark; all other scalars are folded into one.
    first = start + 1 if node.style == "|" else start
    for line, number in joined(str(node.value).splitlines(), first):
        yield CommandLine(line, number if node.style == "|" else start, folder, block)
