"""Expressions to values."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import comparisons, comprehensions, iteration, operators
from mfenvd.flows.static.data import LazyItems
from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.values import MISSING, Call, Frame, Function, Instance, Site, Unknown

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
        return machine.unknown(Site(node, frame), "is computed at run time")
    return handler(machine, node, frame)


def _constant(_machine: Machine, node: ast.Constant, _frame: Frame) -> Any:
    return node.value


def _name(machine: Machine, node: ast.Name, frame: Frame) -> Any:
    name = node.id
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
    if name in machine.builtins:
        return machine.builtins[name]
    if module.poison is not None:
        return module.poison
    raise Raised("NameError", Site(node, frame), f"name '{name}' is not defined")


def _list(machine: Machine, node: ast.List, frame: Frame) -> Any:
    return _sequence(machine, node.elts, frame)


def _tuple(machine: Machine, node: ast.Tuple, frame: Frame) -> Any:
    items = _sequence(machine, node.elts, frame)
    return items if isinstance(items, Unknown) else tuple(items)


def _set(machine: Machine, node: ast.Set, frame: Frame) -> Any:
    items = _sequence(machine, node.elts, frame)
    return items if isinstance(items, Unknown) else operators.make_set(machine, items, Site(node, frame))


def _sequence(machine: Machine, nodes: list[ast.expr], frame: Frame) -> Any:
    found: list[Any] = []
    unclear: Unknown | None = None
    for node in nodes:
        if isinstance(node, ast.Starred):
            items = iteration.items_of(machine, evaluate(machine, node.value, frame), Site(node, frame))
            if isinstance(items, Unknown):
                unclear = items
            else:
                found.extend(items)
        else:
            found.append(machine.located(evaluate(machine, node, frame), Site(node, frame)))
    return found if unclear is None else unclear.holding(found)


def _dict(machine: Machine, node: ast.Dict, frame: Frame) -> Any:
    found: dict[Any, Any] = {}
    held: list[Any] = []
    unclear: Unknown | None = None
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        if key_node is None:
            value = evaluate(machine, value_node, frame)
            spread = operators.mapping_of(machine, value, Site(value_node, frame))
            if isinstance(spread, Unknown):
                unclear = unclear or spread
            else:
                found.update(spread)
                machine.heap.disorder(found, value)
            continue
        at = Site(key_node, frame)
        key = evaluate(machine, key_node, frame)
        value = evaluate(machine, value_node, frame)
        if cause := operators.unhashable(machine, key, at):
            unclear = unclear or cause
            held.append(value)
        else:
            found[machine.located(key, at)] = machine.located(value, at)
    return found if unclear is None else unclear.holding([*held, *found.values()])


def _attribute(machine: Machine, node: ast.Attribute, frame: Frame) -> Any:
    at = Site(node, frame)
    found = machine.find_attribute(evaluate(machine, node.value, frame), node.attr, at)
    if found is MISSING:
        raise Raised("AttributeError", at, f"no attribute '{node.attr}'")
    return found


def _subscript(machine: Machine, node: ast.Subscript, frame: Frame) -> Any:
    subject = evaluate(machine, node.value, frame)
    key = evaluate(machine, node.slice, frame)
    return operators.subscript(machine, subject, key, Site(node, frame))


def _slice(machine: Machine, node: ast.Slice, frame: Frame) -> Any:
    parts = (node.lower, node.upper, node.step)
    bounds = [evaluate(machine, part, frame) if part is not None else None for part in parts]
    unknown = next((bound for bound in bounds if isinstance(bound, Unknown)), None)
    return unknown.bare if unknown is not None else slice(*bounds)


def _call(machine: Machine, node: ast.Call, frame: Frame) -> Any:
    at = Site(node, frame)
    function = evaluate(machine, node.func, frame)
    arguments: list[Any] = []
    keywords: dict[str, Any] = {}
    unclear: Unknown | None = None
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            items = iteration.items_of(machine, evaluate(machine, argument.value, frame), at)
            if isinstance(items, Unknown):
                unclear = items
            else:
                arguments.extend(items)
        else:
            arguments.append(evaluate(machine, argument, frame))
    for keyword in node.keywords:
        value = evaluate(machine, keyword.value, frame)
        if keyword.arg is not None:
            keywords[keyword.arg] = machine.located(value, Site(keyword, frame))
            continue
        mapping = operators.mapping_of(machine, value, Site(keyword.value, frame))
        if isinstance(mapping, Unknown):
            unclear = mapping
        else:
            keywords.update(mapping)
    if unclear is not None:
        keywords["**"] = unclear
    return machine.call(function, Call(arguments, keywords, at))


def _binary(machine: Machine, node: ast.BinOp, frame: Frame) -> Any:
    left = evaluate(machine, node.left, frame)
    right = evaluate(machine, node.right, frame)
    return operators.binary(machine, type(node.op), left, right, Site(node, frame))


_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos, ast.USub: operator.neg, ast.Invert: operator.invert,
}  # fmt: skip


def _unary(machine: Machine, node: ast.UnaryOp, frame: Frame) -> Any:
    at = Site(node, frame)
    value = evaluate(machine, node.operand, frame)
    if isinstance(node.op, ast.Not):
        answer = machine.truth(value)
        return machine.undecided(value, at) if answer is None else not answer
    return operators.guarded(machine, lambda: _UNARY[type(node.op)](value), [value], at)


def _bool(machine: Machine, node: ast.BoolOp, frame: Frame) -> Any:
    decisive = isinstance(node.op, ast.Or)
    value: Any = None
    for index, part in enumerate(node.values):
        value = evaluate(machine, part, frame)
        if index == len(node.values) - 1:
            break
        answer = machine.truth(value)
        if answer is None:
            return _either_operand(machine, node, index, value, frame)
        if answer is decisive:
            break
    return value


def _either_operand(machine: Machine, node: ast.BoolOp, index: int, value: Any, frame: Frame) -> Any:
    """Whether `value`, the operand at `index`, is the result or the ones that follow cannot be told."""
    cause = machine.undecided(value, Site(node.values[index], frame))
    following = node.values[index + 1 :]
    rest = following[0] if len(following) == 1 else ast.copy_location(ast.BoolOp(node.op, following), node)
    return machine.either([lambda: value, lambda: evaluate(machine, rest, frame)], cause)


def _conditional(machine: Machine, node: ast.IfExp, frame: Frame) -> Any:
    condition = evaluate(machine, node.test, frame)
    answer = machine.truth(condition)
    if answer is not None:
        return evaluate(machine, node.body if answer else node.orelse, frame)
    cause = machine.undecided(condition, Site(node.test, frame))
    return machine.either(
        [lambda: evaluate(machine, node.body, frame), lambda: evaluate(machine, node.orelse, frame)], cause
    )


def _compare(machine: Machine, node: ast.Compare, frame: Frame) -> Any:
    at = Site(node, frame)
    left = evaluate(machine, node.left, frame)
    answer: Any = True
    for index, (op, right_node) in enumerate(zip(node.ops, node.comparators, strict=True)):
        right = evaluate(machine, right_node, frame)
        answer = comparisons.compare(machine, type(op), left, right, at)
        if isinstance(answer, Unknown):
            for later in node.comparators[index + 1 :]:  # evaluated only if what is unknown is true
                machine.branch([_evaluating(machine, later, frame), lambda: None], answer)
            return answer
        if not machine.truth(answer):
            return answer
        left = right
    return answer


def _evaluating(machine: Machine, node: ast.expr, frame: Frame) -> Callable[[], Any]:
    return lambda: evaluate(machine, node, frame)


def _joined_text(machine: Machine, node: ast.JoinedStr, frame: Frame) -> Any:
    pieces = [evaluate(machine, part, frame) for part in node.values]
    unknown = next((piece for piece in pieces if isinstance(piece, Unknown)), None)
    return "".join(pieces) if unknown is None else unknown.bare


_CONVERSIONS: dict[int, Callable[[Any], Any]] = {ord("s"): str, ord("r"): repr, ord("a"): ascii}


def _formatted(machine: Machine, node: ast.FormattedValue, frame: Frame) -> Any:
    at = Site(node, frame)
    value = evaluate(machine, node.value, frame)
    if isinstance(value, Instance) and node.conversion in {-1, ord("s")} and value.cls.find("__format__") is MISSING:
        value = machine.call(machine.builtins["str"], Call([value], {}, at))
    specification = evaluate(machine, node.format_spec, frame) if node.format_spec is not None else ""
    if isinstance(specification, Unknown):
        return specification
    if operators.wide(specification):
        return machine.unknown(at, "is too large")

    def compute() -> str:
        convert = _CONVERSIONS.get(node.conversion)
        return format(convert(value) if convert else value, specification)

    return operators.guarded(machine, compute, [value], at)


def _lambda(machine: Machine, node: ast.Lambda, frame: Frame) -> Any:
    return make_function(machine, node, frame, "<lambda>")


def make_function(
    machine: Machine, node: ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame, name: str
) -> Function:
    """The function that `node` defines, with its defaults evaluated."""
    spec = node.args
    positional = [*spec.posonlyargs, *spec.args]
    with_default = positional[len(positional) - len(spec.defaults) :]
    defaults = {
        parameter.arg: evaluate(machine, default, frame)
        for parameter, default in (
            *zip(with_default, spec.defaults, strict=True),
            *zip(spec.kwonlyargs, spec.kw_defaults, strict=True),
        )
        if default is not None
    }
    return Function(name, node, _enclosing(frame), defaults)


def _enclosing(frame: Frame) -> Frame:
    """Where a function defined in `frame` looks names up: not among those of a class."""
    current: Frame | None = frame
    while current is not None and current.is_class:
        current = current.parent
    return current or Frame(frame.module, frame.module.names)


def _named(machine: Machine, node: ast.NamedExpr, frame: Frame) -> Any:
    value = evaluate(machine, node.value, frame)
    scope = frame
    while scope.is_comprehension and scope.parent is not None:
        scope = scope.parent
    machine.assign(node.target, value, scope)
    return value


def _list_comprehension(machine: Machine, node: ast.ListComp, frame: Frame) -> Any:
    return comprehensions.items(machine, node, frame)


def _generator(machine: Machine, node: ast.GeneratorExp, frame: Frame) -> Any:
    first = evaluate(machine, node.generators[0].iter, frame)
    at = Site(node, frame)
    iteration.check_iterable(machine, first, at)
    return LazyItems(lambda: comprehensions.items(machine, node, frame, first), at, (first,), runs_code=True)


def _set_comprehension(machine: Machine, node: ast.SetComp, frame: Frame) -> Any:
    items = comprehensions.items(machine, node, frame)
    return items if isinstance(items, Unknown) else operators.make_set(machine, items, Site(node, frame))


def _dict_comprehension(machine: Machine, node: ast.DictComp, frame: Frame) -> Any:
    pairs = comprehensions.items(machine, node, frame)
    if isinstance(pairs, Unknown):
        return pairs
    at = Site(node.key, frame)
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if cause := operators.unhashable(machine, key, at):
            return cause.holding(value for _, value in pairs)
        found[key] = machine.located(value, iteration.origin(key, value) or at)
    return machine.heap.disorder(found, pairs)


def _later(machine: Machine, node: ast.Yield | ast.YieldFrom | ast.Await, frame: Frame) -> Any:
    """`yield`, `await`: what is handed over is evaluated, what comes back is not known."""
    value = evaluate(machine, node.value, frame) if node.value is not None else None
    if frame.on_yield is not None and isinstance(node, ast.Yield):
        frame.on_yield(value)
        return None
    if frame.yielded is not None and not isinstance(node, ast.Await):
        return _yield(machine, node, value, frame.yielded, Site(node, frame))
    cause = machine.unknown(Site(node, frame), "is computed at run time")
    machine.expose([value], cause)
    return cause


def _yield(machine: Machine, node: ast.Yield | ast.YieldFrom, value: Any, yielded: list[Any], at: Site) -> Any:
    """A generator hands `value` over, and gets nothing back from those that only ask for the next."""
    items = iteration.items_of(machine, value, at) if isinstance(node, ast.YieldFrom) else [value]
    if isinstance(items, Unknown):
        machine.heap.doubt(yielded, items)
        return items
    machine.heap.touch(yielded)
    yielded.extend(items)
    if isinstance(node, ast.YieldFrom):
        return machine.unknown(at, "is what a generator returns")
    return None


_HANDLERS: dict[type[ast.expr], Callable[..., Any]] = {
    ast.Constant: _constant, ast.Name: _name, ast.List: _list, ast.Tuple: _tuple, ast.Set: _set, ast.Dict: _dict,
    ast.Attribute: _attribute, ast.Subscript: _subscript, ast.Slice: _slice, ast.Call: _call, ast.BinOp: _binary,
    ast.UnaryOp: _unary, ast.BoolOp: _bool, ast.IfExp: _conditional, ast.Compare: _compare,
    ast.JoinedStr: _joined_text, ast.FormattedValue: _formatted, ast.Lambda: _lambda, ast.NamedExpr: _named,
    ast.ListComp: _list_comprehension, ast.GeneratorExp: _generator, ast.SetComp: _set_comprehension,
    ast.DictComp: _dict_comprehension, ast.Yield: _later, ast.YieldFrom: _later, ast.Await: _later,
}  # fmt: skip
