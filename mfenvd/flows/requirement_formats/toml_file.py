"""TOML with the place of every key and value.

`tomllib` gives values without places, and the libraries that keep a document's layout do not tell lines either.
So a scanner walks text that `tomllib` has accepted; it decides nothing about values, only where they begin.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from functools import cached_property
from typing import Any

from mfenvd.domain.finding import Location

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Key = tuple[str | int, ...]
"""A path into the document: `("project", "dependencies", 0)`."""

_BLANK = re.compile(r"[ \t]*")
_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\r\n]+")
_REST_OF_LINE = re.compile(r"[^\n]*")


class TomlError(Exception):
    """Text that is not TOML.

    Attributes:
        reason: A clause, without the place.
        line: From 1; None where unknown.
        column: From 1; None where unknown.
    """

    def __init__(self, words: str, reason: str, line: int | None, column: int | None) -> None:
        """`words` is what the library says."""
        super().__init__(words)
        self.reason = reason
        self.line = line
        self.column = column


def parse_toml(text: str) -> dict[str, Any]:
    """The document's values.

    Raises:
        TomlError: It is not TOML.
    """
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).partition(" (at ")
        found = re.match(r"line (\d+), column (\d+)", place)
        line, column = (int(found[1]), int(found[2])) if found else (None, None)
        raise TomlError(str(error), reason[:1].lower() + reason[1:], line, column) from None
    except RecursionError:
        reason = "its values are nested too deeply"
        raise TomlError(reason, reason, None, None) from None
    return values


class TomlPlaces:
    """Where the keys and values of a valid TOML document stand."""

    def __init__(self, text: str, path: str) -> None:
        self._text = text
        self._path = path

    def location(self, *key: str | int) -> Location:
        """Where the value of `key` begins (inside the quotes of a string), else the nearest part around it."""
        for length in range(len(key), 0, -1):
            offset = self._offsets.get(key[:length])
            if offset is not None:
                return self._at(offset)
        return Location(self._path)

    def elements(self, name: str, count: int) -> list[Location]:
        """Where each of the `count` tables of the array `name` at the top of the document begins.

        A lock has thousands of values and only these places matter, so nothing else is scanned where the headers
        stand as tools write them.
        """
        header = re.compile(rf"^[ \t]*(\[\[[ \t]*{re.escape(name)}[ \t]*\]\])", re.MULTILINE)
        headers = [match.start(1) for match in header.finditer(self._text)]
        if len(headers) == count:
            return [self._at(offset) for offset in headers]
        return [self.location(name, index) for index in range(count)]

    def _at(self, offset: int) -> Location:
        line = bisect_right(self._line_starts, offset)
        return Location(self._path, line, offset - self._line_starts[line - 1] + 1)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self._text))]

    @cached_property
    def _offsets(self) -> dict[Key, int]:
        return _Scanner(self._text).scan()


class _Lost(Exception):  # noqa: N818 - never leaves this module
    """The text is not as expected; what was found until here holds."""


class _Scanner:
    """One walk over a valid document."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._found: dict[Key, int] = {}
        self._lengths: dict[Key, int] = {}

    def scan(self) -> dict[Key, int]:
        """`{key: offset}` of every table header and value."""
        table: Key = ()
        try:
            self._skip(_GAP)
            while self._at < len(self._text):
                if self._peek("["):
                    table = self._header()
                else:
                    self._pair(table)
                self._skip(_REST_OF_LINE)
                self._skip(_GAP)
        except (_Lost, RecursionError):
            pass
        return self._found

    def _header(self) -> Key:
        start = self._at
        is_array = self._text.startswith("[[", start)
        self._at += 2 if is_array else 1
        names = self._key()
        if is_array:
            table: Key = (*self._inside(names[:-1]), names[-1])
            index = self._lengths.get(table, 0)
            self._lengths[table] = index + 1
            self._found.setdefault(table, start)
            table = (*table, index)
        else:
            table = self._inside(names)
        self._found.setdefault(table, start)
        return table

    def _inside(self, names: list[str]) -> Key:
        """The path that a header's dotted name means: the last element of each array of tables in it."""
        path: Key = ()
        for name in names:
            path = (*path, name)
            if path in self._lengths:
                path = (*path, self._lengths[path] - 1)
        return path

    def _pair(self, table: Key) -> None:
        key = (*table, *self._key())
        self._expect("=")
        self._value(key)

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip(_BLANK)
            quoted = _STRING.match(self._text, self._at)
            if quoted:
                self._at = quoted.end()
                parts.append(str(tomllib.loads(f"key = {quoted[0]}")["key"]))
            else:
                parts.append(self._skip(_BARE_KEY))
            self._skip(_BLANK)
            if not self._peek("."):
                return parts
            self._at += 1

    def _value(self, key: Key) -> None:
        self._found[key] = self._at
        if self._peek("["):
            self._array(key)
        elif self._peek("{"):
            self._inline_table(key)
        else:
            string = _STRING.match(self._text, self._at)
            if string:
                quotes = 3 if string[0].startswith(('"""', "'''")) else 1
                self._found[key] += quotes
                self._at = string.end()
            elif not self._skip(_SCALAR):
                raise _Lost

    def _array(self, key: Key) -> None:
        self._expect("[")
        index = 0
        while not self._peek("]"):
            self._value((*key, index))
            index += 1
            self._comma("]")
        self._expect("]")

    def _inline_table(self, key: Key) -> None:
        self._expect("{")
        while not self._peek("}"):
            self._pair(key)
            self._comma("}")
        self._expect("}")

    def _comma(self, closing: str) -> None:
        self._skip(_GAP)
        if not self._peek(closing):
            self._expect(",")

    def _expect(self, character: str) -> None:
        if not self._peek(character):
            raise _Lost
        self._at += 1
        if character not in "]}":
            self._skip(_GAP)

    def _peek(self, character: str) -> bool:
        return self._text.startswith(character, self._at)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise _Lost
        self._at = found.end()
        return found[0]
