"""Comprehensions and generator expressions."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import iteration
from mfenvd.flows.static.heap import Unordered
from mfenvd.flows.static.outcomes import LARGEST_VALUE
from mfenvd.flows.static.values import MISSING, Frame, Namespace, Site, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def items(machine: Machine, node: Comprehension, frame: Frame, first: Any = MISSING) -> Any:
    """The elements in order as a list (pairs for a dict), or an Unknown.

    Args:
        machine: The reading.
        node: The comprehension.
        frame: Where it stands.
        first: The first iterable where it was evaluated already, as for a generator expression.
    """
    if first is MISSING:
        first = machine.evaluate(node.generators[0].iter, frame)
    return _Run(machine, node, frame).run(first)


class _Run:
    """One evaluation of a comprehension."""

    def __init__(self, machine: Machine, node: Comprehension, frame: Frame) -> None:
        self._machine = machine
        self._node = node
        parent = frame.parent if frame.is_class else frame  # as in a function, a class's names are not visible
        self._scope = Frame(frame.module, Namespace(), parent, shared=frame.shared, is_comprehension=True)
        self._found: list[Any] = []

    def run(self, first: Any) -> Any:
        problem = self._loop(0, first)
        if problem is None:
            return self._found
        return problem.holding([*self._found, *(pair[-1] for pair in self._found if isinstance(pair, tuple))])

    def _loop(self, index: int, iterable: Any) -> Unknown | None:
        """Goes through the generator at `index` and those inside it. Returns why that is not possible."""
        machine = self._machine
        # The order of a set matters for lists; in sets and dicts it matters only for equal keys.
        keyed = isinstance(self._node, (ast.SetComp, ast.DictComp))
        found = iteration.items_of(machine, iterable, self._at, ordered=not keyed)
        if isinstance(found, Unknown):
            return self._maybe(index, found)
        before = len(self._found)
        disordered = machine.heap.disordered(iterable)
        for item in found:
            machine.step()
            problem = self._item(index, item)
            if problem is not None:
                return problem
        if disordered and isinstance(self._node, ast.DictComp):
            self._found = Unordered(self._found)
            return self._clash(before)
        return None

    def _item(self, index: int, item: Any) -> Unknown | None:
        machine, generator = self._machine, self._node.generators[index]
        machine.assign(generator.target, item, self._scope)
        for condition in generator.ifs:
            value = machine.evaluate(condition, self._scope)
            answer = machine.truth(value)
            if answer is None:
                return self._maybe(index, machine.undecided(value, Site(condition, self._scope)))
            if not answer:
                return None
        if index + 1 < len(self._node.generators):
            return self._loop(index + 1, machine.evaluate(self._node.generators[index + 1].iter, self._scope))
        self._found.append(self._element())
        return machine.unknown(self._at, "is too large") if len(self._found) > LARGEST_VALUE else None

    def _element(self) -> Any:
        if isinstance(self._node, ast.DictComp):
            key = self._machine.evaluate(self._node.key, self._scope)
            return key, self._machine.evaluate(self._node.value, self._scope)
        return self._machine.evaluate(self._node.elt, self._scope)

    def _clash(self, start: int) -> Unknown | None:
        """Two items of a set that give one key different values: which one stays depends on the set's order."""
        seen: dict[Any, Any] = {}
        for key, value in self._found[start:]:
            if isinstance(key, Unknown):
                return key.bare
            if key in seen and not self._machine.same(seen[key], value):
                return self._machine.unknown(self._at, "depends on the order of a set")
            seen[key] = value
        return None

    def _maybe(self, index: int, cause: Unknown) -> Unknown:
        """Runs the body once over unknown items, so that what it would change is not taken as known."""
        elements: list[Any] = []

        def body() -> None:
            for generator in self._node.generators[index:]:
                self._machine.assign(generator.target, cause, self._scope)
                for condition in generator.ifs:
                    self._machine.evaluate(condition, self._scope)
            elements.append(self._element())

        self._machine.branch([body, lambda: None], cause)
        return cause.holding(elements)

    @property
    def _at(self) -> Site:
        return Site(self._node, self._scope)
