"""Markers of lock files as PEP 508 markers that any tool can evaluate, once extras and groups are chosen."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from packaging.markers import InvalidMarker, Marker

# uv names the extras and groups of `[tool.uv] conflicts` so in the markers of uv.lock.
_CONFLICT = re.compile(r"""\bextra\s*(?P<op>==|!=)\s*(?P<quote>['"])(?P<name>[^'"]*)(?P=quote)""")
# PEP 751: `'gpu' in extras`, `'dev' not in dependency_groups`.
_MEMBERSHIP = re.compile(
    r"""(?P<quote>['"])(?P<name>[^'"]*)(?P=quote)\s+(?P<op>not\s+in|in)\s+(?P<set>extras|dependency_groups)\b"""
)
_ALWAYS = "python_version >= '0'"
_NEVER = "python_version < '0'"

Condition = frozenset[frozenset[str]]
"""Alternatives, each of markers that have to hold together. None at all: never; an empty one: always."""

ALWAYS: Condition = frozenset({frozenset()})
NEVER: Condition = frozenset()
_MOST_ALTERNATIVES = 64


def choose_conflicts(marker: str, chosen: Collection[str]) -> str | None:
    """`marker` of a uv.lock with its `extra == 'extra-4-demo-gpu'` decided; None when it can never hold."""

    def decided(found: re.Match[str]) -> str:
        return _ALWAYS if (found["name"] in chosen) == (found["op"] == "==") else _NEVER

    return _settled(_CONFLICT.sub(decided, marker))


def choose_members(marker: str, extras: Collection[str], groups: Collection[str]) -> str | None:
    """`marker` of a pylock.toml with its extras and groups decided; None when it can never hold."""

    def decided(found: re.Match[str]) -> str:
        chosen = extras if found["set"] == "extras" else groups
        return _ALWAYS if (found["name"] in chosen) == (found["op"] == "in") else _NEVER

    return _settled(_MEMBERSHIP.sub(decided, marker))


def both(condition: Condition, marker: str) -> Condition:
    """Where `condition` and `marker` hold; an empty marker always does."""
    return frozenset(alternative | {marker} for alternative in condition) if marker else condition


def either(first: Condition, second: Condition) -> Condition:
    """Where one of the two holds, without the alternatives that another one covers.

    Beyond a number that no real lock comes near, it is taken to hold always: a package too many is checked then.
    """
    alternatives = first | second
    least = frozenset(one for one in alternatives if not any(other < one for other in alternatives))
    return least if len(least) <= _MOST_ALTERNATIVES else ALWAYS


def as_marker(condition: Condition) -> str | None:
    """The marker that says `condition`; None for always."""
    if frozenset() in condition:
        return None
    return _joined(" or ", (_joined(" and ", alternative) for alternative in condition)) or _NEVER


def _joined(word: str, parts: Iterable[str]) -> str:
    texts = sorted(parts)
    return texts[0] if len(texts) == 1 else word.join(f"({text})" for text in texts)


def _settled(marker: str) -> str | None:
    """An empty text when only what always holds is left; None when only what never holds is."""
    rest = marker.replace(_ALWAYS, "").replace(_NEVER, "")
    if re.search(r"[A-Za-z_]", re.sub(r"\b(?:and|or)\b", "", rest)):
        return marker
    try:
        return "" if not marker.strip() or Marker(marker).evaluate() else None
    except InvalidMarker:
        return marker
