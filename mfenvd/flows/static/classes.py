"""Functions and classes as they are defined, and instances as they are made."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static.expressions import make_function
from mfenvd.flows.static.machine import Raised
from mfenvd.flows.static.values import (
    MISSING,
    BoundMethod,
    Builtin,
    Call,
    ClassValue,
    Frame,
    Function,
    Instance,
    Library,
    Namespace,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

NEW = "<new>"
"""The attribute of a class that makes its instances in the interpreter's stead: called with (class, call)."""

SUBCLASS = "<subclass>"
"""The attribute of a class that is called with each new subclass."""


def define_function(machine: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> Any:
    """The function that `node` defines, decorated."""
    decorators = _decorators(machine, node.decorator_list, frame)
    function: Any = make_function(machine, node, frame, node.name)
    return _apply(machine, decorators, function, frame)


def _decorators(machine: Machine, nodes: Sequence[ast.expr], frame: Frame) -> list[tuple[Any, ast.expr, Evidence]]:
    found = []
    for node in nodes:
        evidence = Evidence(machine)
        try:
            value = machine.evaluate(node, frame)
        except Raised as raised:
            if machine.guarded:
                raise
            value = Unknown(frame.source, node, f"raises {raised}")
        found.append((value, node, evidence.closed(machine)))
    return found


class Evidence:
    """What was made and read while a decorator's expression was evaluated."""

    __slots__ = ("_made", "_variables", "made", "variables")

    def __init__(self, machine: Machine) -> None:
        self._made = len(machine.made)
        self._variables = len(machine.variables)
        self.made: list[Any] = []
        self.variables: list[str] = []

    def closed(self, machine: Machine) -> Evidence:
        self.made = machine.made[self._made :]
        self.variables = machine.variables[self._variables :]
        return self


def _apply(machine: Machine, decorators: list[tuple[Any, ast.expr, Evidence]], target: Any, frame: Frame) -> Any:
    for decorator, node, evidence in reversed(decorators):
        target = apply(machine, decorator, target, node, frame, evidence)
    return target


def apply(machine: Machine, decorator: Any, target: Any, node: ast.expr, frame: Frame, evidence: Evidence) -> Any:
    """`decorator(target)`."""
    from mfenvd.flows.static import decorators

    if decorators.is_decorated(target):
        return decorators.decorate(machine, decorator, target, node, frame, evidence)
    try:
        result = machine.call(decorator, Call([target], {}, node, frame))
    except Raised as raised:
        result = Unknown(raised.source, raised.node, f"raises {raised}")
    if isinstance(result, Unknown) and isinstance(target, Function):
        wrapped = Function(
            target.name, target.node, target.frame, target.defaults, target.attributes, result, target.owner
        )
        return wrapped
    if isinstance(result, Unknown) and isinstance(target, ClassValue):
        target.unread = target.unread or result
        return target
    return result


def define_class(machine: Machine, node: ast.ClassDef, frame: Frame) -> Any:
    """The class that `node` defines, decorated."""
    decorators = _decorators(machine, node.decorator_list, frame)
    bases, unread = _bases(machine, node, frame)
    enclosing: Frame | None = frame
    while enclosing is not None and enclosing.is_class:
        enclosing = enclosing.parent
    names = Namespace({"__module__": frame.module.name, "__qualname__": node.name})
    inner = Frame(frame.module, names, enclosing, is_class=True)
    cls = ClassValue(node.name, names, tuple(bases), (), frame.source, node, unread)
    cls.mro = (cls, *_merge([*(list(base.mro) for base in bases), list(bases)]))
    from mfenvd.flows.static.statements import run_body, run_module

    if machine.guarded:
        run_body(machine, node.body, inner)
    else:  # a statement that fails does not hide the steps that follow it
        run_module(machine, node.body, inner)
    for value in names.values():
        if isinstance(value, Function) and value.owner is None:
            value.owner = cls
    for base in bases:
        hook = base.find(SUBCLASS)
        if isinstance(hook, Builtin):
            hook.implementation(machine, Call([cls], {}, node, frame))
            break
    return _apply(machine, decorators, cls, frame)


def _bases(machine: Machine, node: ast.ClassDef, frame: Frame) -> tuple[list[ClassValue], Unknown | None]:
    bases: list[ClassValue] = []
    unread: Unknown | None = None
    for base_node in node.bases:
        try:
            base = machine.evaluate(base_node, frame)
        except Raised as raised:
            base = Unknown(frame.source, base_node, f"raises {raised}")
        if isinstance(base, ClassValue):
            bases.append(base)
            unread = unread or base.unread
        elif isinstance(base, Unknown):
            unread = unread or Unknown(frame.source, base_node, base.reason, base.fix, external=base.external)
        elif isinstance(base, Builtin) and (base.name == "object" or len(node.bases) > 1):
            continue  # `class Color(str, Enum)`: the type of the members
        elif not isinstance(base, Library):
            unread = unread or machine.unknown(base_node, frame, "is no class that can be read")
    for keyword in node.keywords:
        if keyword.arg == "metaclass" and "ABCMeta" not in frame.source.segment(keyword.value):
            unread = unread or machine.unknown(keyword.value, frame, "is a metaclass, which may change the class")
    return bases, unread


def _merge(sequences: list[list[ClassValue]]) -> list[ClassValue]:
    """The method resolution order of the bases (C3)."""
    merged: list[ClassValue] = []
    remaining = [sequence for sequence in sequences if sequence]
    while remaining:
        tails = {id(cls) for sequence in remaining for cls in sequence[1:]}
        head = next((s[0] for s in remaining if id(s[0]) not in tails), remaining[0][0])
        merged.append(head)
        remaining = [rest for s in remaining if (rest := [cls for cls in s if cls is not head])]
    return merged


def instantiate(machine: Machine, cls: ClassValue, call: Call) -> Any:
    """`cls(...)`."""
    special = cls.find(NEW)
    if isinstance(special, Builtin):
        return special.implementation(machine, Call([cls, call], {}, call.node, call.frame))
    if cls.unread is not None or cls.find("__new__") is not MISSING:
        cause = machine.unknown(call.node, call.frame, "makes an object of a class that cannot be read")
        machine.expose([*call.arguments, *call.keywords.values()], cause)
        return cause
    instance = Instance(cls)
    init = cls.find("__init__")
    if init is not MISSING:
        machine.call(BoundMethod(init, instance), call)
    elif "fields" in cls.attributes:
        _fill_fields(machine, instance, call)
    elif call.arguments or call.keywords:
        raise Raised("TypeError", call.node, f"{cls.name}() takes no arguments", call.frame.source)
    return instance


def _fill_fields(machine: Machine, instance: Instance, call: Call) -> None:
    """The `__init__` of a dataclass."""
    names: list[str] = instance.cls.attributes["fields"]
    machine.heap.touch(instance.attributes)
    instance.attributes.update(zip(names, call.arguments, strict=False))
    instance.attributes.update({name: value for name, value in call.keywords.items() if name in names})
    for name in names:
        if name in instance.attributes:
            continue
        default = instance.cls.find(name)
        if default is MISSING:
            raise Raised("TypeError", call.node, f"misses the argument '{name}'", call.frame.source)
        if isinstance(default, FieldDefault):
            default = machine.call(default.factory, Call([], {}, call.node, call.frame))
        instance.attributes[name] = default
    post = instance.cls.find("__post_init__")
    if post is not MISSING:
        machine.call(BoundMethod(post, instance), Call([], {}, call.node, call.frame))


class FieldDefault:
    """`dataclasses.field(default_factory=…)`."""

    __slots__ = ("factory",)

    def __init__(self, factory: Any) -> None:
        self.factory = factory


def dataclass_fields(cls: ClassValue) -> list[str]:
    """The names of a dataclass's fields, those of its bases first."""
    names: dict[str, None] = {}
    for base in reversed(cls.mro):
        body = base.node.body if base.node is not None else ()
        for statement in body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                if "ClassVar" not in ast.unparse(statement.annotation):
                    names[statement.target.id] = None
    return list(names)
