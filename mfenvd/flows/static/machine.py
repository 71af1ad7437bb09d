"""The interpreter's state, and the operations that its parts share."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from mfenvd.domain.finding import Location
from mfenvd.flows.reading import ProjectFacts
from mfenvd.flows.static.heap import Heap, Tried, join_values
from mfenvd.flows.static.modules import ModuleCache
from mfenvd.flows.static.source import Source
from mfenvd.flows.static.values import (
    MISSING,
    Call,
    ClassValue,
    Frame,
    Instance,
    LocatedText,
    Module,
    Special,
    Unknown,
    walk,
)

BUDGET = 100_000
"""Steps (statements, expressions, calls) for one flow file with all it imports: about 0.3 s."""

STATEMENT_BUDGET = 20_000
"""Steps for one statement at the top level of a module."""

DEPTH = 60
"""Nested calls."""

LARGEST_VALUE = 200_000
"""Characters or elements that one value may have."""


class Raised(Exception):  # noqa: N818 - an exception of the interpreted program, not of ours
    """The interpreted program raises. `kind` is the exception's class name, `cls` its class if it is not built in."""

    def __init__(self, kind: str, node: ast.AST, text: str, source: Source, cls: ClassValue | None = None) -> None:
        super().__init__(kind, text)
        self.kind = kind
        self.node = node
        self.text = text
        self.source = source
        self.cls = cls

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}" if self.text else self.kind


class Exhausted(Exception):  # noqa: N818
    """The budget is spent: whatever was under way is not known."""


