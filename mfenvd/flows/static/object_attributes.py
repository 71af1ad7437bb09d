"""Attributes of classes of the project and of their objects."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import protocols
from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.values import (
    MISSING,
    BoundMethod,
    Call,
    ClassMethod,
    ClassValue,
    Function,
    Instance,
    Property,
    Site,
    StaticMethod,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def of_instance(machine: Machine, instance: Instance, name: str, at: Site) -> Any:
    """`instance.name`; MISSING when there is none."""
    known = machine.readable(instance)
    if isinstance(known, Unknown):
        return known
    cls = instance.cls
    if protocols.has(instance, "__getattribute__"):
        return _unread(machine, at)
    value = cls.find(name)
    found = _of_descriptor(machine, value, instance, name, at)
    if found is not MISSING:
        return found
    own: dict[str, Any] = {"__class__": cls, "__dict__": instance.attributes, **instance.attributes}
    if name in own:
        return own[name]
    return _not_set(machine, instance, name, at) if value is MISSING else _bind(value, instance, cls)


def _of_descriptor(machine: Machine, value: Any, instance: Instance, name: str, at: Site) -> Any:
    """What a property or descriptor of the class gives; MISSING for other values of it."""
    if isinstance(value, Property):
        return _of_property(machine, value, instance, name, at)
    if protocols.has(value, "__set__") or name not in instance.attributes:
        return protocols.call(machine, value, "__get__", [instance, instance.cls], at)
    return MISSING


def _of_property(machine: Machine, found: Property, instance: Instance, name: str, at: Site) -> Any:
    if found.cached and name in instance.attributes:
        return instance.attributes[name]
    value = machine.call(found.function, Call([instance], {}, at))
    if found.cached:
        machine.heap.touch(instance.attributes)
        instance.attributes[name] = value
    return value


def _not_set(machine: Machine, instance: Instance, name: str, at: Site) -> Any:
    """An attribute that neither the object nor its class has."""
    cls = instance.cls
    if name == "__annotations__":
        return _annotations(machine, next((base for base in cls.mro if _annotated(base)), cls), at)
    if cls.unread is not None:
        return _unread(machine, at)
    try:
        return protocols.call(machine, instance, "__getattr__", [name], at)
    except Raised as raised:
        if raised.kind == "AttributeError":
            return MISSING
        raise


def of_class(machine: Machine, cls: ClassValue, name: str, at: Site) -> Any:
    """`cls.name`; MISSING when there is none."""
    members = cls.attributes.get("members", {})
    if name in members:
        return members[name]
    value = cls.find(name)
    if value is MISSING:
        return _of_class_itself(machine, cls, name, at)
    found = protocols.call(machine, value, "__get__", [None, cls], at)
    if found is not MISSING:
        return found
    known = cls.unread is None or name in cls.names
    return _bind(value, None, cls) if known else _unread(machine, at)


_INSIDE = frozenset({"__mro__", "__bases__", "__module__", "__subclasses__", "mro", "__doc__"})


def _of_class_itself(machine: Machine, cls: ClassValue, name: str, at: Site) -> Any:
    """What Python gives every class."""
    if name in {"__name__", "__qualname__"}:
        return cls.name
    if cls.unread is not None:
        return _unread(machine, at)
    own = {"__dict__": _namespace, "__annotations__": _annotations}
    if name in own:
        return own[name](machine, cls, at)
    return machine.unknown(at, "is known only when the class exists") if name in _INSIDE else MISSING


def _annotated(cls: ClassValue) -> list[str]:
    """The names that stand in the body of a class as `name: annotation`."""
    body = cls.node.body if cls.node is not None else ()
    return [item.target.id for item in body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)]


def _annotations(machine: Machine, cls: ClassValue, at: Site) -> Any:
    """`cls.__annotations__`: the names are known, what they are annotated with is not followed."""
    return dict.fromkeys(_annotated(cls), machine.unknown(at, "is an annotation"))


def _namespace(machine: Machine, cls: ClassValue, at: Site) -> Any:
    """`cls.__dict__`: it cannot be changed, so a copy does."""
    hidden = machine.unknown(at, "includes what Python adds to a class")
    inside = dict.fromkeys(("__dict__", "__weakref__", "__doc__"), hidden)
    return {**{name: value for name, value in cls.names.items() if name != "__qualname__"}, **inside}


def _unread(machine: Machine, at: Site) -> Unknown:
    return machine.unknown(at, "comes from a class that cannot be read")


def _bind(value: Any, instance: Instance | None, cls: ClassValue) -> Any:
    if isinstance(value, StaticMethod):
        return value.function
    if isinstance(value, ClassMethod):
        return BoundMethod(value.function, cls)
    return BoundMethod(value, instance) if isinstance(value, Function) and instance is not None else value
