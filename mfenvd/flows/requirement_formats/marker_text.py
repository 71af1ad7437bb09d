"""Markers of lock files as PEP 508 markers that any tool can evaluate, once extras and groups are chosen."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable

_SIDE = r"""(?:'[^']*'|"[^"]*"|[A-Za-z_][\w.]*)"""
_OPERATOR = r"(?:===|==|~=|!=|<=|>=|<|>|not\s+in\b|in\b)"
_LEXEME = re.compile(rf"\s*(?:(?P<comparison>{_SIDE}\s*{_OPERATOR}\s*{_SIDE})|(?P<word>\(|\)|and\b|or\b))\s*")
# uv names the extras and groups of `[tool.uv] conflicts` so in the markers of uv.lock.
_CONFLICT = re.compile(r"""extra\s*(?P<operator>==|!=)\s*['"](?P<name>[^'"]*)['"]""")
# PEP 751: `'gpu' in extras`, `'dev' not in dependency_groups`.
_MEMBERSHIP = re.compile(
    r"""['"](?P<name>[^'"]*)['"]\s+(?P<operator>not\s+in|in)\s+(?P<set>extras|dependency_groups)"""
)

Decide = Callable[[str], bool | None]
"""Whether a comparison holds; None when that depends on the environment."""

Condition = frozenset[frozenset[str]]
"""Alternatives, each of markers that have to hold together. None at all: never; an empty one: always."""

ALWAYS: Condition = frozenset({frozenset()})
NEVER: Condition = frozenset()
_MOST_ALTERNATIVES = 64


def choose_conflicts(marker: str, chosen: Collection[str]) -> str | None:
    """`marker` of a uv.lock with its `extra == 'extra-4-demo-gpu'` decided.

    Empty when it always holds, None when it never does.
    """

    def decide(comparison: str) -> bool | None:
        found = _CONFLICT.fullmatch(comparison)
        return None if found is None else (found["name"] in chosen) == (found["operator"] == "==")

    return _decided(marker, decide)


def choose_members(marker: str, extras: Collection[str], groups: Collection[str]) -> str | None:
    """`marker` of a pylock.toml with its extras and groups decided.

    Empty when it always holds, None when it never does.
    """

    def decide(comparison: str) -> bool | None:
        found = _MEMBERSHIP.fullmatch(comparison)
        if found is None:
            return None
        chosen = extras if found["set"] == "extras" else groups
        return (found["name"] in chosen) == (found["operator"] == "in")

    return _decided(marker, decide)


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
    """The marker that says `condition`, which is not `NEVER`; None for always."""
    if frozenset() in condition:
        return None
    return _joined(" or ", (_joined(" and ", alternative) for alternative in condition))


def _joined(word: str, parts: Iterable[str]) -> str:
    texts = sorted(parts)
    return texts[0] if len(texts) == 1 else word.join(f"({text})" for text in texts)


class _NotAMarker(Exception):  # noqa: N818 - never leaves this module
    """Text that is left as it is: whoever parses it next says what is wrong."""


def _decided(marker: str, decide: Decide) -> str | None:
    try:
        words = _words(marker)
        result = _any_of(words, decide) if words else True
    except (_NotAMarker, RecursionError):
        return marker
    if words:
        return marker
    return result if isinstance(result, str) else "" if result else None


def _words(marker: str) -> deque[str]:
    words: deque[str] = deque()
    position = 0
    while position < len(marker):
        found = _LEXEME.match(marker, position)
        if found is None:
            raise _NotAMarker
        words.append(found["comparison"] or found["word"])
        position = found.end()
    return words


def _any_of(words: deque[str], decide: Decide) -> str | bool:
    parts = [_all_of(words, decide)]
    while words and words[0] == "or":
        words.popleft()
        parts.append(_all_of(words, decide))
    open_parts = [part for part in parts if isinstance(part, str)]
    return any(part is True for part in parts) or (" or ".join(open_parts) if open_parts else False)


def _all_of(words: deque[str], decide: Decide) -> str | bool:
    parts = [_one(words, decide)]
    while words and words[0] == "and":
        words.popleft()
        parts.append(_one(words, decide))
    open_parts = [part for part in parts if isinstance(part, str)]
    return all(part is not False for part in parts) and (" and ".join(open_parts) if open_parts else True)


def _one(words: deque[str], decide: Decide) -> str | bool:
    if not words:
        raise _NotAMarker
    word = words.popleft()
    if word == "(":
        inner = _any_of(words, decide)
        if not words or words.popleft() != ")":
            raise _NotAMarker
        return f"({inner})" if isinstance(inner, str) else inner
    if word in {")", "and", "or"}:
        raise _NotAMarker
    verdict = decide(word)
    return word if verdict is None else verdict
