"""What is no longer known after code that cannot be followed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import decorators
from mfenvd.flows.static.heap import Doubt
from mfenvd.flows.static.values import (
    BoundMethod,
    ClassValue,
    Frame,
    Function,
    Instance,
    Namespace,
    Partial,
    Site,
    Special,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

_DATA = (str, int, float, bytes, list, dict, set, tuple, frozenset, type(None), Instance)


def give_up(machine: Machine, statement: ast.stmt, frame: Frame, reason: str, *, everything: bool = False) -> None:
    """What `statement` binds is unknown, and what it or a function that it names uses may be anything afterwards.

    With `everything`, so may all that it does not name.
    """
    machine.risks += 1
    cause = Unknown(Site(statement, frame), reason)
    machine.heap.touch(frame.names)
    if everything:
        forget_everything(machine, frame, cause)
    _Spoiler(machine, cause).names_in(statement, frame.names)
    for node in _walk(statement):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            frame.names[node.id] = cause
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
            frame.names.setdefault(node.name, cause)
        elif isinstance(node, ast.alias):
            frame.names.setdefault((node.asname or node.name).partition(".")[0], cause)


def spoil(machine: Machine, value: Any, cause: Unknown) -> None:
    """`cause` may have run the functions that `value` is or has, and changed what they use."""
    _Spoiler(machine, cause).value(value)


def forget_everything(machine: Machine, frame: Frame, cause: Unknown) -> None:
    """Any data that code in `frame` can reach may have been changed, and any name bound to other data."""
    for reachable in machine.roots(frame):
        machine.expose(list(reachable) if isinstance(reachable, list) else list(reachable.values()), cause)
        forget_data(machine, reachable, cause)


def forget_data(machine: Machine, reachable: Any, cause: Unknown) -> None:
    """Any name may be bound to other data; functions, classes and modules stay what they are."""
    if not isinstance(reachable, Namespace):
        machine.heap.doubt(reachable, cause)
        return
    machine.heap.touch(reachable)
    data = [name for name, value in reachable.items() if isinstance(value, _DATA) and not name.startswith("__")]
    reachable.update(dict.fromkeys(data, cause))


class _Spoiler:
    """Marks what a piece of code uses as unknown, each thing once."""

    def __init__(self, machine: Machine, cause: Unknown) -> None:
        self._machine = machine
        self._cause = cause
        self._seen: set[int] = set()

    def names_in(self, code: ast.AST, names: Namespace) -> None:
        """Everything that `code` loads by a name."""
        for node in ast.walk(code) if isinstance(code, (ast.FunctionDef, ast.Lambda)) else _walk(code):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self.value(names.get(node.id))

    def value(self, value: Any) -> None:
        """`value`, and what its functions use."""
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        self._machine.heap.doubt(value, self._cause)
        if isinstance(value, (BoundMethod, Partial)):
            self.value(value.function)
        elif isinstance(value, Special):
            value.exposed(self._machine, self._cause)
        elif decorators.is_step(value) or decorators.is_flow(value):
            decorators.add(self._machine, decorators.decorators_of(self._machine, value), Doubt(self._cause))
        elif isinstance(value, Function):
            self.names_in(value.node, value.frame.module.names)
        if isinstance(value, ClassValue):
            for item in value.names.values():
                self.value(item)


def _walk(statement: ast.AST) -> Iterator[ast.AST]:
    """The nodes of `statement`, without the bodies of functions and classes."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            stack.extend(ast.iter_child_nodes(node))
