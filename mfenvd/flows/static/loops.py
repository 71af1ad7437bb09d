"""`for` and `while`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import iteration, paths
from mfenvd.flows.static.data import LazyItems, OpenFile
from mfenvd.flows.static.outcomes import Exhausted, Outcome
from mfenvd.flows.static.values import Frame, Site, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

_MOST_ROUNDS = 10_000
_MOST_TRIALS = 30


def run_for(machine: Machine, statement: ast.For, frame: Frame) -> Outcome | None:
    """Executes a `for`."""
    iterable = machine.evaluate(statement.iter, frame)
    at = Site(statement.iter, frame)
    if isinstance(iterable, LazyItems):
        items = iteration.consume(machine, iterable, at_once=False)
    else:
        items = iteration.items_of(machine, iterable, at, ordered=False)
    if isinstance(items, Unknown):
        return _maybe_repeated(machine, statement, frame, items)
    if not machine.heap.disordered(iterable):
        return _through(machine, statement, frame, iterable, items)
    cause = machine.unknown(at, "is gone through in an order that differs from run to run")
    orders: list[Callable[[], Any]] = [
        lambda: _over(machine, statement, frame, items),
        lambda: _over(machine, statement, frame, items[::-1]),
    ]
    with machine.ignoring_order():
        return paths.joined(machine, machine.branch(orders, cause), cause)


def _through(machine: Machine, statement: ast.For, frame: Frame, iterable: Any, items: list[Any]) -> Outcome | None:
    """A loop over `items`, which are those of `iterable` as it is now. The body may change or consume it."""
    at = Site(statement.iter, frame)
    if isinstance(iterable, LazyItems):
        iteration.leave_unknown(machine, iterable, items, at)

    def same() -> bool:
        if isinstance(iterable, LazyItems):
            return iteration.unchanged(machine, iterable)
        if isinstance(iterable, OpenFile):
            return True
        now = iteration.items_of(machine, iterable, at, ordered=False)
        return not isinstance(now, Unknown) and iteration.same_items(now, items)

    return _over(machine, statement, frame, items, same)


def _over(
    machine: Machine, statement: ast.For, frame: Frame, items: list[Any], same: Callable[[], bool] = lambda: True
) -> Outcome | None:
    for item in items:
        machine.assign(statement.target, item, frame)
        outcome = machine.run_body(statement.body, frame)
        if outcome is not None and outcome.kind != Outcome.CONTINUE:
            return _left(machine, statement, frame, outcome)
        if not same():
            cause = machine.unknown(Site(statement.iter, frame), "is changed while a loop goes through it")
            return _maybe_repeated(machine, statement, frame, cause, outcome)
    return machine.run_body(statement.orelse, frame)


def run_while(machine: Machine, statement: ast.While, frame: Frame) -> Outcome | None:
    """Executes a `while`.

    Raises:
        Exhausted: It does not end.
    """
    for _ in range(_MOST_ROUNDS):
        condition = machine.evaluate(statement.test, frame)
        answer = machine.truth(condition)
        if answer is None:
            cause = machine.undecided(condition, Site(statement.test, frame))
            return _maybe_repeated(machine, statement, frame, cause)
        if not answer:
            return machine.run_body(statement.orelse, frame)
        outcome = machine.run_body(statement.body, frame)
        if outcome is not None and outcome.kind != Outcome.CONTINUE:
            return _left(machine, statement, frame, outcome)
    raise Exhausted


def _left(machine: Machine, statement: ast.For | ast.While, frame: Frame, outcome: Outcome) -> Outcome | None:
    """How a loop ends whose body ended in `outcome`, other than by `continue`."""
    if outcome.kind == Outcome.BREAK:
        return None
    if outcome.kind != Outcome.UNCLEAR:
        return outcome
    # Some paths left the loop and some did not: the remaining rounds may or may not take place.
    cause = outcome.cause or machine.unknown(Site(statement, frame), "cannot be decided")
    return _maybe_repeated(machine, statement, frame, cause, outcome)


def _maybe_repeated(
    machine: Machine, statement: ast.For | ast.While, frame: Frame, cause: Unknown, first: Outcome | None = None
) -> Outcome | None:
    """A loop that takes an unknown number of rounds, after a `first` one that ended so."""
    outcomes = [o for o in (first, *_repeat(machine, statement, frame, cause)) if isinstance(o, Outcome)]
    if all(outcome.kind == Outcome.CONTINUE for outcome in outcomes):
        return machine.run_body(statement.orelse, frame)
    # Some round leaves the loop, so `else` may or may not run.
    results = machine.branch([lambda: machine.run_body(statement.orelse, frame), lambda: None], cause)
    leaving = [outcome for outcome in outcomes if outcome.returns]
    leaving += [result for result in results if isinstance(result, Outcome)]
    return Outcome.unclear(cause, leaving) if leaving else None


def _repeat(machine: Machine, statement: ast.For | ast.While, frame: Frame, cause: Unknown) -> list[Any]:
    """Runs the body of a loop an unknown number of times: until another round would change no more."""

    def body() -> Any:
        if isinstance(statement, ast.For):
            machine.assign(statement.target, cause, frame)
        else:
            machine.evaluate(statement.test, frame)
        return machine.run_body(statement.body, frame)

    outcomes: list[Any] = []
    with machine.heap.rounds(machine.roots(frame)):
        for _ in range(_MOST_TRIALS):
            outcomes.extend(machine.branch([body, lambda: None], cause))
            if machine.joined_alike:
                return outcomes
    raise Exhausted
