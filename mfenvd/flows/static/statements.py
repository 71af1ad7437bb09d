"""Statements."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mfenvd.flows.static import (
    binding,
    classes,
    contexts,
    exceptions,
    giving_up,
    imports,
    loops,
    matching,
    operators,
    paths,
)
from mfenvd.flows.static.outcomes import Exhausted, Outcome, Raised
from mfenvd.flows.static.values import (
    Call,
    ClassValue,
    Frame,
    Site,
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


# -- simple statements


def _expression(machine: Machine, statement: ast.Expr, frame: Frame) -> None:
    machine.evaluate(statement.value, frame)


def _assign(machine: Machine, statement: ast.Assign, frame: Frame) -> None:
    value = machine.evaluate(statement.value, frame)
    for target in statement.targets:
        binding.assign(machine, target, value, frame)


def _annotated(machine: Machine, statement: ast.AnnAssign, frame: Frame) -> None:
    if statement.value is not None:
        binding.assign(machine, statement.target, machine.evaluate(statement.value, frame), frame)


def _augmented(machine: Machine, statement: ast.AugAssign, frame: Frame) -> None:
    left = machine.evaluate(statement.target, frame)
    right = machine.evaluate(statement.value, frame)
    result = operators.in_place(machine, type(statement.op), left, right, Site(statement, frame))
    binding.assign(machine, statement.target, result, frame)


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
        binding.bind_name(machine, name, value, frame)


def _import_from(machine: Machine, statement: ast.ImportFrom, frame: Frame) -> None:
    for name, value in imports.import_from(machine, statement, frame):
        binding.bind_name(machine, name, value, frame)


def _function(machine: Machine, statement: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> None:
    binding.bind_name(machine, statement.name, classes.define_function(machine, statement, frame), frame)


def _class(machine: Machine, statement: ast.ClassDef, frame: Frame) -> None:
    binding.bind_name(machine, statement.name, classes.define_class(machine, statement, frame), frame)


_HANDLERS: dict[type[ast.stmt], Callable[..., Outcome | None]] = {
    ast.Expr: _expression, ast.Assign: _assign, ast.AnnAssign: _annotated, ast.AugAssign: _augmented,
    ast.Delete: binding.delete, ast.Return: _return, ast.Raise: _raise, ast.Assert: _assert, ast.Global: _global,
    ast.Nonlocal: _nonlocal, ast.Pass: _pass, ast.Break: _break, ast.Continue: _continue, ast.Import: _import,
    ast.ImportFrom: _import_from, ast.FunctionDef: _function, ast.AsyncFunctionDef: _function, ast.ClassDef: _class,
    ast.For: loops.run_for, ast.While: loops.run_while, ast.With: contexts.run_with, ast.Try: paths.run_try,
    ast.Match: matching.run_match,
}  # fmt: skip
