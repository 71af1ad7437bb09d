"""Attribute access."""

from __future__ import annotations

import ast
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import library
from mfenvd.flows.static.machine import Raised, VersionInfo
from mfenvd.flows.static.natives import METHODS
from mfenvd.flows.static.values import (
    MISSING,
    BoundMethod,
    Builtin,
    Call,
    ClassMethod,
    ClassValue,
    ConfigValue,
    Frame,
    Function,
    Instance,
    LazyItems,
    Library,
    Method,
    Module,
    OpenFile,
    Partial,
    Property,
    Special,
    StaticMethod,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def get(machine: Machine, subject: Any, name: str, node: ast.AST, frame: Frame) -> Any:
    """`subject.name`.

    Raises:
        Raised: AttributeError.
    """
    found = find(machine, subject, name, node, frame)
    if found is MISSING:
        raise Raised("AttributeError", node, f"no attribute '{name}'", frame.source)
    return found


def find(machine: Machine, subject: Any, name: str, node: ast.AST, frame: Frame) -> Any:
    """`subject.name`; MISSING when it is certain that there is none."""
    if isinstance(subject, Unknown):
        return _of_unknown(machine, subject, name, node, frame)
    if isinstance(subject, Module):
        return _of_module(machine, subject, name, node, frame)
    if isinstance(subject, Library):
        return library.attribute(machine, subject, name, node, frame)
    if isinstance(subject, Instance):
        return _of_instance(machine, subject, name, node, frame)
    if isinstance(subject, ClassValue):
        return _of_class(machine, subject, name, node, frame)
    if isinstance(subject, Special):
        return subject.attribute(machine, name, node, frame)
    if isinstance(subject, Function):
        return _of_function(subject, name)
    return _of_plain(machine, subject, name, node, frame)


def _of_unknown(machine: Machine, subject: Unknown, name: str, node: ast.AST, frame: Frame) -> Any:
    machine.risks += 1
    if subject.external is None:
        return subject
    found = machine.outside(f"{subject.external}.{name}", node, frame)
    found.carried = subject.carried
    return found


def _of_module(machine: Machine, module: Module, name: str, node: ast.AST, frame: Frame) -> Any:
    from mfenvd.flows.static.imports import submodule

    if name in module.names:
        return module.names[name]
    if name == "__dict__":
        return module.names
    if module.poison is not None:
        return module.poison
    if "__getattr__" in module.names:
        return machine.unknown(node, frame, "is made by the module when it is asked for")
    return submodule(machine, module, name) or MISSING


def _of_instance(machine: Machine, instance: Instance, name: str, node: ast.AST, frame: Frame) -> Any:
    known = machine.readable(instance)
    if isinstance(known, Unknown):
        return known
    value = instance.cls.find(name)
    if isinstance(value, Property):
        return machine.call(value.function, Call([instance], {}, node, frame))
    if name in instance.attributes:
        return instance.attributes[name]
    if name == "__class__":
        return instance.cls
    if name == "__dict__":
        return instance.attributes
    if value is MISSING:
        if instance.cls.unread is not None or instance.cls.find("__getattr__") is not MISSING:
            return machine.unknown(node, frame, "comes from a class that cannot be read")
        return MISSING
    return _bind(value, instance, instance.cls)


def _of_class(machine: Machine, cls: ClassValue, name: str, node: ast.AST, frame: Frame) -> Any:
    members = cls.attributes.get("members")
    if members is not None and name in members:
        return members[name]
    value = cls.find(name)
    if value is not MISSING:
        if cls.unread is not None and name not in cls.names:
            return machine.unknown(node, frame, "comes from a class that cannot be read")
        return _bind(value, None, cls)
    if name in {"__name__", "__qualname__"}:
        return cls.name
    if name == "__doc__":
        return None
    if cls.unread is not None:
        return machine.unknown(node, frame, "comes from a class that cannot be read")
    if name in {"__mro__", "__bases__", "__dict__", "__module__", "__annotations__", "__subclasses__", "mro"}:
        return machine.unknown(node, frame, "is known only when the class exists")
    return MISSING


def _bind(value: Any, instance: Instance | None, cls: ClassValue) -> Any:
    if isinstance(value, StaticMethod):
        return value.function
    if isinstance(value, ClassMethod):
        return BoundMethod(value.function, cls)
    if isinstance(value, (Function, Partial)) and instance is not None:
        return BoundMethod(value, instance) if isinstance(value, Function) else value
    return value


def _of_function(function: Function, name: str) -> Any:
    if name in function.attributes:
        return function.attributes[name]
    if name in {"__name__", "__qualname__"}:
        return function.name
    if name == "__doc__":
        body = function.node.body
        return ast.get_docstring(function.node) if isinstance(body, list) else None  # type: ignore[arg-type]
    if name == "__dict__":
        return function.attributes
    if name == "__wrapped__":
        return MISSING
    return MISSING


_PATH_ATTRIBUTES = frozenset({"name", "stem", "suffix", "suffixes", "parent", "parents", "parts", "anchor", "root"})
_VERSION_ATTRIBUTES = frozenset({"major", "minor", "micro", "releaselevel", "serial"})


def _of_plain(machine: Machine, subject: Any, name: str, node: ast.AST, frame: Frame) -> Any:
    if isinstance(subject, PurePath) and name in _PATH_ATTRIBUTES:
        value = getattr(subject, name)
        return list(value) if name == "parents" else value
    if isinstance(subject, VersionInfo) and name in _VERSION_ATTRIBUTES:
        return getattr(subject, name)
    if isinstance(subject, ConfigValue) and name not in METHODS[dict] and (name == "to_dict" or name in subject):
        return Builtin("to_dict", lambda _machine, _call: _to_dict(subject)) if name == "to_dict" else subject[name]
    if isinstance(subject, (OpenFile, LazyItems)) or any(
        isinstance(subject, kind) and name in methods for kind, methods in METHODS.items()
    ):
        return Method(subject, name)
    if isinstance(subject, (str, int, float, bytes, list, dict, set, frozenset, tuple, type(None), PurePath)):
        if hasattr(subject, name) and not isinstance(subject, VersionInfo):
            return machine.unknown(node, frame, "uses a method that is not followed")
        return MISSING
    return machine.unknown(node, frame, "cannot be looked up without running it")


def _to_dict(value: Any) -> Any:
    """A config's value as plain dicts."""
    if isinstance(value, dict):
        return {key: _to_dict(item) for key, item in value.items()}
    return type(value)(map(_to_dict, value)) if isinstance(value, (list, tuple)) else value
