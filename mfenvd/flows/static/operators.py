"""Operators, subscripts and comparisons on values."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static.machine import LARGEST_VALUE, Raised
from mfenvd.flows.static.values import Call, ClassValue, DictView, Frame, Instance, LazyItems, Library, Special, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow, ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_, ast.BitXor: operator.xor, ast.LShift: operator.lshift, ast.RShift: operator.rshift,
}  # fmt: skip

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip

_NATIVE_ERRORS = (
    TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError, LookupError, StopIteration,
)  # fmt: skip


def guarded(machine: Machine, compute: Callable[[], Any], operands: Any, node: ast.AST, frame: Frame) -> Any:
    """`compute()` over plain operands, bounded; what Python raises is raised in the interpreted program.

    Raises:
        Raised: As Python would.
    """
    if cause := machine.plain(operands, node, frame):
        return cause
    return native(machine, compute, node, frame)


def native(machine: Machine, compute: Callable[[], Any], node: ast.AST, frame: Frame) -> Any:
    """As `guarded`, where the operands may hold unknown values."""
    try:
        result = compute()
    except _NATIVE_ERRORS as error:
        raise Raised(type(error).__name__, node, str(error), frame.source) from error
    except (RecursionError, MemoryError):
        return machine.unknown(node, frame, "is too large")
    if isinstance(result, (str, bytes, list, tuple, dict, set, frozenset)) and len(result) > LARGEST_VALUE:
        return machine.unknown(node, frame, "is too large")
    return result


def binary(machine: Machine, op: type[ast.operator], left: Any, right: Any, node: ast.AST, frame: Frame) -> Any:
    """`left op right`."""
    left, right = (_plain_operand(machine, operand, node, frame) for operand in (left, right))
    for operand in (left, right):
        if isinstance(operand, Unknown):
            return operand
    if not isinstance(left, _OPERANDS) or not isinstance(right, _OPERANDS):
        return machine.unknown(node, frame, "works on more than plain values")
    if _too_large(op, left, right):
        return machine.unknown(node, frame, "is too large")
    if op is ast.Mod and isinstance(left, (str, bytes)):
        return guarded(machine, lambda: left % right, [left, right], node, frame)
    if op is ast.BitOr and isinstance(left, dict) and isinstance(right, dict):
        return native(machine, lambda: {**left, **right}, node, frame)
    return native(machine, lambda: _BINARY[op](left, right), node, frame)


def _plain_operand(machine: Machine, operand: Any, node: ast.AST, frame: Frame) -> Any:
    if isinstance(operand, DictView):  # as for `a.keys() | b.keys()`
        if cause := machine.heap.doubted(operand.subject):
            return cause
        return make_set(machine, operand.items(), node, frame)
    return machine.readable(operand)


def same_kind(original: dict[Any, Any], content: dict[Any, Any]) -> dict[Any, Any]:
    """`content` as a dict of the kind of `original` (a defaultdict stays one)."""
    if isinstance(original, DefaultDict):
        return DefaultDict(original.factory, content)
    return content


class DefaultDict(dict[Any, Any]):
    """`collections.defaultdict`."""

    def __init__(self, factory: Any, content: Mapping[Any, Any] = MappingProxyType({})) -> None:
        super().__init__(content)
        self.factory = factory


def in_place(machine: Machine, op: type[ast.operator], left: Any, right: Any, node: ast.AST, frame: Frame) -> Any:
    """`left op= right`: lists, sets and dicts change, everything else is replaced."""
    from mfenvd.flows.static import iteration

    known = machine.readable(left)
    if isinstance(known, Unknown):
        machine.heap.doubt(left, known)
        return known
    if isinstance(left, list) and op is ast.Add:
        items = iteration.items_of(machine, right, node, frame, ordered=True)
        if isinstance(items, Unknown):
            machine.heap.doubt(left, items)
            return left
        machine.heap.touch(left)
        left.extend(items)
        return left
    if isinstance(left, dict) and op is ast.BitOr:
        mapping = mapping_of(machine, right, node, frame)
        if isinstance(mapping, Unknown):
            machine.heap.doubt(left, mapping)
            return left
        machine.heap.touch(left)
        left.update(mapping)
        return left
    result = binary(machine, op, left, right, node, frame)
    if isinstance(left, (list, set)):
        if isinstance(result, Unknown):
            machine.heap.doubt(left, result)
        else:
            machine.heap.touch(left)
            left.clear()
            (left.extend if isinstance(left, list) else left.update)(result)
        return left
    return result


def compare(machine: Machine, op: type[ast.cmpop], left: Any, right: Any, node: ast.AST, frame: Frame) -> Any:
    """`left op right`."""
    if op in {ast.Is, ast.IsNot}:
        return _identity(machine, op, left, right, node, frame)
    if op in {ast.In, ast.NotIn}:
        return _membership(machine, op, left, right, node, frame)
    left, right = machine.readable(left), machine.readable(right)
    for operand in (left, right):
        if cause := machine.first_unknown(operand):
            return cause
    if op in {ast.Eq, ast.NotEq} and left is right:
        return op is ast.Eq
    return guarded(machine, lambda: _COMPARE[op](left, right), [left, right], node, frame)


def _identity(machine: Machine, op: type[ast.cmpop], left: Any, right: Any, node: ast.AST, frame: Frame) -> Any:
    for operand in (left, right):
        if isinstance(operand, Unknown):
            return operand
    singletons = (type(None), bool, type(...))
    if isinstance(left, singletons) or isinstance(right, singletons) or not isinstance(left, (str, int, float, tuple)):
        return (left is right) == (op is ast.Is)
    if type(left) is not type(right):
        return op is ast.IsNot
    return machine.unknown(node, frame, "compares the identity of values")


def _membership(machine: Machine, op: type[ast.cmpop], left: Any, right: Any, node: ast.AST, frame: Frame) -> Any:
    if isinstance(right, DictView):
        right = right.subject if right.name == "keys" else right.items()
    container = machine.readable(right)
    if isinstance(container, Unknown):
        return container
    if isinstance(left, Unknown):
        return left
    if isinstance(container, dict):
        if cause := unhashable(machine, left, node, frame):
            return cause
        if container is machine.environ:
            machine.variables.append(str(left))
        return (left in container) == (op is ast.In)
    if isinstance(container, (str, bytes, list, tuple, set, frozenset, range)):
        answer = guarded(machine, lambda: left in container, [left, container], node, frame)
        return answer if isinstance(answer, Unknown) else answer == (op is ast.In)
    return machine.unknown(node, frame, "cannot be decided")


def subscript(machine: Machine, subject: Any, key: Any, node: ast.AST, frame: Frame) -> Any:
    """`subject[key]`.

    Raises:
        Raised: KeyError, IndexError, TypeError.
    """
    known = machine.readable(subject)
    if isinstance(known, Unknown):
        machine.risks += 1
        if known.external is not None:
            return machine.outside(f"{known.external}[]", node, frame)
        return known
    if isinstance(known, Special):
        return known.subscript(machine, key, node, frame)
    if isinstance(known, Library):
        return known  # `Dict[str, str]` and the like
    if isinstance(key, Unknown):
        return key
    if isinstance(known, (Instance, ClassValue, LazyItems)):
        return _subscript_object(machine, known, key, node, frame)
    if isinstance(known, dict):
        if cause := unhashable(machine, key, node, frame):
            return cause
        if known is machine.environ:
            machine.variables.append(key)
            if key not in known and not machine.guarded:
                fix = f"Set {key} where you run `mfenv up`, or read it with `os.environ.get` and a default."
                return machine.unknown(node, frame, "is not set in this environment", fix)
        if key not in known:
            if isinstance(known, DefaultDict) and known.factory is not None:
                machine.heap.touch(known)
                known[key] = machine.call(known.factory, Call([], {}, node, frame))
                return known[key]
            raise Raised("KeyError", node, repr(key), frame.source)
        return known[key]
    if isinstance(known, (str, bytes, list, tuple, range)):
        return native(machine, lambda: known[key], node, frame)
    return machine.unknown(node, frame, "cannot be looked up without running it")


def _subscript_object(machine: Machine, subject: Any, key: Any, node: ast.AST, frame: Frame) -> Any:
    if isinstance(subject, ClassValue) and (members := subject.attributes.get("members")) is not None:
        if key in members:
            return members[key]
        raise Raised("KeyError", node, repr(key), frame.source)
    if isinstance(subject, ClassValue):
        return subject  # a generic class with its parameter
    return machine.unknown(node, frame, "cannot be looked up without running it")


def mapping_of(machine: Machine, value: Any, node: ast.AST, frame: Frame) -> Any:
    """What `**value` spreads, as a dict, or an Unknown.

    Raises:
        Raised: TypeError, when it is no mapping.
    """
    known = machine.readable(value)
    if isinstance(known, Unknown):
        return known
    if isinstance(known, Mapping):
        return dict(known)
    if isinstance(known, Special):
        return known.spread(machine, node, frame)
    if isinstance(known, (Instance, ClassValue)):
        return machine.unknown(node, frame, "is a mapping of its own making")
    raise Raised("TypeError", node, f"'{type(known).__name__}' object is not a mapping", frame.source)


def make_set(machine: Machine, items: list[Any], node: ast.AST, frame: Frame) -> Any:
    """`set(items)`."""
    for item in items:
        if cause := unhashable(machine, item, node, frame):
            return cause
    return set(items)


def unhashable(machine: Machine, value: Any, node: ast.AST, frame: Frame) -> Unknown | None:
    """None when `value` is known and can be a key.

    Raises:
        Raised: TypeError, for a list, dict or set.
    """
    if isinstance(value, Unknown):
        return value
    if isinstance(value, (list, dict, set)):
        raise Raised("TypeError", node, f"unhashable type: '{type(value).__name__}'", frame.source)
    if isinstance(value, (tuple, frozenset)):
        for item in value:
            if cause := unhashable(machine, item, node, frame):
                return cause
    return None


_WIDE = re.compile(r"\d{4,}|\*")


def wide(specification: str) -> bool:
    """Whether a format asks for a width that could fill the memory."""
    return _WIDE.search(specification) is not None


_OPERANDS = (str, int, float, bool, bytes, complex, list, tuple, dict, set, frozenset, PurePath, type(None))


def _too_large(op: type[ast.operator], left: Any, right: Any) -> bool:
    if op is ast.Mult:
        for count, sequence in ((left, right), (right, left)):
            if isinstance(count, int) and isinstance(sequence, (str, bytes, list, tuple)):
                return count * max(len(sequence), 1) > LARGEST_VALUE
        return isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > 4096
    if op is ast.Pow:
        return not (isinstance(left, (int, float)) and isinstance(right, (int, float))) or abs(right) > 64
    if op is ast.LShift:
        return not isinstance(right, int) or right > 256
    if op is ast.Mod and isinstance(left, str):
        return any(wide(part) for part in re.findall(r"%[^a-zA-Z%]*", left))
    return False
