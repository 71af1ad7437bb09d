"""Expressions to values."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import attributes, iteration, operators
from mfenvd.flows.static.machine import Raised
from mfenvd.flows.static.values import (
    MISSING,
    Call,
    Frame,
    Function,
    LazyItems,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def evaluate(machine: Machine, node: ast.expr, frame: Frame) -> Any:
    """The value of `node`.

    Raises:
        Raised: Python would raise here.
        Exhausted: The budget is spent.
    """
    machine.step()
    handler = _HANDLERS.get(type(node))
    if handler is None:
        return machine.unknown(node, frame, "is computed in a way that cannot be followed")
    return handler(machine, node, frame)


def lookup(machine: Machine, name: str, node: ast.AST, frame: Frame) -> Any:
    """What `name` is bound to.

    Raises:
        Raised: NameError.
    """
    if name in frame.shared:
        return frame.shared[name].names.get(name, MISSING)
    current: Frame | None = frame
    while current is not None:
        if name in current.names:
            return current.names[name]
        current = current.parent
    module = frame.module
    if name in module.names:
        return module.names[name]
    from mfenvd.flows.static.builtins import BUILTINS

    if name in BUILTINS:
        return BUILTINS[name]
    if module.poison is not None:
        return module.poison
    raise Raised("NameError", node, f"name '{name}' is not defined", frame.source)


def _constant(_machine: Machine, node: ast.Constant, _frame: Frame) -> Any:
    return node.value


def _name(machine: Machine, node: ast.Name, frame: Frame) -> Any:
    return lookup(machine, node.id, node, frame)


def _list(machine: Machine, node: ast.List, frame: Frame) -> Any:
    return _sequence(machine, node.elts, frame, list)


def _tuple(machine: Machine, node: ast.Tuple, frame: Frame) -> Any:
    return _sequence(machine, node.elts, frame, tuple)


def _set(machine: Machine, node: ast.Set, frame: Frame) -> Any:
    items = _sequence(machine, node.elts, frame, list)
    return items if isinstance(items, Unknown) else operators.make_set(machine, items, node, frame)


def _sequence(machine: Machine, nodes: list[ast.expr], frame: Frame, kind: Callable[[list[Any]], Any]) -> Any:
    found: list[Any] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            items = iteration.items_of(machine, evaluate(machine, node.value, frame), node, frame, ordered=True)
            if isinstance(items, Unknown):
                return items
            found.extend(items)
        else:
            found.append(machine.located(evaluate(machine, node, frame), frame.source.location(node)))
    return kind(found)


def _dict(machine: Machine, node: ast.Dict, frame: Frame) -> Any:
    found: dict[Any, Any] = {}
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        if key_node is None:
            spread = operators.mapping_of(machine, evaluate(machine, value_node, frame), value_node, frame)
            if isinstance(spread, Unknown):
                return spread
            found.update(spread)
            continue
        key = evaluate(machine, key_node, frame)
        value = evaluate(machine, value_node, frame)
        if cause := operators.unhashable(machine, key, key_node, frame):
            return cause
        found[key] = machine.located(value, frame.source.location(key_node))
    return found


def _attribute(machine: Machine, node: ast.Attribute, frame: Frame) -> Any:
    return attributes.get(machine, evaluate(machine, node.value, frame), node.attr, node, frame)


def _subscript(machine: Machine, node: ast.Subscript, frame: Frame) -> Any:
    subject = evaluate(machine, node.value, frame)
    key = evaluate(machine, node.slice, frame)
    return operators.subscript(machine, subject, key, node, frame)


def _slice(machine: Machine, node: ast.Slice, frame: Frame) -> Any:
    bounds = [
        evaluate(machine, part, frame) if part is not None else None for part in (node.lower, node.upper, node.step)
    ]
    for bound in bounds:
        if isinstance(bound, Unknown):
            return bound
    return slice(*bounds)


def _call(machine: Machine, node: ast.Call, frame: Frame) -> Any:
    function = evaluate(machine, node.func, frame)
    arguments: list[Any] = []
    keywords: dict[str, Any] = {}
    spread_unknown: Unknown | None = None
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            items = iteration.items_of(machine, evaluate(machine, argument.value, frame), node, frame, ordered=True)
            if isinstance(items, Unknown):
                spread_unknown = items
            else:
                arguments.extend(items)
        else:
            arguments.append(evaluate(machine, argument, frame))
    for keyword in node.keywords:
        value = evaluate(machine, keyword.value, frame)
        if keyword.arg is not None:
            keywords[keyword.arg] = machine.located(value, frame.source.location(keyword))
            continue
        mapping = operators.mapping_of(machine, value, keyword.value, frame)
        if isinstance(mapping, Unknown):
            spread_unknown = mapping
        else:
            keywords.update(mapping)
    if spread_unknown is not None:
        keywords["**"] = spread_unknown
    return machine.call(function, Call(arguments, keywords, node, frame))


def _binary(machine: Machine, node: ast.BinOp, frame: Frame) -> Any:
    left = evaluate(machine, node.left, frame)
    right = evaluate(machine, node.right, frame)
    return operators.binary(machine, type(node.op), left, right, node, frame)


_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos, ast.USub: operator.neg, ast.Invert: operator.invert,
}  # fmt: skip


def _unary(machine: Machine, node: ast.UnaryOp, frame: Frame) -> Any:
    value = evaluate(machine, node.operand, frame)
    if isinstance(node.op, ast.Not):
        answer = machine.truth(value)
        return _why(machine, value, node, frame) if answer is None else not answer
    if isinstance(value, Unknown):
        return value
    return operators.guarded(machine, lambda: _UNARY[type(node.op)](value), [value], node, frame)


def _bool(machine: Machine, node: ast.BoolOp, frame: Frame) -> Any:
    stop = isinstance(node.op, ast.Or)
    value: Any = None
    for index, part in enumerate(node.values):
        value = evaluate(machine, part, frame)
        if index == len(node.values) - 1:
            break
        answer = machine.truth(value)
        if answer is None:
            return _undecided(machine, node, index, value, frame)
        if answer is stop:
            break
    return value


def _undecided(machine: Machine, node: ast.BoolOp, index: int, value: Any, frame: Frame) -> Any:
    cause = _why(machine, value, node.values[index], frame)
    rest: ast.expr = ast.copy_location(ast.BoolOp(op=node.op, values=node.values[index + 1 :]), node)
    if len(node.values) == index + 2:
        rest = node.values[-1]
    results = machine.branch([lambda: value, lambda: evaluate(machine, rest, frame)], cause)
    live = [result for result in results if not isinstance(result, Raised)]
    return machine.either(live, cause)


def _conditional(machine: Machine, node: ast.IfExp, frame: Frame) -> Any:
    condition = evaluate(machine, node.test, frame)
    answer = machine.truth(condition)
    if answer is not None:
        return evaluate(machine, node.body if answer else node.orelse, frame)
    cause = _why(machine, condition, node.test, frame)
    results = machine.branch(
        [lambda: evaluate(machine, node.body, frame), lambda: evaluate(machine, node.orelse, frame)], cause
    )
    return machine.either([result for result in results if not isinstance(result, Raised)], cause)


def _compare(machine: Machine, node: ast.Compare, frame: Frame) -> Any:
    left = evaluate(machine, node.left, frame)
    answer: Any = True
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        right = evaluate(machine, right_node, frame)
        answer = operators.compare(machine, type(op), left, right, node, frame)
        truth = machine.truth(answer)
        if truth is None:
            return answer
        if not truth:
            return answer
        left = right
    return answer


def _joined(machine: Machine, node: ast.JoinedStr, frame: Frame) -> Any:
    pieces: list[str] = []
    for part in node.values:
        piece = evaluate(machine, part, frame)
        if isinstance(piece, Unknown):
            return piece
        pieces.append(piece)
    return "".join(pieces)


def _formatted(machine: Machine, node: ast.FormattedValue, frame: Frame) -> Any:
    value = evaluate(machine, node.value, frame)
    specification = evaluate(machine, node.format_spec, frame) if node.format_spec is not None else ""
    if isinstance(specification, Unknown):
        return specification
    if operators.wide(specification):
        return machine.unknown(node, frame, "is too large")
    convert: Callable[[Any], Any] = {ord("s"): str, ord("r"): repr, ord("a"): ascii}.get(node.conversion, lambda x: x)
    return operators.guarded(machine, lambda: format(convert(value), specification), [value], node, frame)


def _lambda(machine: Machine, node: ast.Lambda, frame: Frame) -> Any:
    return make_function(machine, node, frame, "<lambda>")


def make_function(
    machine: Machine, node: ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame, name: str
) -> Function:
    """The function that `node` defines, with its defaults evaluated."""
    spec = node.args
    positional = [*spec.posonlyargs, *spec.args]
    defaults: dict[str, Any] = {}
    for parameter, default in zip(positional[len(positional) - len(spec.defaults) :], spec.defaults, strict=True):
        defaults[parameter.arg] = evaluate(machine, default, frame)
    for parameter, kw_default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        if kw_default is not None:
            defaults[parameter.arg] = evaluate(machine, kw_default, frame)
    enclosing = frame
    while enclosing.is_class and enclosing.parent is not None:
        enclosing = enclosing.parent
    if enclosing.is_class:  # a class at module level: its names are not visible in its methods
        enclosing = Frame(frame.module, frame.module.names)
    return Function(name, node, enclosing, defaults)


def _named(machine: Machine, node: ast.NamedExpr, frame: Frame) -> Any:
    from mfenvd.flows.static.statements import assign

    value = evaluate(machine, node.value, frame)
    assign(machine, node.target, value, frame)
    return value


def _list_comprehension(machine: Machine, node: ast.ListComp, frame: Frame) -> Any:
    return iteration.comprehend(machine, node.generators, frame, node, lambda inner: evaluate(machine, node.elt, inner))


def _generator(machine: Machine, node: ast.GeneratorExp, frame: Frame) -> Any:
    first = evaluate(machine, node.generators[0].iter, frame)
    return LazyItems(
        lambda: iteration.comprehend(
            machine, node.generators, frame, node, lambda inner: evaluate(machine, node.elt, inner), first
        )
    )


def _set_comprehension(machine: Machine, node: ast.SetComp, frame: Frame) -> Any:
    items = iteration.comprehend(
        machine, node.generators, frame, node, lambda inner: evaluate(machine, node.elt, inner), ordered=False
    )
    return items if isinstance(items, Unknown) else operators.make_set(machine, items, node, frame)


def _dict_comprehension(machine: Machine, node: ast.DictComp, frame: Frame) -> Any:
    def entry(inner: Frame) -> tuple[Any, Any]:
        return evaluate(machine, node.key, inner), evaluate(machine, node.value, inner)

    pairs = iteration.comprehend(machine, node.generators, frame, node, entry)
    if isinstance(pairs, Unknown):
        return pairs
    found: dict[Any, Any] = {}
    place = frame.source.location(node.key)
    for key, value in pairs:
        if cause := operators.unhashable(machine, key, node.key, frame):
            return cause
        origin = getattr(key, "location", None) or getattr(value, "location", None) or place
        found[key] = machine.located(value, origin)
    return found


def _why(machine: Machine, value: Any, node: ast.expr, frame: Frame) -> Unknown:
    """The Unknown behind a condition that cannot be decided."""
    cause = machine.first_unknown(value)
    if cause is None:
        return machine.unknown(node, frame, "cannot be decided")
    return Unknown(frame.source, node, cause.reason, cause.fix, external=cause.external)


why = _why


def _opaque(machine: Machine, node: ast.expr, frame: Frame) -> Any:
    return machine.unknown(node, frame, "is computed at run time")


_HANDLERS: dict[type[ast.expr], Callable[..., Any]] = {
    ast.Constant: _constant, ast.Name: _name, ast.List: _list, ast.Tuple: _tuple, ast.Set: _set, ast.Dict: _dict,
    ast.Attribute: _attribute, ast.Subscript: _subscript, ast.Slice: _slice, ast.Call: _call, ast.BinOp: _binary,
    ast.UnaryOp: _unary, ast.BoolOp: _bool, ast.IfExp: _conditional, ast.Compare: _compare, ast.JoinedStr: _joined,
    ast.FormattedValue: _formatted, ast.Lambda: _lambda, ast.NamedExpr: _named, ast.ListComp: _list_comprehension,
    ast.GeneratorExp: _generator, ast.SetComp: _set_comprehension, ast.DictComp: _dict_comprehension,
    ast.Await: _opaque, ast.Yield: _opaque, ast.YieldFrom: _opaque,
}  # fmt: skip
