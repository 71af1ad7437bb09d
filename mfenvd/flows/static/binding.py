"""What assignments and `del` bind and change."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import (
    iteration,
    operators,
    protocols,
)
from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.values import (
    MISSING,
    BoundMethod,
    Call,
    ClassValue,
    Frame,
    Function,
    Instance,
    Library,
    Module,
    Namespace,
    Property,
    Site,
    Special,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def assign(machine: Machine, target: ast.expr, value: Any, frame: Frame) -> None:
    """Binds `target` to `value`.

    Raises:
        Raised: As Python would.
    """
    if isinstance(target, ast.Name):
        bind_name(machine, target.id, value, frame)
    elif isinstance(target, ast.Starred):
        assign(machine, target.value, value, frame)
    elif isinstance(target, (ast.Tuple, ast.List)):
        _unpack(machine, target, value, frame)
    elif isinstance(target, ast.Subscript):
        container = machine.evaluate(target.value, frame)
        key = machine.evaluate(target.slice, frame)
        _set_item(machine, container, key, value, Site(target, frame))
    elif isinstance(target, ast.Attribute):
        set_attribute(machine, machine.evaluate(target.value, frame), target.attr, value, Site(target, frame))


def bind_name(machine: Machine, name: str, value: Any, frame: Frame) -> None:
    """`name = value` where `frame` says that the name lives."""
    names = frame.shared[name].names if name in frame.shared else frame.names
    machine.heap.touch(names)
    names[name] = value


def unbind_name(machine: Machine, name: str, frame: Frame) -> None:
    """`del name`."""
    names = frame.shared[name].names if name in frame.shared else frame.names
    machine.heap.touch(names)
    names.pop(name, None)


def set_attribute(machine: Machine, subject: Any, name: str, value: Any, at: Site) -> None:
    """`subject.name = value`."""
    if isinstance(subject, Unknown) and subject.options:
        machine.of_options(subject, lambda option: set_attribute(machine, option, name, value, at))
        return
    if isinstance(subject, Library):
        machine.heap.touch(machine.patched)
        machine.patched[f"{subject.name}.{name}"] = value
        return
    if isinstance(subject, Instance) and _set_by_class(machine, subject, name, value, at):
        return
    names = _names_of(machine, subject)
    if names is None:
        machine.expose([subject, value], machine.unknown(at, "changes something that cannot be followed"))
        return
    machine.heap.touch(names)
    names[name] = value


def _set_by_class(machine: Machine, subject: Instance, name: str, value: Any, at: Site) -> bool:
    """Sets an attribute that is a property or descriptor of the class; False when it is not one."""
    own = subject.cls.find(name)
    if isinstance(own, Property):
        if own.setter is None:
            raise Raised("AttributeError", at, f"can't set attribute '{name}'")
        machine.call(own.setter, Call([subject, value], {}, at))
        return True
    return protocols.call(machine, own, "__set__", [subject, value], at) is not MISSING


def _names_of(machine: Machine, subject: Any) -> Namespace | None:
    """The attributes of `subject` that can be set, None when setting one is more than that."""
    if isinstance(subject, Instance):
        own = subject.cls.find("__setattr__") is not MISSING or machine.readable(subject) is not subject
        return None if own else subject.attributes
    if isinstance(subject, Function):
        return subject.attributes
    if isinstance(subject, (ClassValue, Module)):
        return subject.names
    return _names_of(machine, subject.function) if isinstance(subject, BoundMethod) else None


def _set_item(machine: Machine, container: Any, key: Any, value: Any, at: Site) -> None:
    if isinstance(container, Unknown) and container.options:
        machine.of_options(container, lambda option: _set_item(machine, option, key, value, at))
        return
    known = machine.readable(container)
    if isinstance(known, (str, tuple, bytes, int, float, type(None))):
        raise Raised("TypeError", at, "does not support item assignment")
    if isinstance(known, Special):
        known.set_item(machine, key, value, at)
        return
    if protocols.call(machine, known, "__setitem__", [key, value], at) is not MISSING:
        return
    if not isinstance(known, (dict, list)):
        machine.expose([container, value], machine.unknown(at, "is set by code of its own"))
        return
    if isinstance(key, slice):
        value = iteration.items_of(machine, value, at)
    unclear = key if isinstance(key, Unknown) else value if isinstance(key, slice) else None
    if isinstance(known, dict) and not isinstance(unclear, Unknown):
        unclear = operators.unhashable(machine, key, at)
    if isinstance(unclear, Unknown):
        machine.heap.doubt([known, value], unclear)
        return
    machine.heap.touch(known)
    placed = machine.located(value, at)
    operators.native(machine, lambda: known.__setitem__(key, placed), at)


def _unpack(machine: Machine, target: ast.Tuple | ast.List, value: Any, frame: Frame) -> None:
    at = Site(target, frame)
    items = iteration.items_of(machine, value, at)
    if isinstance(items, Unknown):
        for element in target.elts:
            assign(machine, element, items, frame)
        return
    starred = next((i for i, element in enumerate(target.elts) if isinstance(element, ast.Starred)), None)
    if starred is not None:
        after = len(target.elts) - starred - 1
        if len(items) < starred + after:
            raise Raised("ValueError", at, "not enough values to unpack")
        end = len(items) - after
        items = [*items[:starred], items[starred:end], *items[end:]]
    elif len(items) != len(target.elts):
        raise Raised("ValueError", at, "wrong number of values to unpack")
    for element, item in zip(target.elts, items, strict=True):
        assign(machine, element, item, frame)


def delete(machine: Machine, statement: ast.Delete, frame: Frame) -> None:
    """Executes a `del`."""
    for target in statement.targets:
        if isinstance(target, ast.Name):
            unbind_name(machine, target.id, frame)
        elif isinstance(target, ast.Subscript):
            container = machine.evaluate(target.value, frame)
            _delete_item(machine, container, machine.evaluate(target.slice, frame), Site(target, frame))
        elif isinstance(target, ast.Attribute):
            attributes = _names_of(machine, machine.evaluate(target.value, frame))
            if attributes is not None:
                machine.heap.touch(attributes)
                attributes.pop(target.attr, None)


def _delete_item(machine: Machine, container: Any, key: Any, at: Site) -> None:
    if isinstance(container, Unknown) and container.options:
        machine.of_options(container, lambda option: _delete_item(machine, option, key, at))
        return
    known = machine.readable(container)
    if isinstance(known, Special):
        known.delete_item(machine, key, at)
    elif protocols.call(machine, known, "__delitem__", [key], at) is not MISSING:
        return
    elif not isinstance(known, (dict, list)):
        machine.expose([container], machine.unknown(at, "is deleted by code of its own"))
    elif cause := machine.first_unknown(key):
        machine.heap.doubt(known, cause)
    else:
        machine.heap.touch(known)
        operators.native(machine, lambda: known.__delitem__(key), at)
