"""Reads the parts of a TOML document that should be there; what has the wrong type becomes a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mfenvd.domain.finding import Finding, Location
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.findings import Unusable
from mfenvd.flows.requirement_formats.toml_file import TomlError, TomlPlaces, parse_toml


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
        value = self.get(*key)
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return value
        self.wrong(key, "a table")
        return {}

    def items(self, *key: str | int) -> Sequence[Any]:
        """The array at `key`, empty where there is none."""
        value = self.get(*key)
        if value is None:
            return ()
        if isinstance(value, list):
            return value
        self.wrong(key, "an array")
        return ()

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
        value = self.get(*key)
        if value is None or isinstance(value, str):
            return value
        self.wrong(key, "a string")
        return None

    def wrong(self, key: Sequence[str | int], expected: str) -> None:
        """Says that the value at `key` is not what it has to be."""
        name = ".".join(str(part) for part in key)
        self._said.append(findings.malformed("here", f"`{name}` has to be {expected}", self.location(*key)))
