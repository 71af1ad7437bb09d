"""Statements that take one path or another: `if` and `try`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import exceptions
from mfenvd.flows.static.heap import Tried
from mfenvd.flows.static.outcomes import Outcome, Raised
from mfenvd.flows.static.values import Frame, Site, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def run_if(machine: Machine, statement: ast.If, frame: Frame, rest: Sequence[ast.stmt]) -> tuple[Outcome | None, bool]:
    """Executes an `if`. Returns how it ends and whether `rest`, what follows it, was executed with it."""
    machine.step()
    condition = machine.evaluate(statement.test, frame)
    answer = machine.truth(condition)
    if answer is not None:
        return machine.run_body(statement.body if answer else statement.orelse, frame), False
    cause = machine.undecided(condition, Site(statement.test, frame))
    paths = [statement.body, statement.orelse]
    trials = [machine.trial(running(machine, path, frame)) for path in paths]
    outcomes = [outcome for outcome, _ in trials]
    if len(_kinds(outcomes)) <= 1:
        return joined(machine, machine.join(trials, cause), cause), False
    # Some paths go on and some do not: what follows belongs to those that go on.
    for index, (path, outcome) in enumerate(zip(paths, outcomes, strict=True)):
        if outcome is None and rest:
            trials[index] = machine.trial(running(machine, [*path, *rest], frame))
    return joined(machine, machine.join(trials, cause), cause), True


def joined(machine: Machine, results: Sequence[Any], cause: Unknown) -> Outcome | None:
    """How a statement ends whose paths ended in `results` (outcomes, or `Raised`)."""
    live = [result for result in results if not isinstance(result, Raised)]
    kinds = _kinds(live)
    if kinds == {None}:
        return None
    if kinds == {Outcome.RETURN}:
        return Outcome(Outcome.RETURN, machine.one_of([outcome.value for outcome in live], cause))
    if len(kinds) == 1:
        first: Outcome = live[0]
        return first
    return Outcome.unclear(cause, live)


def _kinds(outcomes: Sequence[Any]) -> set[str | None]:
    return {
        outcome.kind if isinstance(outcome, Outcome) else None
        for outcome in outcomes
        if not isinstance(outcome, Raised)
    }


def running(machine: Machine, body: Sequence[ast.stmt], frame: Frame) -> Callable[[], Outcome | None]:
    return lambda: machine.run_body(body, frame)


def run_try(machine: Machine, statement: ast.Try, frame: Frame) -> Outcome | None:
    """Executes a `try`."""
    try:
        outcome = _body_and_handlers(machine, statement, frame)
    except Raised:
        machine.run_body(statement.finalbody, frame)
        raise
    return machine.run_body(statement.finalbody, frame) or outcome


def _body_and_handlers(machine: Machine, statement: ast.Try, frame: Frame) -> Outcome | None:
    risks = machine.risks
    outcome, tried = machine.trial(lambda: _guarded_body(machine, statement, frame))
    if machine.risks > risks and statement.handlers and not isinstance(outcome, Raised):
        return _maybe_failed(machine, statement, frame, (outcome, tried))
    machine.heap.redo(tried)
    if isinstance(outcome, Raised):
        return _handle(machine, statement, frame, outcome)
    return outcome or machine.run_body(statement.orelse, frame)


def _guarded_body(machine: Machine, statement: ast.Try, frame: Frame) -> Outcome | None:
    machine.guarded += bool(statement.handlers)
    try:
        return machine.run_body(statement.body, frame)
    finally:
        machine.guarded -= bool(statement.handlers)


def _handle(machine: Machine, statement: ast.Try, frame: Frame, raised: Raised) -> Outcome | None:
    for handler in statement.handlers:
        caught = exceptions.catches(machine, handler.type, raised, frame)
        if caught:
            return _run_handler(machine, handler, frame, raised)
        if caught is None:
            cause = machine.unknown(Site(handler, frame), "may or may not catch what is raised")
            return joined(machine, machine.branch(_handling(machine, statement, frame, raised), cause), cause)
    raise raised


def _handling(
    machine: Machine, statement: ast.Try, frame: Frame, raised: Raised | None
) -> list[Callable[[], Outcome | None]]:
    def path(handler: ast.ExceptHandler) -> Callable[[], Outcome | None]:
        return lambda: _run_handler(machine, handler, frame, raised)

    return [path(handler) for handler in statement.handlers]


def _run_handler(machine: Machine, handler: ast.ExceptHandler, frame: Frame, raised: Raised | None) -> Outcome | None:
    name = handler.name
    if name is not None:
        at = Site(handler.type or handler, frame)
        value = machine.unknown(at, "is an exception") if raised is None else exceptions.object_of(machine, raised, at)
        machine.assign(ast.Name(name, ast.Store()), value, frame)
    try:
        outcome = machine.run_body(handler.body, frame)
    except Raised as again:
        if isinstance(again.at.node, ast.Raise) and again.at.node.exc is None and raised is not None:
            raise raised from again
        raise
    if name is not None:
        machine.unbind(name, frame)
    return outcome


def _maybe_failed(
    machine: Machine, statement: ast.Try, frame: Frame, body: tuple[Outcome | None, Tried]
) -> Outcome | None:
    """Something in the body may raise: a handler may run in its stead, wherever the body stopped."""
    cause = machine.unknown(Site(statement.body[0], frame), "may fail, and the flow goes on without it")
    outcome, tried = body
    stops = [*_stops(machine, statement, frame), tried]

    def succeed() -> Outcome | None:
        machine.heap.redo(tried)
        return outcome or machine.run_body(statement.orelse, frame)

    def fail(handle: Callable[[], Outcome | None]) -> Callable[[], Outcome | None]:
        def path() -> Outcome | None:
            machine.partly(stops, cause)
            return handle()

        return path

    handlers = [fail(handle) for handle in _handling(machine, statement, frame, None)]
    return joined(machine, machine.branch([succeed, *handlers], cause), cause)


def _stops(machine: Machine, statement: ast.Try, frame: Frame) -> list[Tried]:
    """What the body has done before each of its statements that may fail."""
    found: list[Tried] = []
    before = 0
    for end in range(len(statement.body)):
        risks = machine.risks
        _, tried = machine.trial(running(machine, statement.body[: end + 1], frame))
        risks, machine.risks = machine.risks - risks, risks
        if risks > before:
            _, tried = machine.trial(running(machine, statement.body[:end], frame))
            found.append(tried)
        before = risks
    return found
