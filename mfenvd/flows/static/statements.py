"""Statements: what they bind, change and decide."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from mfenvd.flows.static import iteration, operators
from mfenvd.flows.static.heap import Tried
from mfenvd.flows.static.machine import Exhausted, Raised
from mfenvd.flows.static.values import (
    MISSING,
    BoundMethod,
    ClassValue,
    Frame,
    Function,
    Instance,
    Module,
    Namespace,
    OpenFile,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


class Outcome:
    """How a statement ends other than by going on to the next: `kind`, and the value that is returned."""

    RETURN: ClassVar[str] = "return"
    BREAK: ClassVar[str] = "break"
    CONTINUE: ClassVar[str] = "continue"
    UNCLEAR: ClassVar[str] = "unclear"

    __slots__ = ("cause", "kind", "value")

    def __init__(self, kind: str, value: Any = None, cause: Unknown | None = None) -> None:
        self.kind = kind
        self.value = value
        self.cause = cause


def run_body(machine: Machine, body: Sequence[ast.stmt], frame: Frame) -> Outcome | None:
    """Executes `body` in order; None when it ends normally.

    Raises:
        Raised: As Python would.
        Exhausted: The budget is spent.
    """
    for index, statement in enumerate(body):
        rest = body[index + 1 :]
        if isinstance(statement, ast.If):
            outcome, finished = _if(machine, statement, frame, rest)
            if finished:
                return outcome
        else:
            outcome = run(machine, statement, frame)
        if outcome is None:
            continue
        if outcome.kind == Outcome.UNCLEAR and rest:
            cause = outcome.cause or machine.unknown(statement, frame, "cannot be decided")
            machine.branch([lambda rest=rest: run_body(machine, rest, frame), lambda: None], cause)  # type: ignore[misc]
        return outcome
    return None


def run_module(machine: Machine, body: Sequence[ast.stmt], frame: Frame) -> None:
    """Executes the top level of a module; a statement that fails leaves what it touches unknown."""
    for statement in body:
        try:
            with machine.fresh_budget():
                outcome = run_body(machine, [statement], frame)
        except Raised as raised:
            if raised.kind == "SystemExit":
                return
            _give_up(machine, statement, frame, f"raises {raised}")
        except Exhausted:
            _give_up(machine, statement, frame, "takes too many steps to follow", everything=True)
        except RecursionError:
            _give_up(machine, statement, frame, "is nested too deeply to follow", everything=True)
        else:
            if outcome is not None:
                return


def run(machine: Machine, statement: ast.stmt, frame: Frame) -> Outcome | None:
    """Executes one statement."""
    machine.step()
    handler = _HANDLERS.get(type(statement))
    if handler is None:
        _give_up(machine, statement, frame, "is a statement that cannot be followed")
        return None
    return handler(machine, statement, frame)


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
        _set_item(machine, container, key, value, target, frame)
    elif isinstance(target, ast.Attribute):
        set_attribute(machine, machine.evaluate(target.value, frame), target.attr, value, target, frame)


def bind_name(machine: Machine, name: str, value: Any, frame: Frame) -> None:
    """`name = value` where `frame` says that the name lives."""
    names = frame.shared[name].names if name in frame.shared else frame.names
    machine.heap.touch(names)
    names[name] = value


def set_attribute(machine: Machine, subject: Any, name: str, value: Any, node: ast.AST, frame: Frame) -> None:
    """`subject.name = value`."""
    if isinstance(subject, Instance):
        names: Namespace | None = subject.attributes
        if subject.cls.find("__setattr__") is not MISSING:
            machine.heap.doubt(subject.attributes, machine.unknown(node, frame, "is set by code of its own"))
            return
    elif isinstance(subject, Function):
        names = subject.attributes
    elif isinstance(subject, (ClassValue, Module)):
        names = subject.names
    elif isinstance(subject, BoundMethod):
        set_attribute(machine, subject.function, name, value, node, frame)
        return
    else:
        names = None
    if names is None:
        machine.expose([subject], machine.unknown(node, frame, "changes something that cannot be followed"))
        return
    machine.heap.touch(names)
    names[name] = value


def _set_item(machine: Machine, container: Any, key: Any, value: Any, node: ast.Subscript, frame: Frame) -> None:
    known = machine.readable(container)
    if isinstance(known, Unknown):
        return
    if not isinstance(known, (dict, list)):
        if isinstance(known, (Instance, ClassValue)):
            machine.expose([container], machine.unknown(node, frame, "is set by code of its own"))
            return
        if isinstance(known, (str, tuple, bytes, int, float, type(None))):
            raise Raised("TypeError", node, "does not support item assignment", frame.source)
        return
    if isinstance(key, Unknown) or (isinstance(key, slice) and isinstance(value, Unknown)):
        machine.heap.doubt(known, key if isinstance(key, Unknown) else value)
        return
    if isinstance(known, dict) and (cause := operators.unhashable(machine, key, node, frame)):
        machine.heap.doubt(known, cause)
        return
    if isinstance(key, slice):
        value = iteration.items_of(machine, value, node, frame, ordered=True)
        if isinstance(value, Unknown):
            machine.heap.doubt(known, value)
            return
    machine.heap.touch(known)
    placed = machine.located(value, frame.source.location(node))
    operators.native(machine, lambda: known.__setitem__(key, placed), node, frame)


def _unpack(machine: Machine, target: ast.Tuple | ast.List, value: Any, frame: Frame) -> None:
    items = iteration.items_of(machine, value, target, frame, ordered=True)
    if isinstance(items, Unknown):
        for element in target.elts:
            assign(machine, element, items, frame)
        return
    starred = next((i for i, element in enumerate(target.elts) if isinstance(element, ast.Starred)), None)
    if starred is None:
        if len(items) != len(target.elts):
            raise Raised("ValueError", target, "wrong number of values to unpack", frame.source)
    else:
        after = len(target.elts) - starred - 1
        if len(items) < starred + after:
            raise Raised("ValueError", target, "not enough values to unpack", frame.source)
        end = len(items) - after
        items = [*items[:starred], items[starred:end], *items[end:]]
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
    load = ast.copy_location(_as_load(statement.target), statement.target)
    left = machine.evaluate(load, frame)
    right = machine.evaluate(statement.value, frame)
    result = operators.in_place(machine, type(statement.op), left, right, statement, frame)
    assign(machine, statement.target, result, frame)


def _as_load(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.Name(id=target.id, ctx=ast.Load())
    if isinstance(target, ast.Attribute):
        return ast.Attribute(value=target.value, attr=target.attr, ctx=ast.Load())
    if isinstance(target, ast.Subscript):
        return ast.Subscript(value=target.value, slice=target.slice, ctx=ast.Load())
    return target


def _delete(machine: Machine, statement: ast.Delete, frame: Frame) -> None:
    for target in statement.targets:
        if isinstance(target, ast.Name):
            names = frame.shared[target.id].names if target.id in frame.shared else frame.names
            if target.id in names:
                machine.heap.touch(names)
                del names[target.id]
        elif isinstance(target, ast.Subscript):
            container = machine.readable(machine.evaluate(target.value, frame))
            key = machine.evaluate(target.slice, frame)
            if isinstance(container, (dict, list)):
                if cause := machine.first_unknown(key):
                    machine.heap.doubt(container, cause)
                    continue
                machine.heap.touch(container)
                operators.native(machine, lambda c=container, k=key: c.__delitem__(k), target, frame)  # type: ignore[misc]
        elif isinstance(target, ast.Attribute):
            subject = machine.evaluate(target.value, frame)
            if isinstance(subject, Instance):
                machine.heap.touch(subject.attributes)
                subject.attributes.pop(target.attr, None)


def _return(machine: Machine, statement: ast.Return, frame: Frame) -> Outcome:
    value = machine.evaluate(statement.value, frame) if statement.value is not None else None
    return Outcome(Outcome.RETURN, value)


def _raise(machine: Machine, statement: ast.Raise, frame: Frame) -> None:
    value = machine.evaluate(statement.exc, frame) if statement.exc is not None else None
    from mfenvd.flows.static.builtins import exception_class

    cls = exception_class(value)
    raise Raised(cls.name if cls else "Exception", statement, "", frame.source, cls)


def _assert(machine: Machine, statement: ast.Assert, frame: Frame) -> None:
    value = machine.evaluate(statement.test, frame)
    answer = machine.truth(value)
    if answer is False:
        raise Raised("AssertionError", statement, "assertion fails", frame.source)
    if answer is None:
        machine.risks += 1


def _global(_machine: Machine, statement: ast.Global, frame: Frame) -> None:
    top = Frame(frame.module, frame.module.names)
    for name in statement.names:
        frame.shared[name] = top


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
    from mfenvd.flows.static import imports

    for alias in statement.names:
        bind_name(machine, *imports.import_name(machine, alias, statement, frame), frame)


def _import_from(machine: Machine, statement: ast.ImportFrom, frame: Frame) -> None:
    from mfenvd.flows.static import imports

    for name, value in imports.import_from(machine, statement, frame):
        bind_name(machine, name, value, frame)


def _function(machine: Machine, statement: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> None:
    from mfenvd.flows.static import classes

    bind_name(machine, statement.name, classes.define_function(machine, statement, frame), frame)


def _class(machine: Machine, statement: ast.ClassDef, frame: Frame) -> None:
    from mfenvd.flows.static import classes

    bind_name(machine, statement.name, classes.define_class(machine, statement, frame), frame)


# -- compound statements


def _if(machine: Machine, statement: ast.If, frame: Frame, rest: Sequence[ast.stmt]) -> tuple[Outcome | None, bool]:
    """Executes an `if`. Returns how it ends and whether `rest`, what follows it, was executed with it."""
    from mfenvd.flows.static.expressions import why

    machine.step()
    condition = machine.evaluate(statement.test, frame)
    answer = machine.truth(condition)
    if answer is not None:
        return run_body(machine, statement.body if answer else statement.orelse, frame), False
    cause = why(machine, condition, statement.test, frame)
    paths = [statement.body, statement.orelse]
    trials = [machine.trial(lambda path=path: run_body(machine, path, frame)) for path in paths]  # type: ignore[misc]
    outcomes = [outcome for outcome, _ in trials]
    if _all_alike([outcome for outcome in outcomes if not isinstance(outcome, Raised)]):
        return _joined(machine, machine.join(trials, cause), cause), False
    # Some paths go on and some do not: what follows belongs to those that go on.
    for index, (path, outcome) in enumerate(zip(paths, outcomes, strict=True)):
        if outcome is None and rest:
            trials[index] = machine.trial(lambda path=path: run_body(machine, [*path, *rest], frame))  # type: ignore[misc]
    return _joined(machine, machine.join(trials, cause), cause), True


def _all_alike(outcomes: list[Any]) -> bool:
    kinds = {outcome.kind if outcome is not None else None for outcome in outcomes}
    return len(kinds) <= 1


def _joined(machine: Machine, results: list[Any], cause: Unknown) -> Outcome | None:
    live = [result for result in results if not isinstance(result, Raised)]
    kinds = {outcome.kind if outcome is not None else None for outcome in live}
    if kinds == {None}:
        return None
    if kinds == {Outcome.RETURN}:
        return Outcome(Outcome.RETURN, machine.either([outcome.value for outcome in live], cause))
    if kinds == {Outcome.RETURN, None}:
        # The end of a function's body returns None, that of an inner block goes on.
        return Outcome(Outcome.UNCLEAR, cause=cause)
    if len(kinds) == 1:
        return live[0]
    return Outcome(Outcome.UNCLEAR, cause=cause)


def _for(machine: Machine, statement: ast.For, frame: Frame) -> Outcome | None:
    iterable = machine.evaluate(statement.iter, frame)
    items = iteration.items_of(machine, iterable, statement.iter, frame, ordered=False)
    if isinstance(items, Unknown):
        return _maybe_repeated(
            machine, statement, frame, items, lambda: assign(machine, statement.target, items, frame)
        )
    if isinstance(iterable, (set, frozenset, iteration.Unordered)) and len(items) > 1:
        return _in_either_order(machine, statement, frame, items)
    return _loop(machine, statement, frame, items)


def _loop(machine: Machine, statement: ast.For, frame: Frame, items: list[Any]) -> Outcome | None:
    for item in items:
        assign(machine, statement.target, item, frame)
        outcome = run_body(machine, statement.body, frame)
        if outcome is None or outcome.kind == Outcome.CONTINUE:
            continue
        if outcome.kind == Outcome.BREAK:
            return None
        if outcome.kind == Outcome.UNCLEAR:
            cause = outcome.cause or machine.unknown(statement, frame, "cannot be decided")
            _repeat(machine, statement, frame, cause, lambda: assign(machine, statement.target, cause, frame))
        return outcome
    return run_body(machine, statement.orelse, frame)


def _in_either_order(machine: Machine, statement: ast.For, frame: Frame, items: list[Any]) -> Outcome | None:
    """Over a set: what depends on its order is not known."""
    cause = machine.unknown(statement.iter, frame, "is gone through in an order that differs from run to run")
    orders = [items, items[::-1]]
    results = machine.branch([lambda order=order: _loop(machine, statement, frame, order) for order in orders], cause)  # type: ignore[misc]
    return _joined(machine, results, cause)


_LONGEST_LOOP = 10_000


def _while(machine: Machine, statement: ast.While, frame: Frame) -> Outcome | None:
    for _ in range(_LONGEST_LOOP):
        condition = machine.evaluate(statement.test, frame)
        answer = machine.truth(condition)
        if answer is None:
            cause = machine.first_unknown(condition) or machine.unknown(statement.test, frame, "cannot be decided")
            return _maybe_repeated(machine, statement, frame, cause, lambda: None)
        if not answer:
            return run_body(machine, statement.orelse, frame)
        outcome = run_body(machine, statement.body, frame)
        if outcome is None or outcome.kind == Outcome.CONTINUE:
            continue
        if outcome.kind == Outcome.BREAK:
            return None
        return outcome
    raise Exhausted


def _maybe_repeated(
    machine: Machine, statement: ast.For | ast.While, frame: Frame, cause: Unknown, begin: Callable[[], None]
) -> Outcome | None:
    outcomes = _repeat(machine, statement, frame, cause, begin)
    leaves = [o for o in outcomes if isinstance(o, Outcome) and o.kind in {Outcome.RETURN, Outcome.UNCLEAR}]
    if leaves:
        return Outcome(Outcome.UNCLEAR, cause=cause)
    return run_body(machine, statement.orelse, frame)


def _repeat(
    machine: Machine, statement: ast.For | ast.While, frame: Frame, cause: Unknown, begin: Callable[[], None]
) -> list[Any]:
    """Runs the body of a loop an unknown number of times: until another round would change no more."""

    def body() -> Any:
        begin()
        return run_body(machine, statement.body, frame)

    outcomes: list[Any] = []
    for _ in range(3):
        outcomes.extend(machine.branch([body, lambda: None], cause))
        if machine.joined_alike:
            break
    return outcomes


def _with(machine: Machine, statement: ast.With, frame: Frame) -> Outcome | None:
    for item in statement.items:
        context = machine.evaluate(item.context_expr, frame)
        entered = context if isinstance(context, OpenFile) else _enter(machine, context, item, frame)
        if item.optional_vars is not None:
            assign(machine, item.optional_vars, entered, frame)
    return run_body(machine, statement.body, frame)


def _enter(machine: Machine, context: Any, item: ast.withitem, frame: Frame) -> Any:
    machine.risks += 1
    if isinstance(context, Unknown):
        return context
    return machine.unknown(item.context_expr, frame, "is a context manager that cannot be followed")


def _try(machine: Machine, statement: ast.Try, frame: Frame) -> Outcome | None:
    try:
        outcome = _try_body(machine, statement, frame)
    except Raised:
        run_body(machine, statement.finalbody, frame)
        raise
    return run_body(machine, statement.finalbody, frame) or outcome


def _try_body(machine: Machine, statement: ast.Try, frame: Frame) -> Outcome | None:
    risks = machine.risks
    outcome, tried = machine.trial(lambda: _guarded_body(machine, statement, frame))
    if machine.risks > risks and statement.handlers and not isinstance(outcome, Raised):
        return _maybe_failed(machine, statement, frame, (outcome, tried))
    machine.heap.redo(tried)
    if isinstance(outcome, Raised):
        return _handle(machine, statement, frame, outcome)
    return outcome or run_body(machine, statement.orelse, frame)


def _guarded_body(machine: Machine, statement: ast.Try, frame: Frame) -> Outcome | None:
    machine.guarded += bool(statement.handlers)
    try:
        return run_body(machine, statement.body, frame)
    finally:
        machine.guarded -= bool(statement.handlers)


def _handle(machine: Machine, statement: ast.Try, frame: Frame, raised: Raised) -> Outcome | None:
    from mfenvd.flows.static.builtins import catches

    for handler in statement.handlers:
        caught = catches(machine, handler.type, raised, frame)
        if caught:
            return _run_handler(machine, handler, frame, raised)
        if caught is None:
            break
    else:
        raise raised
    cause = machine.unknown(handler, frame, "may or may not catch what is raised")
    results = machine.branch(
        [lambda handler=handler: _run_handler(machine, handler, frame, raised) for handler in statement.handlers],  # type: ignore[misc]
        cause,
    )
    return _joined(machine, results, cause)


def _run_handler(machine: Machine, handler: ast.ExceptHandler, frame: Frame, raised: Raised | None) -> Outcome | None:
    if handler.name is not None:
        bind_name(machine, handler.name, machine.unknown(handler, frame, "is an exception"), frame)
    try:
        return run_body(machine, handler.body, frame)
    except Raised as again:
        if isinstance(again.node, ast.Raise) and again.node.exc is None and raised is not None:
            raise raised from again
        raise


def _maybe_failed(
    machine: Machine, statement: ast.Try, frame: Frame, body: tuple[Outcome | None, Tried]
) -> Outcome | None:
    """Something in the body may raise: a handler may run in its stead, wherever the body stopped."""
    cause = machine.unknown(statement.body[0], frame, "may fail, and the flow goes on without it")
    outcome, tried = body

    def succeed() -> Outcome | None:
        machine.heap.redo(tried)
        return outcome or run_body(machine, statement.orelse, frame)

    def fail(handler: ast.ExceptHandler) -> Outcome | None:
        machine.join([(None, tried), (None, Tried({}, {}))], cause)
        return _run_handler(machine, handler, frame, None)

    paths: list[Callable[[], Any]] = [succeed]
    paths.extend(lambda handler=handler: fail(handler) for handler in statement.handlers)  # type: ignore[misc]
    return _joined(machine, machine.branch(paths, cause), cause)


def _match(machine: Machine, statement: ast.Match, frame: Frame) -> Outcome | None:
    subject = machine.evaluate(statement.subject, frame)
    for case in statement.cases:
        answer = _matches(machine, case.pattern, subject, frame)
        if answer and case.guard is not None:
            answer = machine.truth(machine.evaluate(case.guard, frame))
        if answer is None:
            cause = machine.first_unknown(subject) or machine.unknown(statement.subject, frame, "cannot be decided")
            paths = [lambda case=case: run_body(machine, case.body, frame) for case in statement.cases]  # type: ignore[misc]
            return _joined(machine, machine.branch([*paths, lambda: None], cause), cause)
        if answer:
            return run_body(machine, case.body, frame)
    return None


def _matches(machine: Machine, pattern: ast.pattern, subject: Any, frame: Frame) -> bool | None:
    if isinstance(pattern, ast.MatchAs) and pattern.pattern is None:
        if pattern.name is not None:
            bind_name(machine, pattern.name, subject, frame)
        return True
    if isinstance(pattern, ast.MatchValue):
        value = machine.evaluate(pattern.value, frame)
        return machine.truth(operators.compare(machine, ast.Eq, subject, value, pattern, frame))
    if isinstance(pattern, ast.MatchSingleton):
        return None if isinstance(subject, Unknown) else subject is pattern.value
    if isinstance(pattern, ast.MatchOr):
        answers = [_matches(machine, part, subject, frame) for part in pattern.patterns]
        return True if True in answers else (None if None in answers else False)
    return None


def _give_up(machine: Machine, statement: ast.stmt, frame: Frame, reason: str, *, everything: bool = False) -> None:
    """A statement that could not be followed: what it names may be anything afterwards.

    With `everything`, what it does not name may be too.
    """
    machine.risks += 1
    cause = machine.unknown(statement, frame, reason)
    names = frame.names
    machine.heap.touch(names)
    if everything:
        machine.heap.doubt(list(names.values()), cause)
    for node in _walk(statement):
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                machine.heap.doubt(names.get(node.id), cause)
            else:
                names[node.id] = cause
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
            names.setdefault(node.name, cause)
        elif isinstance(node, ast.alias):
            names.setdefault((node.asname or node.name).partition(".")[0], cause)


def _walk(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of `statement`, without the bodies of functions and classes."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            stack.extend(ast.iter_child_nodes(node))


_HANDLERS: dict[type[ast.stmt], Callable[..., Outcome | None]] = {
    ast.Expr: _expression, ast.Assign: _assign, ast.AnnAssign: _annotated, ast.AugAssign: _augmented,
    ast.Delete: _delete, ast.Return: _return, ast.Raise: _raise, ast.Assert: _assert, ast.Global: _global,
    ast.Nonlocal: _nonlocal, ast.Pass: _pass, ast.Break: _break, ast.Continue: _continue, ast.Import: _import,
    ast.ImportFrom: _import_from, ast.FunctionDef: _function, ast.AsyncFunctionDef: _function, ast.ClassDef: _class,
    ast.For: _for, ast.While: _while, ast.With: _with, ast.Try: _try, ast.Match: _match,
}  # fmt: skip
