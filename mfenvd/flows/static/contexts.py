"""`with`, and the context managers that are known."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import exceptions, paths, protocols
from mfenvd.flows.static.data import OpenFile
from mfenvd.flows.static.outcomes import Outcome, Raised
from mfenvd.flows.static.values import MISSING, Frame, Function, Instance, Site, Special, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


class Suppress(Special):
    """`contextlib.suppress(*kinds)`."""

    __slots__ = ("kinds",)

    def __init__(self, kinds: Sequence[Any]) -> None:
        self.kinds = tuple(kinds)


class FromGenerator(Special):
    """What a function behind `@contextlib.contextmanager` returns: the body runs where the function yields."""

    __slots__ = ("function", "module", "names", "parent")

    def __init__(self, function: Function, start: Frame) -> None:
        self.function = function
        self.module, self.names, self.parent = start.module, start.names, start.parent

    def run(self, machine: Machine, body: Callable[[Any], Outcome | None]) -> Outcome | None:
        """Runs the function, with `body` in the middle of it."""
        outcomes: list[Outcome | None] = []
        frame = Frame(self.module, self.names, self.parent, function=self.function)
        frame.on_yield = lambda value: outcomes.append(body(value))
        assert isinstance(self.function.node, ast.FunctionDef)  # noqa: S101 - a lambda cannot yield
        with machine.deeper():
            machine.run_body(self.function.node.body, frame)
        return outcomes[-1] if outcomes else None


def run_with(machine: Machine, statement: ast.With, frame: Frame) -> Outcome | None:
    """Executes a `with`.

    Raises:
        Raised: As Python would.
    """
    item = statement.items[0]
    at = Site(item.context_expr, frame)
    body = statement.body
    if len(statement.items) > 1:
        body = [ast.copy_location(ast.With(statement.items[1:], statement.body), statement)]
    context = machine.evaluate(item.context_expr, frame)

    def run(value: Any, *kinds: Any) -> Outcome | None:
        """Runs the body, held back is what it raises of `kinds`."""
        if item.optional_vars is not None:
            machine.assign(item.optional_vars, value, frame)
        return paths.run_try(machine, _try(body, kinds, statement), frame) if kinds else machine.run_body(body, frame)

    if isinstance(context, FromGenerator):
        return context.run(machine, run)
    if isinstance(context, Suppress):
        return run(None, *context.kinds)
    if isinstance(context, Instance) and protocols.has(context, "__enter__") and protocols.has(context, "__exit__"):
        return _run_instance(machine, context, run, at)
    if isinstance(context, OpenFile) or _opens(item.context_expr):
        machine.risks += isinstance(context, Unknown)
        return run(context)
    cause = context if isinstance(context, Unknown) else machine.unknown(at, "is a context that is not followed")
    machine.expose([context], cause)
    return run(cause, cause)


def _try(body: list[ast.stmt], kinds: tuple[Any, ...], statement: ast.With) -> ast.Try:
    """`try: body`, `except kinds: pass`."""
    caught = ast.Constant(kinds)  # type: ignore[arg-type]  # it is evaluated, never compiled
    handler = ast.ExceptHandler(caught, None, [ast.copy_location(ast.Pass(), statement)])
    for node in (caught, handler):
        ast.copy_location(node, statement)
    return ast.copy_location(ast.Try(body, [handler], [], []), statement)


def _opens(expression: ast.expr) -> bool:
    """Whether it opens a file, which never holds back what is raised."""
    function = expression.func if isinstance(expression, ast.Call) else None
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name == "open"


def _run_instance(machine: Machine, context: Instance, run: Callable[..., Outcome | None], at: Site) -> Outcome | None:
    """The body between `__enter__` and `__exit__` of a class of the project."""
    value = protocols.call(machine, context, "__enter__", [], at)
    if _may_hold_back(context.cls.find("__exit__")):
        outcome = run(value, machine.unknown(at, "may hold an exception back"))
    else:
        try:
            outcome = run(value)
        except Raised as raised:
            cause = machine.unknown(at, "is left by an exception")
            thrown = exceptions.object_of(machine, raised, at)
            protocols.call(machine, context, "__exit__", [cause, thrown, cause], at)
            raise
    protocols.call(machine, context, "__exit__", [None, None, None], at)
    return outcome


def _may_hold_back(leaves: Any) -> bool:
    """Whether an `__exit__` can return something true."""
    if leaves is MISSING or not isinstance(leaves, Function):
        return True
    returns = (node.value for node in ast.walk(leaves.node) if isinstance(node, ast.Return))
    return any(value is not None and not (isinstance(value, ast.Constant) and not value.value) for value in returns)
