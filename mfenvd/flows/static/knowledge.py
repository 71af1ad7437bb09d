"""What is known of values, and what is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from mfenvd.flows.static.contents import walk
from mfenvd.flows.static.data import ConfigValue
from mfenvd.flows.static.heap import Heap, alike
from mfenvd.flows.static.values import MISSING, Instance, Site, Special, Unknown

_MOST_ENTRIES = 8


class Knowledge:
    """Questions about values, answered as far as they are known.

    Attributes:
        heap: Containers, and what is not known of them.
        risks: How often something was met that may raise; tells a `try` whether its handlers matter.
    """

    def __init__(self) -> None:
        self.heap = Heap()
        self.risks = 0

    def unknown(self, at: Site, reason: str, fix: str | None = None) -> Unknown:
        """Something that cannot be followed, which may as well raise."""
        self.risks += 1
        return Unknown(at, reason, fix)

    def outside(self, name: str, at: Site) -> Unknown:
        """Something of a module that is not part of the project."""
        return Unknown(at, "is not part of this project", external=name)

    def some_entry(self, container: Any, defaults: Sequence[Any], cause: Unknown) -> Unknown:
        """One of the values of a dict, list or tuple, or of `defaults`: which one is not known."""
        values = [*(container.values() if isinstance(container, dict) else container), *defaults]
        unknown = cause.holding(values)
        if len(values) <= _MOST_ENTRIES and not any(isinstance(value, Unknown) for value in values):
            unknown = Unknown(unknown.at, unknown.reason, unknown.fix, tuple(values), unknown.carried)
        return unknown

    def undecided(self, condition: Any, at: Site) -> Unknown:
        """Why the condition at `at` is neither true nor false."""
        cause = self.first_unknown(condition)
        if cause is None:
            return self.unknown(at, "cannot be decided")
        return Unknown(at, cause.reason, cause.fix, external=cause.external)

    def readable(self, value: Any) -> Any:
        """`value` for reading, or the Unknown that says why it is not known; what it holds may be unknown."""
        if isinstance(value, Unknown):
            return value.options[0] if value.options and self._interchangeable(value.options) else value.bare
        if isinstance(value, (dict, list, set, Instance)):
            return self.heap.doubted(value.attributes if isinstance(value, Instance) else value) or value
        return value

    def first_unknown(self, value: Any) -> Unknown | None:
        """The first Unknown in `value`, however deep."""
        for item in walk(value):
            if isinstance(item, Unknown):
                return item.bare
            if isinstance(item, (dict, list, set)) and (cause := self.heap.doubted(item)):
                return cause
        return None

    def plain(self, value: Any, at: Site) -> Unknown | None:
        """None when `value` is a plain value of Python, all the way down; else why it is not."""
        for item in walk(value):
            if isinstance(item, Unknown):
                return item.bare
            if isinstance(item, (dict, list, set)):
                if cause := self.heap.doubted(item):
                    return cause
            elif not isinstance(item, _PLAIN):
                return self.unknown(at, "works on more than plain values")
        return None

    def same(self, one: Any, other: Any) -> bool:
        """Whether it makes no difference which of two values it is.

        Containers are the same only when they are one: a change of one of two equal ones is not one of the other.
        """
        if one is other:
            return True
        if isinstance(one, _PLAIN_LEAF) and isinstance(other, _PLAIN_LEAF):
            return _kind(one) is _kind(other) and bool(one == other)
        if type(one) is not type(other):
            return False
        if isinstance(one, tuple):
            return len(one) == len(other) and all(map(self.same, one, other))
        if isinstance(one, (frozenset, ConfigValue)):  # neither can be changed
            return bool(one == other)
        return isinstance(one, Special) and one.equals(other, self.same)

    def _interchangeable(self, options: Sequence[Any]) -> bool:
        """Whether `options` hold the same things, so that for reading it makes no difference which one it is."""
        first = options[0]
        return isinstance(first, (dict, list, set)) and all(
            type(other) is type(first)
            and self.heap.doubted(other) is None
            and alike(first, other, self.same, ordered=True)
            for other in options
        )

    def truth(self, value: Any) -> bool | None:
        """`bool(value)`; None when it is not known."""
        if isinstance(value, Unknown) and value.options:
            answers = {self.truth(option) for option in value.options}
            return answers.pop() if len(answers) == 1 else None
        value = self.readable(value)
        if isinstance(value, Unknown):
            return None
        if isinstance(value, Instance):
            special = any(value.cls.find(name) is not MISSING for name in ("__bool__", "__len__"))
            return None if special or value.cls.unread or "members" in value.cls.attributes else True
        if isinstance(value, (*_PLAIN, dict, list, set)):
            return bool(value)
        return True


_PLAIN_LEAF = (str, int, float, bool, bytes, complex, type(None), type(...), range, slice, PurePath)
_PLAIN = (*_PLAIN_LEAF, tuple, frozenset)


def _kind(value: Any) -> type:
    for kind in (bool, str, bytes, PurePath):
        if isinstance(value, kind):
            return kind
    return type(value)
