"""What a loop or comprehension goes through."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static.machine import LARGEST_VALUE, Raised
from mfenvd.flows.static.values import (
    MISSING,
    ClassValue,
    DictView,
    FileText,
    Frame,
    Instance,
    LazyItems,
    Namespace,
    OpenFile,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


class Unordered(list[Any]):
    """A list whose order is the file system's."""


def items_of(machine: Machine, value: Any, node: ast.AST, frame: Frame, *, ordered: bool) -> Any:
    """The items of an iterable as a list, or an Unknown. Iterators are consumed.

    Args:
        ordered: Whether the order matters: then a set of several items is unknown, as Python's order of it is.

    Raises:
        Raised: TypeError, when it is not iterable.
    """
    value = machine.readable(value)
    if isinstance(value, Unknown):
        return value
    if isinstance(value, LazyItems):
        return consume(machine, value)
    if isinstance(value, DictView):
        return machine.heap.doubted(value.subject) or value.items()
    if isinstance(value, OpenFile):
        text = read_all(machine, value)
        return text if isinstance(text, Unknown) else _lines(text)
    if isinstance(value, (set, frozenset, Unordered)) and len(value) > 1:
        if ordered:
            return machine.unknown(node, frame, "depends on the order of a set or folder")
        return sorted(value, key=lambda item: (str(type(item)), str(item)))
    if isinstance(value, (list, tuple, dict, set, frozenset, range)):
        if len(value) > LARGEST_VALUE:
            return machine.unknown(node, frame, "is too large")
        return list(value)
    if isinstance(value, (str, bytes)):
        return list(value)
    if isinstance(value, ClassValue) and (members := _members(value)) is not None:
        return members
    if isinstance(value, (Instance, ClassValue)):
        return machine.unknown(node, frame, "is an iterator of its own making")
    if isinstance(value, (int, float, bool, type(None), PurePath)):
        raise Raised("TypeError", node, f"'{type(value).__name__}' object is not iterable", frame.source)
    return machine.unknown(node, frame, "cannot be iterated without running it")


def consume(machine: Machine, lazy: LazyItems) -> Any:
    """What is left of an iterator."""
    items = pending(machine, lazy)
    if not isinstance(items, Unknown):
        machine.heap.touch(lazy.state)
        lazy.state["items"] = []
    return items


def pending(machine: Machine, lazy: LazyItems) -> Any:
    """What is left of an iterator, which keeps it."""
    if "items" not in lazy.state:
        computed = lazy.compute()
        machine.heap.touch(lazy.state)
        lazy.state["items"] = computed
    return lazy.state["items"]


def read_all(machine: Machine, file: OpenFile) -> Any:
    """What is left of an open file."""
    machine.heap.touch(file.state)
    if file.state.get("read"):
        return b"" if isinstance(file.content, bytes) else ""
    file.state["read"] = True
    return file.content


def _lines(text: Any) -> list[Any]:
    if isinstance(text, FileText):
        return [FileText.of(line, text.path) for line in text.splitlines(keepends=True)]
    return list(text.splitlines(keepends=True))


def _members(cls: ClassValue) -> list[Any] | None:
    """The members of an enumeration; None for any other class."""
    members = cls.attributes.get("members")
    return list(members.values()) if members is not None else None


def comprehend(
    machine: Machine,
    generators: list[ast.comprehension],
    frame: Frame,
    node: ast.expr,
    element: Callable[[Frame], Any],
    first: Any = MISSING,
    *,
    ordered: bool = True,
) -> Any:
    """The elements of a comprehension as a list, or an Unknown.

    `first` is the first iterable where it was evaluated already (a generator expression).
    """
    if first is MISSING:
        first = machine.evaluate(generators[0].iter, frame)
    if isinstance(node, ast.DictComp):
        ordered = False
    scope = _comprehension_frame(frame)
    found: list[Any] = []
    problem = _loop(machine, generators, 0, scope, node, element, found, first, ordered=ordered)
    return problem if problem is not None else found


def _comprehension_frame(frame: Frame) -> Frame:
    if frame.is_class:  # as in a function, the names of the class are not visible
        return Frame(frame.module, Namespace(), frame.parent)
    return Frame(frame.module, Namespace(), frame, shared=frame.shared)


def _loop(
    machine: Machine,
    generators: list[ast.comprehension],
    index: int,
    scope: Frame,
    node: ast.expr,
    element: Callable[[Frame], Any],
    found: list[Any],
    first: Any,
    *,
    ordered: bool,
) -> Unknown | None:
    from mfenvd.flows.static.statements import assign

    generator = generators[index]
    iterable = first if index == 0 else machine.evaluate(generator.iter, scope)
    items = items_of(machine, iterable, node, scope, ordered=ordered)
    if isinstance(items, Unknown):
        return _maybe(machine, generators, index, scope, element, items)
    for item in items:
        machine.step()
        assign(machine, generator.target, item, scope)
        for condition in generator.ifs:
            value = machine.evaluate(condition, scope)
            answer = machine.truth(value)
            if answer is None:
                return machine.first_unknown(value) or machine.unknown(condition, scope, "cannot be decided")
            if not answer:
                break
        else:
            if index + 1 < len(generators):
                problem = _loop(machine, generators, index + 1, scope, node, element, found, None, ordered=ordered)
                if problem is not None:
                    return problem
            else:
                found.append(element(scope))
                if len(found) > LARGEST_VALUE:
                    return machine.unknown(node, scope, "is too large")
    return None


def _maybe(
    machine: Machine,
    generators: list[ast.comprehension],
    index: int,
    scope: Frame,
    element: Callable[[Frame], Any],
    cause: Unknown,
) -> Unknown:
    """Runs the body once over an unknown item, so that what it would change is not taken as known."""
    from mfenvd.flows.static.statements import assign

    def body() -> None:
        for generator in generators[index:]:
            assign(machine, generator.target, cause, scope)
            for condition in generator.ifs:
                machine.evaluate(condition, scope)
        element(scope)

    machine.branch([body, lambda: None], cause)
    return cause
