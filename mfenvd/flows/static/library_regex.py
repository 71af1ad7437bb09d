"""`re` on known texts, where it is certain to come to an end soon."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import operators
from mfenvd.flows.static.values import MISSING, Builtin, Call, Site, Special, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

_QUANTIFIED_GROUP = re.compile(r"\)[*+{]")
_UNBOUNDED = re.compile(r"(?<!\\)[*+]|\{\d*,\}")
_MOST_STEPS = 10_000_000


def _takes_long(pattern: str, length: int) -> bool:
    """Whether matching a text of `length` characters may take more than a moment.

    Each unbounded repetition can try every length, and a search every beginning; a repeated group can do worse.
    """
    repetitions = len(_UNBOUNDED.findall(pattern))
    return _QUANTIFIED_GROUP.search(pattern) is not None or (length + 1) ** (repetitions + 1) > _MOST_STEPS


class Match(Special):
    """What `re.match` finds."""

    __slots__ = ("found",)

    def __init__(self, found: re.Match[Any]) -> None:
        self.found = found

    def attribute(self, machine: Machine, name: str, at: Site) -> Any:
        """Its groups and where they are."""
        if name not in {"group", "groups", "groupdict", "start", "end", "span"}:
            return machine.unknown(at, "is a part of a match that is not followed")
        method = getattr(self.found, name)
        return Builtin(name, lambda machine, call: _native(machine, call, lambda: method(*call.arguments)))

    def subscript(self, machine: Machine, key: Any, at: Site) -> Any:
        """`match[1]`."""
        return operators.guarded(machine, lambda: self.found[key], [key], at)


class Pattern(Special):
    """`re.compile(...)`."""

    __slots__ = ("compiled",)

    def __init__(self, compiled: re.Pattern[Any]) -> None:
        self.compiled = compiled

    def attribute(self, machine: Machine, name: str, at: Site) -> Any:
        """Its functions."""
        if name == "pattern":
            return self.compiled.pattern
        if name not in _FUNCTIONS:
            return machine.unknown(at, "is a part of a pattern that is not followed")
        return Builtin(name, lambda machine, call: _apply(machine, self.compiled, name, call))


def _native(machine: Machine, call: Call, compute: Callable[[], Any]) -> Any:
    return operators.guarded(machine, compute, [call.arguments, call.keywords], call.at)


_FUNCTIONS = ("match", "search", "fullmatch", "findall", "split", "sub")


def _apply(machine: Machine, pattern: re.Pattern[Any], name: str, call: Call) -> Any:
    """`pattern.name(...)`."""
    text = call.arguments[1 if name == "sub" else 0] if len(call.arguments) > (name == "sub") else None
    if isinstance(text, Unknown):
        return text.bare
    if not isinstance(text, str) or not isinstance(pattern.pattern, str):
        return machine.unknown(call.at, "works on something else than known text")
    if _takes_long(pattern.pattern, len(text)):
        return machine.unknown(call.at, "may take long to match")
    found = _native(machine, call, lambda: getattr(pattern, name)(*call.arguments, **call.keywords))
    return Match(found) if isinstance(found, re.Match) else found


def _compile(machine: Machine, call: Call) -> Any:
    try:
        found = _native(machine, call, lambda: re.compile(*call.arguments, **call.keywords))
    except re.error:
        return machine.unknown(call.at, "is no regular expression")
    return Pattern(found) if isinstance(found, re.Pattern) else found


def _function(name: str) -> Builtin:
    def implementation(machine: Machine, call: Call) -> Any:
        flags = call.keywords.pop("flags", MISSING)
        keywords = {} if flags is MISSING else {"flags": flags}
        pattern = call.arguments[0] if isinstance(call.arguments[0], Pattern) else None
        pattern = pattern or _compile(machine, Call(call.arguments[:1], keywords, call.at))
        if not isinstance(pattern, Pattern):
            return pattern
        if len(call.arguments) > (3 if name == "sub" else 2):
            return machine.unknown(call.at, "has arguments that are not followed")
        return _apply(machine, pattern.compiled, name, Call(call.arguments[1:], call.keywords, call.at))

    return Builtin(name, implementation)


TABLE: dict[str, Any] = {
    "re.compile": Builtin("re.compile", _compile),
    "re.escape": Builtin("re.escape", lambda machine, call: _native(machine, call, lambda: re.escape(*call.arguments))),
    **{f"re.{name}": _function(name) for name in _FUNCTIONS},
    **{f"re.{name}": int(flag) for name, flag in re.RegexFlag.__members__.items()},
}
