"""The interpreter's state, and the operations that its parts share."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from mfenvd.domain.finding import Location
from mfenvd.flows.reading import ProjectFacts
from mfenvd.flows.static import iteration
from mfenvd.flows.static.contents import walk
from mfenvd.flows.static.data import LazyItems, LocatedText
from mfenvd.flows.static.filesystem import Filesystem
from mfenvd.flows.static.heap import Tried
from mfenvd.flows.static.knowledge import Knowledge
from mfenvd.flows.static.modules import ModuleCache
from mfenvd.flows.static.outcomes import Evidence, Exhausted, Outcome, Raised
from mfenvd.flows.static.values import (
    Call,
    ClassValue,
    Frame,
    Function,
    Module,
    Namespace,
    Site,
    Special,
    Unknown,
)

BUDGET = 100_000
"""Steps (statements, expressions, calls) for one flow file with all it imports: about 0.3 s."""

STATEMENT_BUDGET = 20_000
"""Steps for one statement at the top level of a module."""

_MOST_CALLS = 8

DEPTH = 60
"""Nested calls."""


class Machine(Knowledge, ABC):
    """One reading of one flow file: its state, and the operations that the parts of the interpreter share.

    What the parts need of each other goes through the abstract methods, so that none of them imports another
    that imports it.

    Attributes:
        facts: What may be known of the project.
        modules: Parsed files.
        files: The working directory, and files that the flow changes.
        reads: Absolute paths of the files that this reading depends on, missing ones included.
        loaded: Modules of the project by name.
        replaced: What code of the project put into `sys.modules`, by name.
        patched: What code of the project put in the place of a part of a library, by its dotted name.
        environ: `os.environ`.
        sys_path: `sys.path`, as far as it concerns the project.
        folder: The flow file's folder.
        guarded: How many `try` statements could catch what is raised now.
        joined_alike: Whether the paths of the last `join` all left the same.
        made: Decorators in the order in which they were made.
        variables: Environment variables in the order in which they were read.
        failures: Statements at the top level of modules and classes that raise.
    """

    def __init__(self, facts: ProjectFacts, modules: ModuleCache, folder: str) -> None:
        self.facts = facts
        self.modules = modules
        super().__init__()
        self.files = Filesystem(facts.cwd)
        self.reads: set[str] = set()
        self.loaded: dict[str, Module] = {}
        self.replaced = Namespace()
        self.patched = Namespace()
        self.environ: dict[Any, Any] = dict(facts.environ)
        self.sys_path: list[Any] = [folder]
        self.folder = folder
        self.guarded = 0
        self.joined_alike = True
        self.made: list[Any] = []
        self.variables: list[str] = []
        self.failures: list[tuple[ast.stmt, Frame, Raised]] = []
        self._ordered = True
        self._left = BUDGET
        self._left_here = STATEMENT_BUDGET
        self._depth = 0

    # -- the parts of the interpreter

    @abstractmethod
    def evaluate(self, node: ast.expr, frame: Frame) -> Any:
        """The value of an expression."""

    @abstractmethod
    def call(self, function: Any, call: Call) -> Any:
        """`function(...)`."""

    @abstractmethod
    def find_attribute(self, subject: Any, name: str, at: Site) -> Any:
        """`subject.name`, MISSING when it is certain that there is none."""

    @abstractmethod
    def set_attribute(self, subject: Any, name: str, value: Any, at: Site) -> None:
        """`subject.name = value`."""

    @abstractmethod
    def assign(self, target: ast.expr, value: Any, frame: Frame) -> None:
        """Binds a target to a value."""

    @abstractmethod
    def unbind(self, name: str, frame: Frame) -> None:
        """`del name`."""

    @abstractmethod
    def run_body(self, body: Sequence[ast.stmt], frame: Frame) -> Outcome | None:
        """Executes statements in order; None when they end normally."""

    @abstractmethod
    def run_module(self, body: Sequence[ast.stmt], frame: Frame) -> None:
        """Executes the top level of a module or class; a statement that fails does not stop it."""

    @abstractmethod
    def load(self, name: str, at: Site) -> Any:
        """The module called `name` (dotted, absolute)."""

    @abstractmethod
    def decorate(self, decorator: Any, target: Any, at: Site, evidence: Evidence) -> Any:
        """`decorator(target)` for a step or flow, MISSING when `target` is neither."""

    @property
    @abstractmethod
    def builtins(self) -> Mapping[str, Any]:
        """Python's built-in names."""

    # -- budgets

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

    # -- what is handed to others

    def expose(self, values: Any, cause: Unknown) -> None:
        """`values` were handed to code that cannot be read, which may have changed them."""
        self.risks += 1
        self.heap.doubt(values, cause)
        for item in walk(values):
            if isinstance(item, Special):
                item.exposed(self, cause)
            elif isinstance(item, LazyItems):
                self._expose_iterator(item, cause)

    def _expose_iterator(self, lazy: LazyItems, cause: Unknown) -> None:
        found: list[Any] = []
        self.branch([lambda: found.append(iteration.one_by_one(self, lazy)), lambda: None], cause)
        self.heap.doubt(found, cause)
        self.heap.touch(lazy.state)
        lazy.state["items"] = cause

    def maybe_call(self, function: Any, count: int, cause: Unknown) -> Unknown:
        """`function` is called any number of times, with `count` unknown arguments; what it may return."""
        found: list[Any] = []

        def path() -> None:
            found.append(self.call(function, Call([cause] * count, {}, cause.at)))

        for _ in range(_MOST_CALLS):
            self.branch([path, lambda: None], cause)
            if self.joined_alike:
                break
        return cause.holding(found)

    def roots(self, frame: Frame) -> list[Any]:
        """Everything that code in `frame` can reach."""
        found: list[Any] = [self.environ, self.sys_path, self.replaced, self.patched]
        current: Frame | None = frame
        while current is not None:
            found.append(current.names)
            current = current.parent
        for module in self.loaded.values():
            found.append(module.names)
            for value in module.names.values():
                if isinstance(value, ClassValue):
                    found.append(value.names)
                elif isinstance(value, Function) and value.frame.names is not module.names:
                    found.append(value.frame.names)  # a closure
        return found

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
            self.joined_alike = not self.heap.join(live, cause, self.same, ordered=self._ordered)
        if raised and len(raised) == len(results):
            raise raised[0]
        return results

    def partly(self, stops: Sequence[Tried], cause: Unknown) -> None:
        """Leaves the state that holds wherever a path stopped that did all of `stops` on its way."""
        self.heap.join([*stops, Tried({}, {})], cause, self.same, ordered=self._ordered, partial=True)

    def of_options(self, unknown: Unknown, compute: Callable[[Any], Any]) -> Any:
        """`compute(option)` for the one of the options of `unknown` that it is."""

        def path(option: Any) -> Callable[[], Any]:
            return lambda: compute(option)

        return self.either([path(option) for option in unknown.options], unknown.bare)

    def either(self, paths: Sequence[Callable[[], Any]], cause: Unknown) -> Any:
        """The value of one of `paths`, with the effects that the one taken has."""
        results = self.branch(paths, cause)
        return self.one_of([result for result in results if not isinstance(result, Raised)], cause)

    def one_of(self, values: Sequence[Any], cause: Unknown) -> Any:
        """The value that all of `values` are, else an Unknown that names them."""
        return self.heap.one_of(values, cause, self.same)

    @contextmanager
    def ignoring_order(self) -> Iterator[None]:
        """Paths that leave the same entries in a dict in another order are alike."""
        before, self._ordered = self._ordered, False
        try:
            yield
        finally:
            self._ordered = before

    # -- values with places, and files

    def located(self, value: Any, place: Site | Location) -> Any:
        """Text that remembers where it was given; anything else as it is."""
        if type(value) is str or type(value) is LocatedText:
            return LocatedText.at(value, place.location if isinstance(place, Site) else place)
        return value

    def inside(self, path: str | PurePath) -> Path | None:
        """`path`, made absolute from the working directory, when it is inside the project."""
        found = self.files.absolute(path)
        if isinstance(found, Unknown):
            return None
        absolute = Path(found)
        root = Path(self.facts.root)
        return absolute if absolute == root or root in absolute.parents else None


def _caught(path: Callable[[], Any]) -> Any:
    try:
        return path()
    except Raised as raised:
        return raised
