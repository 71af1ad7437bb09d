"""Reads the parts of a TOML document that should be there; what has the wrong type becomes a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from mfenvd.domain.finding import Finding, Location
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.findings import Unusable
from mfenvd.flows.requirement_formats.toml_file import TomlError, TomlPlaces, parse_toml

_Value = TypeVar("_Value", dict[str, Any], list[Any], str)


class TomlReader:
    """A parsed document with its places. Findings go to the list that it was given."""

    def __init__(self, text: str, path: str, said: list[Finding]) -> None:
        """Parses `text`.

        Raises:
            Unusable: It is not TOML.
        """
        try:
            self._data = parse_toml(text)
        except TomlError as error:
            location = Location(path, error.line, error.column)
            raise Unusable(findings.malformed("TOML", error.reason, location)) from None
        self._places = TomlPlaces(text, path)
        self._said = said

    @property
    def data(self) -> dict[str, Any]:
        return self._data

    def location(self, *key: str | int) -> Location:
        return self._places.location(*key)

    def elements(self, name: str) -> list[Location]:
        """The place of each table of the array `name` at the top of the document."""
        return self._places.elements(name, len(self.items(name)))

    def get(self, *key: str | int) -> Any:
        """The value at `key`, None where there is none."""
        value: Any = self._data
        for part in key:
            if isinstance(value, Mapping):
                value = value.get(str(part))
            elif isinstance(value, Sequence) and not isinstance(value, str) and isinstance(part, int):
                value = value[part] if part < len(value) else None
            else:
                return None
        return value

    def table(self, *key: str | int) -> Mapping[str, Any]:
        """The table at `key`, empty where there is none."""
        value = self._typed(key, dict, "a table")
        return value if value is not None else {}

    def items(self, *key: str | int) -> Sequence[Any]:
        """The array at `key`, empty where there is none."""
        value = self._typed(key, list, "an array")
        return value if value is not None else ()

    def strings(self, *key: str | int) -> list[tuple[str, Location]]:
        """The texts of the array at `key` (a single text counts as one), each with its place."""
        value = self.get(*key)
        if isinstance(value, str):
            return [(value, self.location(*key))]
        texts = []
        for index, item in enumerate(self.items(*key)):
            if isinstance(item, str):
                texts.append((item, self.location(*key, index)))
            else:
                self.wrong((*key, index), "a string")
        return texts

    def string(self, *key: str | int) -> str | None:
        """The text at `key`; None where there is none."""
        return self._typed(key, str, "a string")

    def _typed(self, key: Sequence[str | int], kind: type[_Value], expected: str) -> _Value | None:
        """The value at `key` when it is of this kind; None, with a finding, when it or a table around it is not."""
        for length, part in enumerate(key):
            around = self.get(*key[:length])
            if around is not None and not isinstance(around, dict if isinstance(part, str) else list):
                self.wrong(key[:length], "a table" if isinstance(part, str) else "an array")
                return None
        value = self.get(*key)
        if value is None or isinstance(value, kind):
            return value
        self.wrong(key, expected)
        return None

    def wrong(self, key: Sequence[str | int], expected: str) -> None:
        """Says, once, that the value at `key` is not what it has to be."""
        name = ".".join(str(part) for part in key)
        finding = findings.wrong_type(name, expected, self.location(*key))
        if finding not in self._said:
            self._said.append(finding)
