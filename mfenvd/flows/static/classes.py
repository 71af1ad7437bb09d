"""Functions and classes as they are defined, and instances as they are made."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import exceptions, giving_up, protocols
from mfenvd.flows.static.expressions import make_function
from mfenvd.flows.static.outcomes import Evidence, Raised
from mfenvd.flows.static.values import (
    MISSING,
    BoundMethod,
    Builtin,
    Call,
    ClassMethod,
    ClassValue,
    Frame,
    Function,
    Instance,
    Library,
    Namespace,
    Site,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

NEW = "<new>"
"""The attribute of a class that makes its instances in the interpreter's stead: called with (class, call)."""

SUBCLASS = "<subclass>"
"""The attribute of a class that is called with each new subclass."""

Decorators = list[tuple[Any, Site, Evidence]]


def define_function(machine: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> Any:
    """The function that `node` defines, decorated."""
    decorators = _evaluate(machine, node.decorator_list, frame)
    return _apply_all(machine, decorators, make_function(machine, node, frame, node.name))


def _evaluate(machine: Machine, nodes: Sequence[ast.expr], frame: Frame) -> Decorators:
    found: Decorators = []
    for node in nodes:
        at = Site(node, frame)
        made, variables = len(machine.made), len(machine.variables)
        try:
            value = machine.evaluate(node, frame)
        except Raised as raised:
            if machine.guarded:
                raise
            value = raised.as_unknown(at)
        found.append((value, at, Evidence(machine.made[made:], machine.variables[variables:])))
    return found


def _apply_all(machine: Machine, decorators: Decorators, target: Any) -> Any:
    for decorator, at, evidence in reversed(decorators):
        result = machine.decorate(decorator, target, at, evidence)
        target = _apply(machine, decorator, target, at) if result is MISSING else result
    return target


def _apply(machine: Machine, decorator: Any, target: Any, at: Site) -> Any:
    """`decorator(target)` for anything but a step or flow."""
    if isinstance(decorator, Unknown) and not decorator.options:  # it may keep the function, or wrap it
        result: Any = Unknown(
            at, decorator.reason, decorator.fix, carried=decorator.carried, external=decorator.external
        )
        return _behind(target, result)
    try:
        result = machine.call(decorator, Call([target], {}, at))
    except Raised as raised:
        if machine.guarded:
            raise
        result = raised.as_unknown()
    return _behind(target, result) if isinstance(result, Unknown) else result


def _behind(target: Any, result: Unknown) -> Any:
    """`target` behind a decorator that cannot be followed."""
    if isinstance(target, Function):
        return Function(target.name, target.node, target.frame, target.defaults, target.attributes, wrapped_by=result)
    if isinstance(target, ClassValue):
        target.unread = target.unread or result
        return target
    return result


def define_class(machine: Machine, node: ast.ClassDef, frame: Frame) -> Any:
    """The class that `node` defines, decorated."""
    decorators = _evaluate(machine, node.decorator_list, frame)
    bases, unread = _bases(machine, node, frame)
    enclosing: Frame | None = frame
    while enclosing is not None and enclosing.is_class:
        enclosing = enclosing.parent
    names = Namespace({"__module__": frame.module.name, "__qualname__": node.name})
    cls = ClassValue(node.name, names, tuple(bases), source=frame.source, node=node, unread=unread)
    cls.mro = (cls, *_merge([*(list(base.mro) for base in bases), list(bases)]))
    _meet_metaclasses(machine, cls, frame)
    inner = Frame(frame.module, names, enclosing, is_class=True)
    if machine.guarded:
        machine.run_body(node.body, inner)
    else:  # a statement that fails does not hide the steps that follow it
        machine.run_module(node.body, inner)
    for name, value in list(names.items()):
        if isinstance(value, Function) and value.owner is None:
            value.owner = cls
        protocols.call(machine, value, "__set_name__", [cls, name], Site(node, frame))
    _tell_bases(machine, cls, Site(node, frame), _keywords(machine, node, frame))
    return _apply_all(machine, decorators, cls)


def _meet_metaclasses(machine: Machine, cls: ClassValue, frame: Frame) -> None:
    """A metaclass of the project, inherited ones included, runs code that is not followed."""
    node = cls.node
    given = [keyword.value for keyword in node.keywords if keyword.arg == "metaclass"] if node is not None else []
    cls.attributes["metaclasses"] = [
        *(machine.evaluate(value, frame) for value in given),
        *(metaclass for base in cls.bases for metaclass in base.attributes.get("metaclasses", ())),
    ]
    for metaclass in cls.attributes["metaclasses"]:
        if isinstance(metaclass, ClassValue) and cls.unread is not None:
            giving_up.spoil(machine, metaclass, cls.unread)


def _keywords(machine: Machine, node: ast.ClassDef, frame: Frame) -> dict[str, Any]:
    """The keywords in `class A(B, keyword=value)`, for `__init_subclass__`."""
    given = [keyword for keyword in node.keywords if keyword.arg not in {"metaclass", None}]
    return {str(keyword.arg): machine.evaluate(keyword.value, frame) for keyword in given}


def _tell_bases(machine: Machine, cls: ClassValue, at: Site, keywords: dict[str, Any]) -> None:
    """Runs what a base does with each subclass."""
    for base in cls.mro[1:]:
        if SUBCLASS in base.names:
            machine.call(base.names[SUBCLASS], Call([cls], {}, at))
            return
        if "__init_subclass__" in base.names:
            method = base.names["__init_subclass__"]
            function = method.function if isinstance(method, ClassMethod) else method
            machine.call(function, Call([cls], keywords, at))
            return


def _bases(machine: Machine, node: ast.ClassDef, frame: Frame) -> tuple[list[ClassValue], Unknown | None]:
    bases: list[ClassValue] = []
    unread: Unknown | None = None
    for base_node in node.bases:
        at = Site(base_node, frame)
        try:
            base = machine.evaluate(base_node, frame)
        except Raised as raised:
            base = raised.as_unknown(at)
        if isinstance(base, ClassValue):
            bases.append(base)
            unread = unread or base.unread
        elif isinstance(base, Unknown):
            unread = unread or Unknown(at, base.reason, base.fix, external=base.external)
        elif not (isinstance(base, Library) or _is_harmless(base, node)):
            unread = unread or machine.unknown(at, "is no class that can be read")
    for keyword in node.keywords:
        if keyword.arg == "metaclass" and "ABCMeta" not in frame.source.segment(keyword.value):
            unread = unread or machine.unknown(Site(keyword.value, frame), "is a metaclass, which may change the class")
    return bases, unread


def _is_harmless(base: Any, node: ast.ClassDef) -> bool:
    """`object`, or the type of an enumeration's members in `class Color(str, Enum)`."""
    return isinstance(base, Builtin) and (base.name == "object" or len(node.bases) > 1)


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
        return special.implementation(machine, Call([cls, call], {}, call.at))
    if cls.unread is not None or cls.find("__new__") is not MISSING:
        cause = machine.unknown(call.at, "makes an object of a class that cannot be read")
        machine.expose(call.values, cause)
        return cause
    instance = Instance(cls)
    if exceptions.is_exception(cls):
        instance.attributes["args"] = tuple(call.arguments)
    init = cls.find("__init__")
    if init is not MISSING:
        machine.call(BoundMethod(init, instance), call)
    elif "fields" in cls.attributes:
        _fill_fields(machine, instance, call)
    elif call.values:
        raise Raised("TypeError", call.at, f"{cls.name}() takes no arguments")
    return instance


class FieldDefault:
    """`dataclasses.field(default_factory=…)`."""

    __slots__ = ("factory",)

    def __init__(self, factory: Any) -> None:
        self.factory = factory


def _fill_fields(machine: Machine, instance: Instance, call: Call) -> None:
    """The `__init__` of a dataclass."""
    names: list[str] = instance.cls.attributes["fields"]
    if unexpected := [name for name in call.keywords if name not in names] or call.arguments[len(names) :]:
        raise Raised("TypeError", call.at, f"got an unexpected argument {unexpected[0]!r}")
    machine.heap.touch(instance.attributes)
    instance.attributes.update(zip(names, call.arguments, strict=False))
    instance.attributes.update(call.keywords)
    for name in names:
        if name in instance.attributes:
            continue
        default = instance.cls.find(name)
        if default is MISSING:
            raise Raised("TypeError", call.at, f"misses the argument '{name}'")
        made = isinstance(default, FieldDefault)
        instance.attributes[name] = machine.call(default.factory, Call([], {}, call.at)) if made else default
    post = instance.cls.find("__post_init__")
    if post is not MISSING:
        machine.call(BoundMethod(post, instance), Call([], {}, call.at))


def dataclass_fields(cls: ClassValue) -> list[str]:
    """The names of a dataclass's fields, those of its bases first."""
    names: dict[str, None] = {}
    for base in reversed(cls.mro):
        for statement in base.node.body if base.node is not None else ():
            is_field = isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
            if is_field and "ClassVar" not in ast.unparse(statement.annotation):  # type: ignore[attr-defined]
                names[statement.target.id] = None  # type: ignore[attr-defined]
    return list(names)
