"""Calls."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import classes, natives
from mfenvd.flows.static.machine import Raised
from mfenvd.flows.static.statements import Outcome, run_body
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
    LazyItems,
    Library,
    Method,
    Namespace,
    Partial,
    Special,
    StaticMethod,
    Unknown,
    walk,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def call(machine: Machine, function: Any, arguments: Call) -> Any:
    """`function(...)`.

    Raises:
        Raised: As Python would.
    """
    machine.step()
    if isinstance(function, Unknown):
        return _call_unknown(machine, function, arguments)
    if isinstance(function, BoundMethod):
        bound = Call([function.subject, *arguments.arguments], arguments.keywords, arguments.node, arguments.frame)
        return call(machine, function.function, bound)
    if isinstance(function, Partial):
        keywords = {**function.keywords, **arguments.keywords}
        positional = [*function.arguments, *arguments.arguments]
        return call(machine, function.function, Call(positional, keywords, arguments.node, arguments.frame))
    if isinstance(function, (StaticMethod, ClassMethod)):
        return call(machine, function.function, arguments)
    if isinstance(function, Special):
        return function.call(machine, arguments)
    if isinstance(function, Builtin):
        return _call_builtin(machine, function, arguments)
    if isinstance(function, Method):
        if isinstance(function.subject, LazyItems):
            return natives.lazy_method(machine, function.subject, function.name, arguments)
        return natives.call_method(machine, function, arguments)
    if isinstance(function, Function):
        with machine.deeper():
            return _call_function(machine, function, arguments)
    if isinstance(function, ClassValue):
        return classes.instantiate(machine, function, arguments)
    if isinstance(function, Instance):
        special = function.cls.find("__call__")
        if special is not MISSING:
            return call(machine, BoundMethod(special, function), arguments)
    if isinstance(function, (Library, Instance)):
        cause = machine.unknown(arguments.node, arguments.frame, "cannot be called without running it")
        machine.expose(_everything(arguments), cause)
        return cause
    raise Raised(
        "TypeError", arguments.node, f"'{type(function).__name__}' object is not callable", arguments.frame.source
    )


def _everything(arguments: Call) -> list[Any]:
    return [*arguments.arguments, *arguments.keywords.values()]


def _call_unknown(machine: Machine, function: Unknown, arguments: Call) -> Any:
    if function.options:
        paths = [lambda option=option: call(machine, option, arguments) for option in function.options]  # type: ignore[misc]
        results = [r for r in machine.branch(list(paths), function) if not isinstance(r, Raised)]
        return machine.either(results, function)
    values = _everything(arguments)
    if function.external is not None:
        result = machine.outside(f"{function.external}()", arguments.node, arguments.frame)
        if harmless(function.external):
            machine.risks += 1
        else:
            cause = Unknown(
                arguments.frame.source,
                arguments.node,
                "is not part of this project and may change what it is given",
            )
            machine.expose(values, cause)
    else:
        result = Unknown(function.source, function.node, function.reason, function.fix)
        machine.expose(values, function)
    result.carried = (*function.carried, *(item for item in walk(values) if _is_carried(item)))
    return result


def _is_carried(item: Any) -> bool:
    return isinstance(item, (Function, Special)) or (isinstance(item, Unknown) and bool(item.carried))


_HARMLESS = ("logging", "warnings", "pprint", "rich", "loguru", "structlog", "click", "tabulate", "typing", "metaflow")


def harmless(name: str) -> bool:
    """Whether this function of another package is known to leave its arguments as they are."""
    return name.partition(".")[0].partition("(")[0] in _HARMLESS


def _call_builtin(machine: Machine, function: Builtin, arguments: Call) -> Any:
    spread = arguments.keywords.get("**")
    if isinstance(spread, Unknown):
        machine.expose(_everything(arguments), spread)
        return spread
    try:
        return function.implementation(machine, arguments)
    except (IndexError, KeyError) as error:
        raise Raised(
            "TypeError", arguments.node, f"{function.name}(): missing an argument", arguments.frame.source
        ) from error


def _call_function(machine: Machine, function: Function, arguments: Call) -> Any:
    if function.wrapped_by is not None:
        cause = function.wrapped_by
        machine.expose(_everything(arguments), cause)
        return Unknown(
            arguments.frame.source,
            arguments.node,
            "calls a function behind a decorator that is not part of this project",
            external=None,
        )
    names = bind(machine, function, arguments)
    if isinstance(names, Unknown):
        machine.expose(_everything(arguments), names)
        return names
    frame = Frame(function.frame.module, names, function.frame, function=function)
    node = function.node
    if isinstance(node, ast.Lambda):
        return machine.evaluate(node.body, frame)
    if isinstance(node, ast.AsyncFunctionDef):
        return machine.unknown(arguments.node, arguments.frame, "runs asynchronously")
    if _is_generator(node):
        return _generator(machine, function, frame, arguments)
    outcome = run_body(machine, node.body, frame)
    if outcome is None:
        return None
    if outcome.kind is Outcome.RETURN:
        return outcome.value
    if outcome.cause is not None:
        return outcome.cause
    return machine.unknown(arguments.node, arguments.frame, "takes paths that cannot be told apart")


def bind(machine: Machine, function: Function, arguments: Call) -> Namespace | Unknown:
    """The arguments by the names of the parameters.

    Raises:
        Raised: TypeError, where they do not fit.
    """
    spec = function.node.args
    if isinstance(spread := arguments.keywords.get("**"), Unknown):
        return spread
    positional = [parameter.arg for parameter in (*spec.posonlyargs, *spec.args)]
    names = Namespace(zip(positional, arguments.arguments, strict=False))
    left_over = arguments.arguments[len(positional) :]
    if spec.vararg is not None:
        names[spec.vararg.arg] = tuple(left_over)
    elif left_over:
        raise _misfit(function, "takes fewer arguments", arguments)
    by_name = {parameter.arg for parameter in (*spec.args, *spec.kwonlyargs)}
    extra: dict[str, Any] = {}
    for name, value in arguments.keywords.items():
        if name in by_name and name not in names:
            names[name] = value
        elif spec.kwarg is not None and name not in by_name:
            extra[name] = value
        else:
            raise _misfit(function, f"got an unexpected argument '{name}'", arguments)
    if spec.kwarg is not None:
        names[spec.kwarg.arg] = extra
    for name in (*positional, *(parameter.arg for parameter in spec.kwonlyargs)):
        if name not in names:
            if name not in function.defaults:
                raise _misfit(function, f"misses the argument '{name}'", arguments)
            names[name] = function.defaults[name]
    return names


def _misfit(function: Function, what: str, arguments: Call) -> Raised:
    return Raised("TypeError", arguments.node, f"{function.name}() {what}", arguments.frame.source)


def _is_generator(node: ast.FunctionDef) -> bool:
    stack: list[ast.AST] = list(node.body)
    while stack:
        item = stack.pop()
        if isinstance(item, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            stack.extend(ast.iter_child_nodes(item))
    return False


def _generator(machine: Machine, function: Function, frame: Frame, arguments: Call) -> Any:
    cause = machine.unknown(arguments.node, arguments.frame, "is a generator")
    machine.expose(list(frame.names.values()), cause)
    cause.carried = (function,)
    return cause
