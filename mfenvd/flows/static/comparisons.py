"""Comparisons of values."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import iteration, operators, protocols
from mfenvd.flows.static.data import DictView, LazyItems
from mfenvd.flows.static.values import MISSING, Instance, Site, Special, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip


def compare(machine: Machine, op: type[ast.cmpop], left: Any, right: Any, at: Site) -> Any:
    """`left op right`."""
    if op in {ast.Is, ast.IsNot}:
        return _identity(machine, op, left, right, at)
    if op in {ast.In, ast.NotIn}:
        return _membership(machine, op, left, right, at)
    if cause := machine.first_unknown([left, right]):
        return cause
    if isinstance(left, Instance) or isinstance(right, Instance):
        found = protocols.compare(machine, op, left, right, at)
        if found is not MISSING:
            return found
    if op in {ast.Eq, ast.NotEq} and (left is right or isinstance(left, LazyItems) or isinstance(right, LazyItems)):
        return (left is right) == (op is ast.Eq)
    return operators.guarded(machine, lambda: _COMPARE[op](left, right), [left, right], at)


def _identity(machine: Machine, op: type[ast.cmpop], left: Any, right: Any, at: Site) -> Any:
    for operand in (left, right):
        if isinstance(operand, Unknown):
            return operand.bare
    singletons = (type(None), bool, type(...))
    copied = (str, int, float, bytes, tuple, frozenset, PurePath)  # Python may or may not share equal ones
    if isinstance(left, singletons) or isinstance(right, singletons) or not isinstance(left, copied):
        return (left is right) == (op is ast.Is)
    if type(left) is not type(right):
        return op is ast.IsNot
    return machine.unknown(at, "compares the identity of values")


def _membership(machine: Machine, op: type[ast.cmpop], left: Any, right: Any, at: Site) -> Any:
    if isinstance(right, DictView):
        right = right.subject if right.name == "keys" else right.items()
    container = machine.readable(right)
    for operand in (container, left):
        if isinstance(operand, Unknown):
            return operand.bare
    answer = _contains(machine, container, left, at)
    return answer if isinstance(answer, Unknown) else answer == (op is ast.In)


def _contains(machine: Machine, container: Any, item: Any, at: Site) -> Any:
    """`item in container`."""
    if isinstance(container, dict):
        if cause := operators.unhashable(machine, item, at):
            return cause
        if container is machine.environ:
            machine.variables.append(str(item))
        return item in container
    if isinstance(container, Special):
        return container.contains(machine, item, at)
    if isinstance(container, Instance):
        found = protocols.call(machine, container, "__contains__", [item], at)
        answer = machine.truth(found)
        return machine.undecided(found, at) if answer is None or found is MISSING else answer
    if isinstance(container, (str, bytes, list, tuple, set, frozenset, range, LazyItems)):
        return _among(machine, container, item, at)
    machine.expose([container], cause := machine.unknown(at, "cannot be decided"))
    return cause


def _among(machine: Machine, container: Any, item: Any, at: Site) -> Any:
    """Whether `item` is equal to one of the items of a plain container or an iterator."""
    items = container
    if isinstance(container, LazyItems):
        items = iteration.consume(machine, container, at_once=False)
        if isinstance(items, Unknown):
            return items
        iteration.leave_unknown(machine, container, items, at)
    return operators.guarded(machine, lambda: item in items, [item, items], at)
