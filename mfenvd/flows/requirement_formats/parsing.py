"""`packaging`'s parsers, guarded: they call themselves once per parenthesis and end in a RecursionError."""

from __future__ import annotations

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement

_MOST_PARENTHESES = 100


def parse_requirement(text: str) -> Requirement:
    """The PEP 508 requirement `text`.

    Raises:
        InvalidRequirement: It is none, or is nested more deeply than anybody writes.
    """
    if text.count("(") > _MOST_PARENTHESES:
        raise InvalidRequirement("it has too many parentheses")
    return Requirement(text)


def parse_marker(text: str) -> Marker:
    """The PEP 508 marker `text`.

    Raises:
        InvalidMarker: It is none, or is nested more deeply than anybody writes.
    """
    if text.count("(") > _MOST_PARENTHESES:
        raise InvalidMarker("it has too many parentheses")
    return Marker(text)
