"""Built-in functions that make, go through or compare iterables."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import conversions, iteration, natives, operators, protocols
from mfenvd.flows.static.data import DictView, LazyItems
from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.values import MISSING, Builtin, Call, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def _items(machine: Machine, call: Call, position: int = 0, *, ordered: bool = True) -> Any:
    return iteration.items_of(machine, call.arguments[position], call.at, ordered=ordered)


def _len(machine: Machine, call: Call) -> Any:
    value = call.arguments[0]
    known = machine.readable(value.subject if isinstance(value, DictView) else value)
    if isinstance(known, (str, bytes, list, tuple, dict, set, frozenset, range)):
        return len(known)
    found = protocols.call(machine, known, "__len__", [], call.at)
    if found is not MISSING:
        return found
    return known if isinstance(known, Unknown) else machine.unknown(call.at, "has a length that is not known")


def _list(machine: Machine, call: Call) -> Any:
    return _items(machine, call) if call.arguments else []


def _tuple(machine: Machine, call: Call) -> Any:
    items = _list(machine, call)
    return items if isinstance(items, Unknown) else tuple(items)


def _set(machine: Machine, call: Call) -> Any:
    items = _items(machine, call, ordered=False) if call.arguments else []
    return items if isinstance(items, Unknown) else operators.make_set(machine, items, call.at)


def _frozenset(machine: Machine, call: Call) -> Any:
    found = _set(machine, call)
    return found if isinstance(found, Unknown) else frozenset(found)


def _lazily(
    function: Callable[[Machine, Call], Any], start: int = 0, end: int | None = None, *, runs_code: bool = False
) -> Callable[[Machine, Call], Any]:
    """An iterator over the items of `function`, which goes through the arguments from `start` to `end`."""

    def implementation(machine: Machine, call: Call) -> Any:
        for argument in call.arguments[start:end]:
            iteration.check_iterable(machine, argument, call.at)
        return LazyItems(lambda: function(machine, call), call.at, tuple(call.arguments), runs_code)

    return implementation


def _zip(machine: Machine, call: Call) -> Any:
    iterators = [argument for argument in call.arguments if isinstance(argument, LazyItems)]
    if len({id(iterator) for iterator in iterators}) < len(iterators):
        cause = machine.unknown(call.at, "goes through one iterator from several sides")
        machine.expose(iterators, cause)
        return cause
    columns = [_items(machine, call, position) for position in range(len(call.arguments))]
    unknown = next((column for column in columns if isinstance(column, Unknown)), None)
    if unknown is not None:
        return unknown.holding(columns)
    if iterators and len({len(column) for column in columns}) > 1:
        machine.expose(iterators, machine.unknown(call.at, "leaves a part of an iterator"))
    return list(zip(*columns, strict=False))


def _enumerate(machine: Machine, call: Call) -> Any:
    items = _items(machine, call)
    start = call.arguments[1] if len(call.arguments) > 1 else call.keywords.get("start", 0)
    unknown = next((value for value in (items, start) if isinstance(value, Unknown)), None)
    return unknown.bare if unknown is not None else list(enumerate(items, start))


def _map(machine: Machine, call: Call) -> Any:
    rows = _zip(machine, Call(call.arguments[1:], {}, call.at))
    if isinstance(rows, Unknown):
        return machine.maybe_call(call.arguments[0], len(call.arguments) - 1, rows)
    return [machine.call(call.arguments[0], Call(list(row), {}, call.at)) for row in rows]


def _filter(machine: Machine, call: Call) -> Any:
    items = _items(machine, call, 1)
    function = call.arguments[0]
    if isinstance(items, Unknown):
        return items if function is None else machine.maybe_call(function, 1, items)
    kept = []
    for item in items:
        value = item if function is None else machine.call(function, Call([item], {}, call.at))
        answer = machine.truth(value)
        if answer is None:
            cause = machine.undecided(value, call.at).holding(items)
            return cause if function is None else machine.maybe_call(function, 1, cause)
        if answer:
            kept.append(item)
    return kept


def _reversed(machine: Machine, call: Call) -> Any:
    items = _items(machine, call)
    return items if isinstance(items, Unknown) else items[::-1]


def _make_reversed(machine: Machine, call: Call) -> Any:
    if isinstance(call.arguments[0], (set, frozenset, LazyItems)):
        raise Raised("TypeError", call.at, "cannot be reversed")
    return _lazily(_reversed)(machine, call)


def _make_iterator(machine: Machine, call: Call) -> Any:
    if len(call.arguments) > 1:
        cause = machine.unknown(call.at, "calls a function until it returns a certain value")
        machine.maybe_call(call.arguments[0], 0, cause)
        return cause
    return call.arguments[0] if isinstance(call.arguments[0], LazyItems) else _lazily(_items)(machine, call)


def _next(machine: Machine, call: Call) -> Any:
    lazy = call.arguments[0]
    if isinstance(lazy, LazyItems):
        return conversions.advance(machine, lazy, call.arguments[1] if len(call.arguments) > 1 else MISSING, call)
    return lazy.bare if isinstance(lazy, Unknown) else machine.unknown(call.at, "steps through an iterator")


def _keyed(machine: Machine, call: Call, items: Unknown) -> Unknown:
    """`sorted(items, key=…)` of unknown items: the key is called all the same."""
    key = call.keywords.get("key")
    if key is not None:
        machine.maybe_call(key, 1, items)
    return items


def _sorted(machine: Machine, call: Call) -> Any:
    items = _items(machine, call, ordered=False)
    if isinstance(items, Unknown):
        return _keyed(machine, call, items)
    return natives.sort(machine, items, call, ordered=not machine.heap.disordered(call.arguments[0]))


def _sum(machine: Machine, call: Call) -> Any:
    items = _items(machine, call)
    if isinstance(items, Unknown):
        return items
    total = call.arguments[1] if len(call.arguments) > 1 else call.keywords.get("start", 0)
    for item in items:
        total = operators.binary(machine, ast.Add, total, item, call.at)
    return total


def _quantified(decisive: bool) -> Callable[[Machine, Call], Any]:
    """`any`, for which True is decisive, or `all`, for which False is."""

    def implementation(machine: Machine, call: Call) -> Any:
        source = call.arguments[0]
        if isinstance(source, LazyItems):
            items = iteration.consume(machine, source, at_once=False)
        else:
            items = _items(machine, call, ordered=False)
        if isinstance(items, Unknown):
            return items
        if isinstance(source, LazyItems):
            iteration.leave_unknown(machine, source, items, call.at)
        answers = [machine.truth(item) for item in items]
        if decisive in answers:
            return decisive
        return machine.undecided(items, call.at) if None in answers else not decisive

    return implementation


def _extreme(reverse: bool) -> Callable[[Machine, Call], Any]:
    """`max`, or `min`."""

    def implementation(machine: Machine, call: Call) -> Any:
        several = len(call.arguments) > 1
        items = list(call.arguments) if several else _items(machine, call, ordered=False)
        if isinstance(items, Unknown):
            return _keyed(machine, call, items)
        if not items:
            if "default" in call.keywords:
                return call.keywords["default"]
            raise Raised("ValueError", call.at, "the sequence is empty")
        keywords = {name: value for name, value in call.keywords.items() if name == "key"}
        inner = Call([], {**keywords, "reverse": reverse}, call.at)
        ordered = several or not machine.heap.disordered(call.arguments[0])
        found = natives.sort(machine, items, inner, ordered=ordered)
        return found if isinstance(found, Unknown) else found[0]

    return implementation


_IMPLEMENTATIONS: dict[str, Callable[[Machine, Call], Any]] = {
    "len": _len, "list": _list, "tuple": _tuple, "set": _set, "frozenset": _frozenset, "zip": _lazily(_zip),
    "enumerate": _lazily(_enumerate, 0, 1), "map": _lazily(_map, 1, runs_code=True),
    "filter": _lazily(_filter, 1, runs_code=True), "reversed": _make_reversed, "iter": _make_iterator, "next": _next,
    "sorted": _sorted, "sum": _sum,
    "any": _quantified(decisive=True), "all": _quantified(decisive=False), "max": _extreme(reverse=True),
    "min": _extreme(reverse=False),
}  # fmt: skip

ITERABLES = {name: Builtin(name, implementation) for name, implementation in _IMPLEMENTATIONS.items()}
