"""Calls."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import classes, decorators, natives
from mfenvd.flows.static.contents import walk
from mfenvd.flows.static.data import LazyItems
from mfenvd.flows.static.outcomes import Outcome, Raised
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
    Method,
    Namespace,
    Partial,
    Special,
    StaticMethod,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def call(machine: Machine, function: Any, arguments: Call) -> Any:
    """`function(...)`.

    Raises:
        Raised: As Python would.
    """
    machine.step()
    handler = _HANDLERS.get(type(function))
    if handler is not None:
        return handler(machine, function, arguments)
    if isinstance(function, Special):
        return function.call(machine, arguments)
    raise Raised("TypeError", arguments.at, f"'{type(function).__name__}' object is not callable")


def _call_bound(machine: Machine, function: BoundMethod, arguments: Call) -> Any:
    return call(machine, function.function, arguments.with_first(function.subject))


def _call_partial(machine: Machine, function: Partial, arguments: Call) -> Any:
    keywords = {**function.keywords, **arguments.keywords}
    positional = [*function.arguments, *arguments.arguments]
    return call(machine, function.function, Call(positional, keywords, arguments.at))


def _call_wrapped(machine: Machine, function: StaticMethod | ClassMethod, arguments: Call) -> Any:
    return call(machine, function.function, arguments)


def _call_method(machine: Machine, function: Method, arguments: Call) -> Any:
    return natives.call_method(machine, function, arguments)


def _call_instance(machine: Machine, function: Instance, arguments: Call) -> Any:
    special = function.cls.find("__call__")
    if special is not MISSING:
        return call(machine, BoundMethod(special, function), arguments)
    return _call_library(machine, function, arguments)


def _call_library(machine: Machine, _function: Library | Instance, arguments: Call) -> Any:
    cause = machine.unknown(arguments.at, "cannot be called without running it")
    machine.expose(arguments.values, cause)
    return cause


def _call_unknown(machine: Machine, function: Unknown, arguments: Call) -> Any:
    if function.options:
        return machine.of_options(function, lambda option: call(machine, option, arguments))
    if function.external is None:
        result = _call_any(machine, function, arguments)
    else:
        result = machine.outside(f"{function.external}()", arguments.at)
        machine.risks += 1
        if not _harmless(function.external):
            machine.expose(
                arguments.values, Unknown(arguments.at, "is not part of this project and may change what it is given")
            )
            _maybe_call_back(machine, arguments, result)
    handed = (item for item in walk([*function.carried, *arguments.values]) if isinstance(item, (Function, Special)))
    result.carried = tuple({id(item): item for item in (*result.carried, *handed)}.values())
    return decorators.passed_through(machine, arguments, result)


def _call_any(machine: Machine, function: Unknown, arguments: Call) -> Unknown:
    """Calls what may be any of the functions that `function` carries."""
    cause = Unknown(function.at, function.reason, function.fix)
    machine.expose([*arguments.values, *function.carried], function)
    found: list[Any] = []
    for item in function.carried:
        if isinstance(item, (Function, BoundMethod, Partial)) and not decorators.is_step(item):
            machine.branch([lambda item=item: found.append(call(machine, item, arguments)), lambda: None], cause)  # type: ignore[misc]
    return cause.holding(found)


def _maybe_call_back(machine: Machine, arguments: Call, cause: Unknown) -> None:
    """Code that cannot be read may call the functions that it is given."""
    for item in arguments.values:
        bound = isinstance(item, BoundMethod)
        function = item.function if isinstance(item, BoundMethod) else item
        if isinstance(function, Function) and not decorators.is_step(function):
            spec = function.node.args
            machine.maybe_call(item, len(spec.posonlyargs) + len(spec.args) - bound, cause)
        elif isinstance(item, Partial):
            machine.maybe_call(item, 0, cause)


def _calling(machine: Machine, function: Any, arguments: Call) -> Callable[[], Any]:
    return lambda: call(machine, function, arguments)


_HARMLESS = frozenset(
    {"logging", "warnings", "pprint", "rich", "loguru", "structlog", "click", "tabulate", "typing", "metaflow"}
)


def _harmless(name: str) -> bool:
    """Whether this function of another package is known to leave its arguments as they are."""
    return name.partition(".")[0].partition("(")[0] in _HARMLESS


def _call_builtin(machine: Machine, function: Builtin, arguments: Call) -> Any:
    spread = arguments.keywords.get("**")
    if isinstance(spread, Unknown):
        machine.expose(arguments.values, spread)
        return spread
    try:
        return function.implementation(machine, arguments)
    except (IndexError, KeyError) as error:
        raise Raised("TypeError", arguments.at, f"{function.name}() misses an argument") from error


def _call_function(machine: Machine, function: Function, arguments: Call) -> Any:
    if function.wrapped_by is not None:
        return _call_behind(machine, function, arguments, function.wrapped_by)
    if "lru_cache" in function.attributes:
        return _call_cached(machine, function, arguments)
    return _call_anew(machine, function, arguments)


def _call_cached(machine: Machine, function: Function, arguments: Call) -> Any:
    """What the function returned for these arguments before, the very same object, or what it returns now."""
    cache = function.attributes["lru_cache"]
    if not all(isinstance(value, (str, int, float, bool, bytes, Instance, type(None))) for value in arguments.values):
        cause = machine.unknown(arguments.at, "is cached by arguments that are not followed")
        machine.expose(arguments.values, cause)
        return cause
    key = (tuple(arguments.arguments), tuple(sorted(arguments.keywords.items())))
    if key not in cache:
        result = _call_anew(machine, function, arguments)
        machine.heap.touch(cache)
        cache[key] = result
    return cache[key]


def _call_anew(machine: Machine, function: Function, arguments: Call) -> Any:
    with machine.deeper():
        names = bind(machine, function, arguments)
        if isinstance(names, Unknown):
            machine.expose(arguments.values, names)
            return names
        return _run(
            machine, function, Frame(function.frame.module, names, function.frame, function=function), arguments
        )


def _call_behind(machine: Machine, function: Function, arguments: Call, wrapper: Unknown) -> Unknown:
    """Calls what a decorator made of `function`, which may call it or not."""
    inner = Function(function.name, function.node, function.frame, function.defaults, function.attributes)
    machine.expose(arguments.values, wrapper)
    results = machine.branch([_calling(machine, inner, arguments), lambda: None], wrapper)
    cause = Unknown(arguments.at, "calls a function behind a decorator that cannot be followed")
    return cause.holding(result for result in results if not isinstance(result, Raised))


def _run(machine: Machine, function: Function, frame: Frame, arguments: Call) -> Any:
    node = function.node
    if isinstance(node, ast.Lambda):
        return machine.evaluate(node.body, frame)
    if not isinstance(node, ast.AsyncFunctionDef) and _is_generator(node):
        return LazyItems(lambda: _yielded(machine, function, frame), arguments.at, runs_code=True)
    if isinstance(node, ast.AsyncFunctionDef):
        cause = machine.unknown(arguments.at, "is a coroutine, which runs later")
        machine.expose(list(frame.names.values()), cause)
        machine.branch([lambda: machine.run_body(node.body, frame), lambda: None], cause)
        return cause.holding([function, *frame.names.values()])
    outcome = machine.run_body(node.body, frame)
    if outcome is None:
        return None
    if outcome.kind == Outcome.RETURN:
        return outcome.value
    cause = outcome.cause or machine.unknown(arguments.at, "takes paths that cannot be told apart")
    return Unknown(cause.at, cause.reason, cause.fix, carried=(*outcome.values, *cause.carried))


def _yielded(machine: Machine, function: Function, start: Frame) -> Any:
    """What a generator yields when it is run from `start` to its end."""
    found: list[Any] = []
    frame = Frame(start.module, Namespace(start.names), start.parent, function=function, yielded=found)
    assert isinstance(function.node, ast.FunctionDef)  # noqa: S101 - the only kind that yields here
    with machine.deeper():
        machine.run_body(function.node.body, frame)
    cause = machine.heap.doubted(found)
    return cause.holding(found) if cause is not None else list(found)


def _is_generator(node: ast.FunctionDef) -> bool:
    stack: list[ast.AST] = list(node.body)
    while stack:
        item = stack.pop()
        if isinstance(item, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            stack.extend(ast.iter_child_nodes(item))
    return False


def bind(machine: Machine, function: Function, arguments: Call) -> Namespace | Unknown:
    """The arguments by the names of the parameters.

    Raises:
        Raised: TypeError, where they do not fit.
    """
    spread = arguments.keywords.get("**")
    if isinstance(spread, Unknown):
        machine.risks += 1
        return spread
    spec = function.node.args
    positional = [parameter.arg for parameter in (*spec.posonlyargs, *spec.args)]
    names = Namespace(zip(positional, arguments.arguments, strict=False))
    left_over = arguments.arguments[len(positional) :]
    if spec.vararg is not None:
        names[spec.vararg.arg] = tuple(left_over)
    elif left_over:
        raise Raised("TypeError", arguments.at, f"{function.name}() takes fewer arguments")
    _bind_keywords(function, names, arguments)
    for name in (*positional, *(parameter.arg for parameter in spec.kwonlyargs)):
        if name not in names:
            if name not in function.defaults:
                raise Raised("TypeError", arguments.at, f"{function.name}() misses the argument '{name}'")
            names[name] = function.defaults[name]
    return names


def _bind_keywords(function: Function, names: Namespace, arguments: Call) -> None:
    spec = function.node.args
    by_name = {parameter.arg for parameter in (*spec.args, *spec.kwonlyargs)}
    extra: dict[str, Any] = {}
    for name, value in arguments.keywords.items():
        if name in by_name and name not in names:
            names[name] = value
        elif spec.kwarg is not None and name not in by_name:
            extra[name] = value
        else:
            raise Raised("TypeError", arguments.at, f"{function.name}() got an unexpected argument '{name}'")
    if spec.kwarg is not None:
        names[spec.kwarg.arg] = extra


_HANDLERS: dict[type, Callable[..., Any]] = {
    Unknown: _call_unknown, BoundMethod: _call_bound, Partial: _call_partial, StaticMethod: _call_wrapped,
    ClassMethod: _call_wrapped, Builtin: _call_builtin, Method: _call_method, Function: _call_function,
    ClassValue: classes.instantiate, Instance: _call_instance, Library: _call_library,
}  # fmt: skip