class Machine:
    """One reading of one flow file.

    Attributes:
        reads: Absolute paths of the files that this reading depends on, missing ones included.
        doubts: How often something was met that may raise; tells a `try` whether its handlers matter.
        watchers: Lists to which decorators are added as they are made, and environment variables as they are read.
    """

    def __init__(self, facts: ProjectFacts, modules: ModuleCache, folder: str) -> None:
        self.facts = facts
        self.modules = modules
        self.heap = Heap()
        self.reads: set[str] = set()
        self.loaded: dict[str, Module] = {}
        self.environ: dict[str, Any] = dict(facts.environ)
        self.sys_path: list[Any] = [folder]
        self.folder = folder
        self.risks = 0
        self.guarded = 0
        self.joined_alike = True
        self.made: list[Any] = []
        self.variables: list[str] = []
        self._left = BUDGET
        self._left_here = STATEMENT_BUDGET
        self._depth = 0

    # -- evaluating: the parts are put together here, so that none of them needs to import the others

    def evaluate(self, node: ast.expr, frame: Frame) -> Any:
        from mfenvd.flows.static.expressions import evaluate

        return evaluate(self, node, frame)

    def call(self, function: Any, call: Call) -> Any:
        from mfenvd.flows.static.calls import call as call_value

        return call_value(self, function, call)

    def step(self) -> None:
        """Counts one step.

        Raises:
            Exhausted: There were too many.
        """
        self._left -= 1
        self._left_here -= 1
        if self._left < 0 or self._left_here < 0:
            raise Exhausted

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """A nested call.

        Raises:
            Exhausted: Calls are nested too deeply.
        """
        if self._depth >= DEPTH:
            raise Exhausted
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    @contextmanager
    def fresh_budget(self) -> Iterator[None]:
        """A statement at the top level: what it takes is not taken from the one that imports its module."""
        outer, self._left_here = self._left_here, STATEMENT_BUDGET
        try:
            yield
        finally:
            self._left_here = outer

    # -- unknown values

    def unknown(self, node: ast.AST, frame: Frame, reason: str, fix: str | None = None) -> Unknown:
        return Unknown(frame.source, node, reason, fix)

    def outside(self, name: str, node: ast.AST, frame: Frame) -> Unknown:
        """Something of a module that is not part of the project."""
        return Unknown(frame.source, node, "is not part of this project", external=name)

    def readable(self, value: Any) -> Any:
        """`value`, or the Unknown that says why it is not known (any more); what it holds may be unknown."""
        if isinstance(value, Instance):
            return self.heap.doubted(value.attributes) or value
        if isinstance(value, (dict, list, set)):
            return self.heap.doubted(value) or value
        return value

    def first_unknown(self, value: Any) -> Unknown | None:
        """The first Unknown in `value`, however deep."""
        for item in walk(value):
            if isinstance(item, Unknown):
                return item
            if isinstance(item, (dict, list, set)) and (cause := self.heap.doubted(item)):
                return cause
        return None

    def plain(self, value: Any, node: ast.AST, frame: Frame) -> Unknown | None:
        """None when `value` is a plain value of Python, all the way down; else why it is not."""
        for item in walk(value):
            if isinstance(item, Unknown):
                return item
            if isinstance(item, (dict, list, set)):
                if cause := self.heap.doubted(item):
                    return cause
            elif not isinstance(item, _PLAIN):
                return self.unknown(node, frame, "works on more than plain values")
        return None

    def same(self, one: Any, other: Any) -> bool:
        """Whether two values are known to be equal, in type too."""
        if one is other:
            return True
        if isinstance(one, _PLAIN_LEAF) and isinstance(other, _PLAIN_LEAF):
            return _kind(one) is _kind(other) and bool(one == other)
        if type(one) is not type(other):
            return False
        if isinstance(one, dict):
            return (
                self.readable(one) is one
                and self.readable(other) is other
                and list(one) == list(other)
                and all(self.same(one[key], other[key]) for key in one)
            )
        if isinstance(one, (list, tuple)):
            return (
                self.readable(one) is one
                and self.readable(other) is other
                and len(one) == len(other)
                and all(map(self.same, one, other))
            )
        if isinstance(one, (set, frozenset)):
            return self.readable(one) is one and self.readable(other) is other and one == other
        return isinstance(one, Special) and one.equals(other, self.same)

    def truth(self, value: Any) -> bool | None:
        """`bool(value)`; None when it is not known."""
        value = self.readable(value)
        if isinstance(value, Unknown):
            if value.options:
                answers = {self.truth(option) for option in value.options}
                return answers.pop() if len(answers) == 1 else None
            return None
        if isinstance(value, Instance):
            special = value.cls.find("__bool__") is not MISSING or value.cls.find("__len__") is not MISSING
            return None if special or value.cls.unread else True
        if isinstance(value, (*_PLAIN, dict, list, set)):
            return bool(value)
        return True

    def expose(self, values: Any, cause: Unknown) -> None:
        """`values` were handed to code that cannot be read, which may have changed them."""
        self.risks += 1
        self.heap.doubt(values, cause)
        for item in walk(values):
            if isinstance(item, Special):
                item.exposed(self, cause)

    # -- paths

    def trial(self, path: Callable[[], Any]) -> tuple[Any, Tried]:
        """The result of `path` (a `Raised` if it raises) and what it changed, undone."""
        return self.heap.attempt(lambda: _caught(path))

    def branch(self, paths: Sequence[Callable[[], Any]], cause: Unknown) -> list[Any]:
        """The results of all `paths`, any one of which may be the one taken. See `join`."""
        return self.join([self.trial(path) for path in paths], cause)

    def join(self, trials: Sequence[tuple[Any, Tried]], cause: Unknown) -> list[Any]:
        """Leaves the state that holds whichever path was taken, and returns their results.

        A path that raises is not among those whose effects count, as the flow would not load, unless a
        surrounding `try` could catch it; its result is the `Raised`.

        Raises:
            Raised: Every path raises.
        """
        results = [result for result, _ in trials]
        raised = [result for result in results if isinstance(result, Raised)]
        live = [tried for result, tried in trials if self.guarded or not isinstance(result, Raised)]
        if raised:
            self.risks += 1
        if live:
            self.joined_alike = not self.heap.join(live, cause, self.same)
        if raised and len(raised) == len(results):
            raise raised[0]
        return results

    def either(self, values: list[Any], cause: Unknown) -> Any:
        """One of `values`."""
        return join_values(values, cause, self.same)

    # -- values with places, and files

    def located(self, value: Any, location: Location) -> Any:
        """Text that remembers where it was given; anything else as it is."""
        if isinstance(value, str) and type(value) in {str, LocatedText}:
            return LocatedText.at(value, location)
        return value

    def inside(self, path: str | PurePath) -> Path | None:
        """`path`, made absolute from the working directory, when it is inside the project."""
        absolute = Path(os.path.normpath(os.path.join(self.facts.cwd, path)))
        root = Path(self.facts.root)
        return absolute if absolute == root or root in absolute.parents else None


def _caught(path: Callable[[], Any]) -> Any:
    try:
        return path()
    except Raised as raised:
        return raised


class VersionInfo(tuple[Any, ...]):
    """`sys.version_info`."""

    __slots__ = ()
    major = property(lambda self: self[0])
    minor = property(lambda self: self[1])
    micro = property(lambda self: self[2])


_PLAIN_LEAF = (str, int, float, bool, bytes, complex, type(None), type(...), range, slice, PurePath)
_PLAIN = (*_PLAIN_LEAF, tuple, frozenset)


def _kind(value: Any) -> type:
    for kind in (bool, str, bytes, PurePath):
        if isinstance(value, kind):
            return kind
    return type(value)
