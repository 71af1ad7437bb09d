"""Operators, subscripts and comparisons on values."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import iteration, protocols
from mfenvd.flows.static.contents import walk
from mfenvd.flows.static.data import DictView, LazyItems
from mfenvd.flows.static.outcomes import LARGEST_VALUE, Raised
from mfenvd.flows.static.values import MISSING, Call, ClassValue, Instance, Library, Site, Special, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow, ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_, ast.BitXor: operator.xor, ast.LShift: operator.lshift, ast.RShift: operator.rshift,
}  # fmt: skip

_NATIVE_ERRORS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, StopIteration)


class DefaultDict(dict[Any, Any]):
    """`collections.defaultdict`."""

    def __init__(self, factory: Any, content: Mapping[Any, Any] = MappingProxyType({})) -> None:
        super().__init__(content)
        self.factory = factory


def guarded(machine: Machine, compute: Callable[[], Any], operands: Any, at: Site) -> Any:
    """`compute()` over plain operands, bounded; what Python raises is raised in the interpreted program.

    Raises:
        Raised: As Python would.
    """
    if cause := machine.plain(operands, at):
        return cause
    result = native(machine, compute, at)
    if isinstance(result, str) and any(machine.heap.disordered(item) for item in walk(operands)):
        return machine.unknown(at, "depends on the order of a set")
    return result


def native(machine: Machine, compute: Callable[[], Any], at: Site) -> Any:
    """As `guarded`, where the operands may hold unknown values."""
    try:
        result = compute()
    except _NATIVE_ERRORS as error:
        value = error.args if isinstance(error, KeyError) else None  # other messages depend on Python's version
        raise Raised(type(error).__name__, at, str(error), value=value) from error
    except (RecursionError, MemoryError):
        return machine.unknown(at, "is too large")
    if isinstance(result, (str, bytes, list, tuple, dict, set, frozenset)) and len(result) > LARGEST_VALUE:
        return machine.unknown(at, "is too large")
    return result


def binary(machine: Machine, op: type[ast.operator], left: Any, right: Any, at: Site) -> Any:
    """`left op right`."""
    left, right = (_operand(machine, operand, at) for operand in (left, right))
    for operand, other in ((left, right), (right, left)):
        if isinstance(operand, Unknown):
            return operand.holding([other])
    if not isinstance(left, _OPERANDS) or not isinstance(right, _OPERANDS):
        found = protocols.binary(machine, op, left, right, at)
        return machine.unknown(at, "works on more than plain values") if found is MISSING else found
    if _too_large(op, left, right):
        return machine.unknown(at, "is too large")
    if op is ast.Mod and isinstance(left, (str, bytes)):
        return guarded(machine, lambda: left % right, [left, right], at)
    if op is ast.BitOr and isinstance(left, dict) and isinstance(right, dict):
        return machine.heap.disorder(same_kind(left, {**left, **right}), left, right)
    return native(machine, lambda: _BINARY[op](left, right), at)


def _operand(machine: Machine, operand: Any, at: Site) -> Any:
    if isinstance(operand, DictView):  # as for `a.keys() | b.keys()`
        return machine.heap.doubted(operand.subject) or make_set(machine, operand.items(), at)
    return machine.readable(operand)


def same_kind(original: dict[Any, Any], content: dict[Any, Any]) -> dict[Any, Any]:
    """`content` as a dict of the kind of `original`: a defaultdict stays one."""
    return DefaultDict(original.factory, content) if isinstance(original, DefaultDict) else content


def in_place(machine: Machine, op: type[ast.operator], left: Any, right: Any, at: Site) -> Any:
    """`left op= right`: lists, sets and dicts change, everything else is replaced."""
    if isinstance(left, Unknown) and left.options:
        return machine.of_options(left, lambda option: in_place(machine, op, option, right, at))
    known = machine.readable(left)
    if isinstance(known, Unknown):
        machine.heap.doubt([left, right], known)
        return known.holding([right])
    return _in_place(machine, op, left, right, at)


def _in_place(machine: Machine, op: type[ast.operator], left: Any, right: Any, at: Site) -> Any:
    if isinstance(left, Instance):
        found = protocols.call(machine, left, f"__i{protocols.OPERATORS[op]}__", [right], at)
        if found is not MISSING and found is not NotImplemented:
            return found
    if isinstance(left, list) and op is ast.Add:
        new = iteration.items_of(machine, right, at)
        return _grown(machine, left, new, left.extend)
    if isinstance(left, dict) and op is ast.BitOr:
        return machine.heap.disorder(_grown(machine, left, mapping_of(machine, right, at), left.update), right)
    result = binary(machine, op, left, right, at)
    if not isinstance(left, (list, set)):
        return result
    if isinstance(result, Unknown):
        machine.heap.doubt(left, result)
        return left
    machine.heap.touch(left)
    left.clear()
    (left.extend if isinstance(left, list) else left.update)(result)
    return left


def _grown(machine: Machine, container: Any, new: Any, grow: Callable[[Any], None]) -> Any:
    if isinstance(new, Unknown):
        machine.heap.doubt(container, new)
    else:
        machine.heap.touch(container)
        grow(new)
    return container


def subscript(machine: Machine, subject: Any, key: Any, at: Site) -> Any:
    """`subject[key]`.

    Raises:
        Raised: KeyError, IndexError, TypeError.
    """
    if isinstance(subject, Unknown) and subject.options:
        return machine.of_options(subject, lambda option: subscript(machine, option, key, at))
    known = machine.readable(subject)
    if isinstance(known, Unknown):
        machine.risks += 1
        return machine.outside(f"{known.external}[]", at) if known.external is not None else known
    if isinstance(known, (Special, Library, Instance)):
        return _own_item(machine, known, key, at)
    if isinstance(key, Unknown):
        return machine.some_entry(known, (), key) if isinstance(known, (dict, list, tuple)) else key.bare
    return _known_item(machine, known, key, at)


def _own_item(machine: Machine, known: Any, key: Any, at: Site) -> Any:
    if isinstance(known, Special):
        return known.subscript(machine, key, at)
    if isinstance(known, Library):
        return known  # `Dict[str, str]` and the like
    found = protocols.call(machine, known, "__getitem__", [key], at)
    return machine.unknown(at, "cannot be looked up without running it") if found is MISSING else found


def _known_item(machine: Machine, known: Any, key: Any, at: Site) -> Any:
    if isinstance(known, dict):
        return _entry(machine, known, key, at)
    if isinstance(known, (str, bytes, list, tuple, range)):
        return native(machine, lambda: known[key], at)
    if isinstance(known, ClassValue):
        members = known.attributes.get("members")
        return known if members is None else _entry(machine, members, key, at)  # a generic class, or an enumeration
    if isinstance(known, (int, float, complex, set, frozenset, PurePath, LazyItems, type(None))):
        raise Raised("TypeError", at, f"'{type(known).__name__}' object is not subscriptable")
    return machine.unknown(at, "cannot be looked up without running it")


def _entry(machine: Machine, mapping: dict[Any, Any], key: Any, at: Site) -> Any:
    if cause := unhashable(machine, key, at):
        return cause
    if mapping is machine.environ:
        machine.variables.append(str(key))
        if key not in mapping and not machine.guarded:
            fix = f"Set {key} where you run `mfenv up`, or read it with `os.environ.get` and a default."
            return machine.unknown(at, "is not set in this environment", fix)
    if key in mapping:
        return mapping[key]
    if isinstance(mapping, DefaultDict) and mapping.factory is not None:
        machine.heap.touch(mapping)
        mapping[key] = machine.call(mapping.factory, Call([], {}, at))
        return mapping[key]
    raise Raised("KeyError", at, repr(key), value=(key,))


def mapping_of(machine: Machine, value: Any, at: Site) -> Any:
    """What `**value` spreads, as a new dict, or an Unknown.

    Raises:
        Raised: TypeError, when it is no mapping.
    """
    known = machine.readable(value)
    if isinstance(known, Unknown):
        return known
    if isinstance(known, Mapping):
        return dict(known)
    if isinstance(known, Special):
        return known.spread(machine, at)
    if isinstance(known, Instance):
        found = protocols.mapping(machine, known, at)
        return machine.unknown(at, "is a mapping of its own making") if found is MISSING else found
    if isinstance(known, (ClassValue, LazyItems)):
        return machine.unknown(at, "is a mapping of its own making")
    raise Raised("TypeError", at, f"'{type(known).__name__}' object is not a mapping")


def make_set(machine: Machine, items: list[Any], at: Site) -> Any:
    """`set(items)`."""
    for item in items:
        if cause := unhashable(machine, item, at):
            return cause
    return set(items)


def unhashable(machine: Machine, value: Any, at: Site) -> Unknown | None:
    """None when `value` is known and can be a key.

    Raises:
        Raised: TypeError, for a list, dict or set.
    """
    if isinstance(value, Unknown):
        return value.bare
    if isinstance(value, (list, dict, set)):
        raise Raised("TypeError", at, f"unhashable type: '{type(value).__name__}'")
    if isinstance(value, (tuple, frozenset)):
        return next((cause for item in value if (cause := unhashable(machine, item, at))), None)
    if isinstance(value, slice):
        return machine.unknown(at, "is a key in some versions of Python and none in others")
    if isinstance(value, Instance) and _compares_by_value(value.cls):
        return machine.unknown(at, "is a key with an equality of its own")
    return None


def _compares_by_value(cls: ClassValue) -> bool:
    own = any(cls.find(name) is not MISSING for name in ("__eq__", "__hash__"))
    return own or protocols.compares_by_value(cls)


_WIDE = re.compile(r"\d{4,}|\*")


def wide(specification: str) -> bool:
    """Whether a format asks for a width that could fill the memory."""
    return _WIDE.search(specification) is not None


_OPERANDS = (str, int, float, bool, bytes, complex, list, tuple, dict, set, frozenset, PurePath, type(None))
_MOST_BITS = 4096


def _too_large(op: type[ast.operator], left: Any, right: Any) -> bool:
    if op is ast.Mult:
        for count, sequence in ((left, right), (right, left)):
            if isinstance(count, int) and isinstance(sequence, (str, bytes, list, tuple)):
                return count * max(len(sequence), 1) > LARGEST_VALUE
        both = isinstance(left, int) and isinstance(right, int)
        return both and left.bit_length() + right.bit_length() > _MOST_BITS
    if op is ast.Pow:
        return not (isinstance(left, (int, float)) and isinstance(right, (int, float))) or abs(right) > 64
    if op is ast.LShift:
        return not isinstance(right, int) or right > 256
    if op is ast.Mod and isinstance(left, str):
        return any(wide(part) for part in re.findall(r"%[^a-zA-Z%]*", left))
    return False
