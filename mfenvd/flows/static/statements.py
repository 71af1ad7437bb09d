"""Statements: what they bind and change."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import (
    classes,
    contexts,
    exceptions,
    giving_up,
    imports,
    iteration,
    loops,
    matching,
    operators,
    paths,
    protocols,
)
from mfenvd.flows.static.outcomes import Exhausted, Outcome, Raised
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


def run_body(machine: Machine, body: Sequence[ast.stmt], frame: Frame) -> Outcome | None:
    """Executes `body` in order; None when it ends normally.

    Raises:
        Raised: As Python would.
        Exhausted: The budget is spent.
    """
    for index, statement in enumerate(body):
        rest = body[index + 1 :]
        if isinstance(statement, ast.If):
            outcome, finished = paths.run_if(machine, statement, frame, rest)
            if finished:
                return outcome
        else:
            outcome = _run(machine, statement, frame)
        if outcome is None:
            continue
        if outcome.kind == Outcome.UNCLEAR and rest:
            _maybe_run(machine, rest, frame, outcome.cause or _undecidable(statement, frame))
        return outcome
    return None


def _maybe_run(machine: Machine, body: Sequence[ast.stmt], frame: Frame, cause: Unknown) -> None:
    machine.branch([lambda: run_body(machine, body, frame), lambda: None], cause)


def _undecidable(statement: ast.stmt, frame: Frame) -> Unknown:
    return Unknown(Site(statement, frame), "cannot be decided")


def run_module(machine: Machine, body: Sequence[ast.stmt], frame: Frame) -> None:
    """Executes the top level of a module or class; a statement that fails leaves what it touches unknown."""
    for statement in body:
        try:
            with machine.fresh_budget():
                run_body(machine, [statement], frame)
        except Raised as raised:
            if raised.kind == "SystemExit":
                return
            machine.failures.append((statement, frame, raised))
            giving_up.give_up(machine, statement, frame, f"raises {raised}")
        except Exhausted:
            giving_up.give_up(machine, statement, frame, "takes too many steps to follow", everything=True)
        except RecursionError:
            giving_up.give_up(machine, statement, frame, "is nested too deeply to follow", everything=True)


def _run(machine: Machine, statement: ast.stmt, frame: Frame) -> Outcome | None:
    machine.step()
    handler = _HANDLERS.get(type(statement))
    if handler is None:
        giving_up.give_up(machine, statement, frame, "is a statement that cannot be followed")
        return None
    return handler(machine, statement, frame)


# -- binding


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


# -- simple statements


def _expression(machine: Machine, statement: ast.Expr, frame: Frame) -> None:
    machine.evaluate(statement.value, frame)


def _assign(machine: Machine, statement: ast.Assign, frame: Frame) -> None:
    value = machine.evaluate(statement.value, frame)
    for target in statement.targets:
        assign(machine, target, value, frame)


def _annotated(machine: Machine, statement: ast.AnnAssign, frame: Frame) -> None:
    if statement.value is not None:
        assign(machine, statement.target, machine.evaluate(statement.value, frame), frame)


def _augmented(machine: Machine, statement: ast.AugAssign, frame: Frame) -> None:
    left = machine.evaluate(statement.target, frame)
    right = machine.evaluate(statement.value, frame)
    result = operators.in_place(machine, type(statement.op), left, right, Site(statement, frame))
    assign(machine, statement.target, result, frame)


def _delete(machine: Machine, statement: ast.Delete, frame: Frame) -> None:
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


def _return(machine: Machine, statement: ast.Return, frame: Frame) -> Outcome:
    value = machine.evaluate(statement.value, frame) if statement.value is not None else None
    return Outcome(Outcome.RETURN, value)


def _raise(machine: Machine, statement: ast.Raise, frame: Frame) -> None:
    value = machine.evaluate(statement.exc, frame) if statement.exc is not None else None
    at = Site(statement, frame)
    if isinstance(value, ClassValue):
        value = machine.call(value, Call([], {}, at))
    cls = exceptions.class_of(value)
    raise Raised(cls.name if cls else "an exception", at, exceptions.text_of(value), cls, value)


def _assert(machine: Machine, statement: ast.Assert, frame: Frame) -> None:
    answer = machine.truth(machine.evaluate(statement.test, frame))
    if answer is False:
        raise Raised("AssertionError", Site(statement, frame), "the assertion fails")
    machine.risks += answer is None


def _global(_machine: Machine, statement: ast.Global, frame: Frame) -> None:
    top = Frame(frame.module, frame.module.names)
    frame.shared.update(dict.fromkeys(statement.names, top))


def _nonlocal(_machine: Machine, statement: ast.Nonlocal, frame: Frame) -> None:
    for name in statement.names:
        current = frame.parent
        while current is not None and name not in current.names:
            current = current.parent
        if current is not None:
            frame.shared[name] = current


def _pass(_machine: Machine, _statement: ast.stmt, _frame: Frame) -> None:
    return


def _break(_machine: Machine, _statement: ast.stmt, _frame: Frame) -> Outcome:
    return Outcome(Outcome.BREAK)


def _continue(_machine: Machine, _statement: ast.stmt, _frame: Frame) -> Outcome:
    return Outcome(Outcome.CONTINUE)


def _import(machine: Machine, statement: ast.Import, frame: Frame) -> None:
    for alias in statement.names:
        name, value = imports.import_name(machine, alias, Site(statement, frame))
        bind_name(machine, name, value, frame)


def _import_from(machine: Machine, statement: ast.ImportFrom, frame: Frame) -> None:
    for name, value in imports.import_from(machine, statement, frame):
        bind_name(machine, name, value, frame)


def _function(machine: Machine, statement: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> None:
    bind_name(machine, statement.name, classes.define_function(machine, statement, frame), frame)


def _class(machine: Machine, statement: ast.ClassDef, frame: Frame) -> None:
    bind_name(machine, statement.name, classes.define_class(machine, statement, frame), frame)


_HANDLERS: dict[type[ast.stmt], Callable[..., Outcome | None]] = {
    ast.Expr: _expression, ast.Assign: _assign, ast.AnnAssign: _annotated, ast.AugAssign: _augmented,
    ast.Delete: _delete, ast.Return: _return, ast.Raise: _raise, ast.Assert: _assert, ast.Global: _global,
    ast.Nonlocal: _nonlocal, ast.Pass: _pass, ast.Break: _break, ast.Continue: _continue, ast.Import: _import,
    ast.ImportFrom: _import_from, ast.FunctionDef: _function, ast.AsyncFunctionDef: _function, ast.ClassDef: _class,
    ast.For: loops.run_for, ast.While: loops.run_while, ast.With: contexts.run_with, ast.Try: paths.run_try,
    ast.Match: matching.run_match,
}  # fmt: skip
