"""Python's built-in functions."""

from __future__ import annotations

import ast
import builtins as python
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import conversions, files, operators
from mfenvd.flows.static.builtin_iterables import ITERABLES
from mfenvd.flows.static.builtin_namespaces import NAMESPACES
from mfenvd.flows.static.exceptions import EXCEPTIONS, message
from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.registering import registering
from mfenvd.flows.static.values import (
    MISSING,
    BoundMethod,
    Builtin,
    Call,
    ClassMethod,
    ClassValue,
    Function,
    Instance,
    Module,
    Namespace,
    Partial,
    Property,
    StaticMethod,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

BUILTINS: dict[str, Any] = {
    **ITERABLES, **NAMESPACES, **EXCEPTIONS, "__debug__": True, "NotImplemented": NotImplemented,
    "Ellipsis": ..., "dict": Builtin("dict", conversions.make_dict),
    "open": Builtin("open", files.open_file),
}  # fmt: skip

_builtin = registering(BUILTINS)


def _pure(name: str) -> Builtin:
    """A function of plain values, applied as it is."""
    function = getattr(python, name)

    def implementation(machine: Machine, call: Call) -> Any:
        return operators.guarded(machine, lambda: function(*call.arguments, **call.keywords), call.values, call.at)

    return Builtin(name, implementation)


BUILTINS.update({
    name: _pure(name)
    for name in (
        "abs", "ascii", "bin", "chr", "complex", "divmod", "float", "hex", "int", "oct", "ord", "range", "repr",
        "round", "slice",
    )
})  # fmt: skip


@_builtin("str")
def _str(machine: Machine, call: Call) -> Any:
    if call.arguments and isinstance(call.arguments[0], Instance):
        special = call.arguments[0].cls.find("__str__")
        if special is not MISSING:
            return machine.call(BoundMethod(special, call.arguments[0]), Call([], {}, call.at))
        text = message(call.arguments[0])
        if text is not None:
            return text
    return operators.guarded(machine, lambda: str(*call.arguments, **call.keywords), call.values, call.at)


@_builtin("bool")
def _bool(machine: Machine, call: Call) -> Any:
    if not call.arguments:
        return False
    answer = machine.truth(call.arguments[0])
    return machine.undecided(call.arguments[0], call.at) if answer is None else answer


@_builtin("bytes")
def _bytes(machine: Machine, call: Call) -> Any:
    if any(isinstance(argument, int) for argument in call.arguments):
        return machine.unknown(call.at, "makes a buffer")
    return operators.guarded(machine, lambda: bytes(*call.arguments), call.values, call.at)


@_builtin("pow")
def _pow(machine: Machine, call: Call) -> Any:
    if len(call.arguments) != 2:
        return machine.unknown(call.at, "is a power with a modulus or with names")
    return operators.binary(machine, ast.Pow, call.arguments[0], call.arguments[1], call.at)


@_builtin("format")
def _format(machine: Machine, call: Call) -> Any:
    if len(call.arguments) > 1 and isinstance(call.arguments[1], str) and operators.wide(call.arguments[1]):
        return machine.unknown(call.at, "is too large")
    return operators.guarded(machine, lambda: format(*call.arguments), call.values, call.at)


@_builtin("print")
def _print(_machine: Machine, _call: Call) -> None:
    return None


# -- attributes and types


@_builtin("callable")
def _callable(machine: Machine, call: Call) -> Any:
    value = call.arguments[0]
    if isinstance(value, (Unknown, Instance)):
        return machine.undecided(value, call.at)
    return isinstance(value, (Function, Builtin, ClassValue, BoundMethod, Partial))


@_builtin("getattr")
def _getattr(machine: Machine, call: Call) -> Any:
    subject, name = call.arguments[0], call.arguments[1]
    if not isinstance(name, str):
        return machine.undecided(name, call.at).holding([*_attributes_of(subject), *call.arguments[2:]])
    found = machine.find_attribute(subject, name, call.at)
    if found is not MISSING:
        return found
    if len(call.arguments) > 2:
        return call.arguments[2]
    raise Raised("AttributeError", call.at, f"no attribute '{name}'")


def _attributes_of(subject: Any) -> list[Any]:
    """What an attribute of `subject` can be, as far as it can be changed."""
    if isinstance(subject, Instance):
        return [*subject.attributes.values(), *(value for cls in subject.cls.mro for value in cls.names.values())]
    if isinstance(subject, ClassValue):
        return [value for cls in subject.mro for value in cls.names.values()]
    return list(subject.names.values()) if isinstance(subject, Module) else [subject]


@_builtin("hasattr")
def _hasattr(machine: Machine, call: Call) -> Any:
    subject, name = call.arguments[0], call.arguments[1]
    if isinstance(subject, Unknown) or not isinstance(name, str):
        return machine.undecided([subject, name], call.at)
    found = machine.find_attribute(subject, name, call.at)
    return found if isinstance(found, Unknown) else found is not MISSING


@_builtin("setattr")
def _setattr(machine: Machine, call: Call) -> None:
    subject, name, value = call.arguments[0], call.arguments[1], call.arguments[2]
    if isinstance(name, str):
        machine.set_attribute(subject, name, value, call.at)
        return
    cause = machine.undecided(name, call.at)
    machine.expose([subject], cause)
    if isinstance(subject, (Module, ClassValue, Function)):
        names = subject.attributes if isinstance(subject, Function) else subject.names
        machine.heap.touch(names)
        for attribute, before in list(names.items()):
            names[attribute] = cause.holding([before, value])


_TYPES: dict[str, type] = {
    "str": str, "bool": bool, "int": int, "float": float, "list": list, "dict": dict, "tuple": tuple, "set": set,
    "bytes": bytes, "frozenset": frozenset, "complex": complex,
}  # fmt: skip


@_builtin("isinstance")
def _isinstance(machine: Machine, call: Call) -> Any:
    value, kinds = call.arguments[0], call.arguments[1]
    if isinstance(value, Unknown):
        return value.bare
    answers = [_is_a(value, kind) for kind in (kinds if isinstance(kinds, tuple) else (kinds,))]
    if True in answers:
        return True
    return machine.unknown(call.at, "asks for a type that is not known") if None in answers else False


def _is_a(value: Any, kind: Any) -> bool | None:
    if isinstance(value, Instance):
        if isinstance(kind, ClassValue) and kind in value.cls.mro:
            return True
        return None if value.cls.unread or "members" in value.cls.attributes else False
    if isinstance(kind, Builtin) and kind.name in _TYPES:
        return isinstance(value, _TYPES[kind.name])
    plain = isinstance(value, (*_TYPES.values(), type(None)))
    return False if isinstance(kind, ClassValue) and plain else None


@_builtin("issubclass")
def _issubclass(machine: Machine, call: Call) -> Any:
    cls, kind = call.arguments[0], call.arguments[1]
    if isinstance(cls, ClassValue) and isinstance(kind, ClassValue) and cls.unread is None:
        return kind in cls.mro
    return machine.unknown(call.at, "asks for a type that is not known")


@_builtin("type")
def _type(machine: Machine, call: Call) -> Any:
    value = call.arguments[0]
    if len(call.arguments) == 1 and isinstance(value, Instance):
        return value.cls
    if len(call.arguments) == 1:
        name = next((name for name, kind in _TYPES.items() if isinstance(value, kind)), None)
        if name is not None:
            return BUILTINS[name]
    return machine.unknown(call.at, "makes or asks for a type at run time")


@_builtin("staticmethod")
def _staticmethod(_machine: Machine, call: Call) -> Any:
    return StaticMethod(call.arguments[0])


@_builtin("classmethod")
def _classmethod(_machine: Machine, call: Call) -> Any:
    return ClassMethod(call.arguments[0])


@_builtin("property")
def _property(_machine: Machine, call: Call) -> Any:
    return Property(call.arguments[0])


@_builtin("super")
def _super(machine: Machine, call: Call) -> Any:
    frame = call.at.frame
    while frame.function is None and frame.parent is not None:
        frame = frame.parent
    first = next(iter(frame.names.values()), None)
    subject = call.arguments[1] if len(call.arguments) > 1 else first
    owner = call.arguments[0] if call.arguments else frame.function.owner if frame.function else None
    cls = subject.cls if isinstance(subject, Instance) else subject
    if not isinstance(cls, ClassValue) or not isinstance(owner, ClassValue) or owner not in cls.mro:
        return machine.unknown(call.at, "asks for the base class")
    rest = cls.mro[cls.mro.index(owner) + 1 :]
    parent = ClassValue(owner.name, Namespace(), rest, source=owner.source, node=owner.node, unread=owner.unread)
    for name in ("__init__", "__init_subclass__", "__post_init__"):
        if all(name not in base.names for base in rest):
            parent.names[name] = Builtin(name, lambda _machine, _call: None)
    parent.mro = (parent, *rest)
    return Instance(parent, subject.attributes) if isinstance(subject, Instance) else parent


@_builtin(
    "object",
    "input",
    "id",
    "hash",
    "dir",
    "memoryview",
    "bytearray",
    "breakpoint",
    "help",
    "delattr",
    "aiter",
    "anext",
)
def _unknown(machine: Machine, call: Call) -> Unknown:
    cause = machine.unknown(call.at, "is known only at run time")
    machine.expose(call.values, cause)
    return cause
