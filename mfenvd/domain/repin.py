"""A pin put into the text that a requirement stands in: flow files, requirements files, TOML, YAML."""

from __future__ import annotations

import re

import msgspec

_PIN = re.compile(r"(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*={1,2}\s*(?P<version>[A-Za-z0-9][\w.!+-]*)")
_NAME = r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?"

# "torch": "2.6.0" of a dict, torch = "2.6.0" of a table; the quotes are kept as they are.
_PAIR = re.compile(
    rf"(?P<key>(?P<quote>[\"']?)(?P<name>{_NAME})(?P=quote)\s*[:=]\s*)(?P<open>[\"'])(?P<value>[^\"'\n]*)(?P=open)"
)
# torch[extra]>=2.0,<3 ; marker: alone in its line, after a YAML dash, or quoted.
_REQUIREMENT = re.compile(
    rf"(?P<before>^\s*(?:-\s+)?|[\"'])(?P<name>{_NAME})(?P<extras>\s*\[[^\]\n]*\])?"
    r"(?P<specifier>\s*(?:(?:[=!<>~]=?=?|===)\s*[\w.*+!-]+\s*,?\s*)*)(?=\s*(?:[;#]|[\"'](?!\s*[:=])|$))"
)


class NotPinnedError(ValueError):
    """The pin cannot be put in; says why."""


class Pin(msgspec.Struct, frozen=True):
    """One version of one package: `torch==2.2.2`."""

    name: str
    version: str


def read_pin(text: str) -> Pin | None:
    """The pin that `text` is (`torch==2.2.2`, conda's `numpy =1.26`); None when it is something else."""
    found = _PIN.fullmatch(text.strip())
    return Pin(found["name"], found["version"]) if found else None


def repinned(text: str, line: int, pin: Pin) -> str:
    """`text` with the requirement on `pin`'s package in one of its lines asking for that version.

    What else stands in the line (extras, markers, comments, other requirements) stays as it is.

    Args:
        text: Of the file.
        line: Its number, from 1.
        pin: What to ask for.

    Raises:
        NotPinnedError: The line does not name the package, names it twice or in a way that is not understood, or asks
            for that version already.
    """
    lines = text.splitlines(keepends=True)
    if not 1 <= line <= len(lines):
        raise NotPinnedError(f"The file has no line {line} any more.")
    whole = lines[line - 1]
    content = whole.rstrip("\r\n")
    found = [(start, end, new) for start, end, new in _places(content, pin) if _is_free(content, start)]
    if not found:
        raise NotPinnedError(f"Line {line} does not name {pin.name} in a way that can be changed safely.")
    if len(found) > 1:
        raise NotPinnedError(f"Line {line} names {pin.name} more than once.")
    start, end, new = found[0]
    if content[start:end] == new:
        raise NotPinnedError(f"Line {line} asks for {pin.name} {pin.version} already.")
    lines[line - 1] = content[:start] + new + content[end:] + whole[len(content) :]
    return "".join(lines)


def _places(content: str, pin: Pin) -> list[tuple[int, int, str]]:
    """Where the line names the package: `(start, end, what to write there)`."""
    from packaging.utils import canonicalize_name  # the dashboard reads pins before its first picture

    wanted = canonicalize_name(pin.name)
    pairs = [match for match in _PAIR.finditer(content) if canonicalize_name(match["name"]) == wanted]
    if pairs:
        return [(match.start("value"), match.end("value"), _value(match["value"], pin)) for match in pairs]
    found = (match for match in _REQUIREMENT.finditer(content) if canonicalize_name(match["name"]) == wanted)
    return [
        (match.start("specifier"), match.start("specifier") + len(match["specifier"].rstrip()), _specifier(match, pin))
        for match in found
    ]


def _value(value: str, pin: Pin) -> str:
    """In a dict, Metaflow's and conda's way (the version alone), unless an operator is there already."""
    operator = "==" if re.match(r"\s*[=!<>~]", value) else ""
    return f"{operator}{pin.version}"


def _specifier(match: re.Match[str], pin: Pin) -> str:
    """Conda's `=` stays one."""
    operator = "=" if re.match(r"\s*=[^=]", match["specifier"]) else "=="
    return f"{operator}{pin.version}"


def _is_free(content: str, start: int) -> bool:
    """Whether a place is not within a comment."""
    quote = None
    for char in content[:start]:
        if quote is None and char == "#":
            return False
        if char in "\"'":
            quote = None if quote == char else quote or char
    return True
