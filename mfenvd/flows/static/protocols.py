"""What Python does with objects of the project's classes: it calls their special methods."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import iteration
from mfenvd.flows.static.values import MISSING, BoundMethod, Call, ClassValue, Function, Instance, Site, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def call(machine: Machine, subject: Any, name: str, arguments: list[Any], at: Site) -> Any:
    """`type(subject).name(subject, *arguments)`; MISSING when its class has no such method."""
    if not isinstance(subject, Instance):
        return MISSING
    method = subject.cls.find(name)
    if method is MISSING:
        if subject.cls.unread is None:
            return MISSING
    elif isinstance(method, Function):
        return machine.call(BoundMethod(method, subject), Call(arguments, {}, at))
    cause = machine.unknown(at, "is done by a class that cannot be followed")
    machine.expose([subject, *arguments], cause)
    return cause


def has(subject: Any, name: str) -> bool:
    """Whether the class of `subject`, an object of the project, has a method of this name."""
    return isinstance(subject, Instance) and subject.cls.find(name) is not MISSING


def items(machine: Machine, subject: Instance, at: Site) -> Any:
    """What going through `subject` gives, as a list; MISSING when its class does not say."""
    found = call(machine, subject, "__iter__", [], at)
    if found is subject or (isinstance(found, Instance) and has(found, "__next__")):
        cause = machine.unknown(at, "is an iterator of its own making")
        machine.expose([subject, found], cause)
        return cause
    return found if found is MISSING else iteration.items_of(machine, found, at)


def mapping(machine: Machine, subject: Instance, at: Site) -> Any:
    """What `dict(subject)` makes of `keys` and `__getitem__`; MISSING when its class has not both."""
    if not (has(subject, "keys") and has(subject, "__getitem__")):
        return MISSING
    keys = iteration.items_of(machine, call(machine, subject, "keys", [], at), at)
    if isinstance(keys, Unknown):
        return keys
    found: dict[Any, Any] = {}
    for key in keys:
        if isinstance(key, Unknown):
            return key.bare
        found[key] = call(machine, subject, "__getitem__", [key], at)
    return found


OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.FloorDiv: "floordiv", ast.Mod: "mod",
    ast.Pow: "pow", ast.BitOr: "or", ast.BitAnd: "and", ast.BitXor: "xor", ast.LShift: "lshift",
    ast.RShift: "rshift", ast.MatMult: "matmul",
}  # fmt: skip


def binary(machine: Machine, op: type[ast.operator], left: Any, right: Any, at: Site) -> Any:
    """`left op right`, MISSING when neither class says."""
    name = OPERATORS[op]
    for subject, method, other in ((left, f"__{name}__", right), (right, f"__r{name}__", left)):
        found = call(machine, subject, method, [other], at)
        if found is not MISSING and found is not NotImplemented:
            return found
    return MISSING


_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("__eq__", "__eq__"), ast.NotEq: ("__ne__", "__ne__"), ast.Lt: ("__lt__", "__gt__"),
    ast.Gt: ("__gt__", "__lt__"), ast.LtE: ("__le__", "__ge__"), ast.GtE: ("__ge__", "__le__"),
}  # fmt: skip


def compare(machine: Machine, op: type[ast.cmpop], left: Any, right: Any, at: Site) -> Any:
    """`left op right`, MISSING when neither class says."""
    names = _COMPARISONS[op]
    for subject, method, other in ((left, names[0], right), (right, names[1], left)):
        found = call(machine, subject, method, [other], at)
        if found is not MISSING and found is not NotImplemented:
            return found
    if op is ast.NotEq and (has(left, "__eq__") or has(right, "__eq__")):
        answer = machine.truth(compare(machine, ast.Eq, left, right, at))
        return machine.unknown(at, "cannot be decided") if answer is None else not answer
    if op not in {ast.Eq, ast.NotEq}:
        return MISSING
    answer = _equal(machine, left, right, at)
    return MISSING if answer is None else answer is (op is ast.Eq)


def _equal(machine: Machine, left: Any, right: Any, at: Site) -> bool | None:
    """Whether objects are equal whose classes have no method for it; None when that is not known."""
    classes = [value.cls for value in (left, right) if isinstance(value, Instance)]
    if left is right or not any(compares_by_value(cls) for cls in classes):
        return left is right
    fields = classes[0].attributes.get("fields")
    if len(classes) < 2 or classes[0] is not classes[1] or fields is None:
        return None
    values = [[value.attributes.get(name) for name in fields] for value in (left, right)]
    return values[0] == values[1] if machine.plain(values, at) is None else None


def compares_by_value(cls: ClassValue) -> bool:
    """Whether objects of `cls` can be equal that are not the same, without a method of the project for it."""
    return bool({"fields", "mixed"} & set(cls.attributes)) or cls.unread is not None
