"""Attribute access."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import conversions, library, object_attributes
from mfenvd.flows.static.data import ConfigValue, LazyItems, OpenFile, Record
from mfenvd.flows.static.natives import METHODS
from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.values import (
    MISSING,
    BoundMethod,
    Builtin,
    Call,
    ClassValue,
    Function,
    Instance,
    Library,
    Method,
    Module,
    Property,
    Site,
    Special,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def find(machine: Machine, subject: Any, name: str, at: Site) -> Any:
    """`subject.name`; MISSING when it is certain that there is none."""
    handler = _HANDLERS.get(type(subject))
    if handler is not None:
        return handler(machine, subject, name, at)
    if isinstance(subject, Special):
        return subject.attribute(machine, name, at)
    return _of_plain(machine, subject, name, at)


def _of_unknown(machine: Machine, subject: Unknown, name: str, at: Site) -> Any:
    if subject.options:
        return machine.of_options(subject, lambda option: find(machine, option, name, at))
    machine.risks += 1
    if subject.external is None:
        return subject
    found = machine.outside(f"{subject.external}.{name}", at)
    found.carried = subject.carried
    return found


def _of_module(machine: Machine, module: Module, name: str, at: Site) -> Any:
    if name in module.names:
        return module.names[name]
    if name == "__dict__":
        return module.names
    if module.poison is not None:
        return module.poison
    if "__getattr__" in module.names:
        return _made_by_module(machine, module, name, at)
    return MISSING


def _made_by_module(machine: Machine, module: Module, name: str, at: Site) -> Any:
    """What the module's `__getattr__` returns (PEP 562)."""
    try:
        return machine.call(module.names["__getattr__"], Call([name], {}, at))
    except Raised as raised:
        if raised.kind == "AttributeError":
            return MISSING
        raise


def _of_function(_machine: Machine, function: Function, name: str, _at: Site) -> Any:
    if name in function.attributes:
        return function.attributes[name]
    if name in {"__name__", "__qualname__"}:
        return function.name
    if name == "__dict__":
        return function.attributes
    if name == "__doc__" and not isinstance(function.node, ast.Lambda):
        return ast.get_docstring(function.node)
    return MISSING


_PATH_ATTRIBUTES = frozenset({"name", "stem", "suffix", "suffixes", "parent", "parents", "parts", "anchor", "root"})


def _of_plain(machine: Machine, subject: Any, name: str, at: Site) -> Any:
    if isinstance(subject, PurePath) and name in _PATH_ATTRIBUTES:
        value = getattr(subject, name)
        return list(value) if name == "parents" else value
    if isinstance(subject, Record):
        found = _of_record(machine, subject, name, at)
        if found is not MISSING:
            return found
    if isinstance(subject, ConfigValue) and name not in METHODS[dict]:
        return _of_config(subject, name)
    if any(isinstance(subject, kind) and name in methods for kind, methods in METHODS.items()):
        return Method(subject, name)
    return _followed_no_further(machine, subject, name, at)


def _of_record(machine: Machine, record: Record, name: str, at: Site) -> Any:
    """A field of a named tuple, one of its methods, or what its class has; MISSING for what every tuple has."""
    if name in record.fields:
        return record[record.fields.index(name)]
    if name == "_fields":
        return record.fields
    if name == "_asdict":
        return Builtin(name, lambda _machine, _call: dict(zip(record.fields, record, strict=True)))
    if name == "_replace":
        return Builtin(name, lambda _machine, call: _replaced(record, call))
    value = record.cls.find(name) if record.cls is not None else MISSING
    if isinstance(value, Property):
        return machine.call(value.function, Call([record], {}, at))
    return BoundMethod(value, record) if isinstance(value, Function) else value


def _replaced(record: Record, call: Call) -> Record:
    values = {**dict(zip(record.fields, record, strict=True)), **call.keywords}
    return Record.of(record.name, record.fields, (values[field] for field in record.fields), record.cls)


def _followed_no_further(machine: Machine, subject: Any, name: str, at: Site) -> Any:
    if isinstance(subject, (OpenFile, LazyItems)):
        return Method(subject, name)
    if isinstance(subject, (str, int, float, bytes, list, dict, set, frozenset, tuple, type(None), PurePath)):
        if not hasattr(subject, name):
            return MISSING
        cause = machine.unknown(at, "uses a method that is not followed")
        machine.expose([subject], cause)
        return cause
    return machine.unknown(at, "cannot be looked up without running it")


def _of_config(config: ConfigValue, name: str) -> Any:
    if name == "to_dict":
        return Builtin("to_dict", lambda _machine, _call: _to_dict(config))
    return config.get(name, MISSING)


def _to_dict(value: Any) -> Any:
    """A config's value as plain dicts."""
    if isinstance(value, dict):
        return {key: _to_dict(item) for key, item in value.items()}
    return type(value)(map(_to_dict, value)) if isinstance(value, (list, tuple)) else value


def _of_library(machine: Machine, subject: Library, name: str, at: Site) -> Any:
    return library.attribute(machine, subject, name, at)


_TYPES = {kind.__name__: kind for kind in METHODS}


def _of_builtin(machine: Machine, subject: Builtin, name: str, at: Site) -> Any:
    """`dict.fromkeys`, and `str.strip` as a function of a text."""
    if (subject.name, name) == ("dict", "fromkeys"):
        return Builtin(name, conversions.from_keys)
    if name in METHODS.get(_TYPES.get(subject.name, type), ()):
        return Builtin(f"{subject.name}.{name}", lambda machine, call: _call_unbound(machine, name, call))
    return subject.name if name == "__name__" else machine.unknown(at, "is a part of Python that is not followed")


def _call_unbound(machine: Machine, name: str, call: Call) -> Any:
    method = Method(call.arguments[0], name)
    return machine.call(method, Call(call.arguments[1:], call.keywords, call.at))


def _of_defined_property(machine: Machine, subject: Property, name: str, at: Site) -> Any:
    """`@packages.setter`."""
    if name == "setter":
        return Builtin(name, lambda _machine, call: Property(subject.function, call.arguments[0], subject.cached))
    return machine.unknown(at, "is a part of a property that is not followed")


_HANDLERS: dict[type, Callable[..., Any]] = {
    Unknown: _of_unknown, Module: _of_module, Library: _of_library, Instance: object_attributes.of_instance,
    ClassValue: object_attributes.of_class,
    Function: _of_function, Builtin: _of_builtin, Property: _of_defined_property,
}  # fmt: skip
