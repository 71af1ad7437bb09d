"""What `dict(...)`, `dict.fromkeys(...)` and `next(...)` do, for those who need it besides the built-in names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import iteration, operators, protocols
from mfenvd.flows.static.contents import parts
from mfenvd.flows.static.data import LazyItems
from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.values import MISSING, Call, Instance, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def make_dict(machine: Machine, call: Call) -> Any:
    """`dict(...)`: a new dict, or an Unknown.

    Raises:
        Raised: As Python would.
    """
    spread = call.keywords.get("**")
    if isinstance(spread, Unknown):
        return spread
    found: Any = {}
    if call.arguments:
        known = machine.readable(call.arguments[0])
        if isinstance(known, Instance):
            found = protocols.mapping(machine, known, call.at)
            known = known if found is MISSING else found
        if isinstance(known, (dict, Unknown)):
            found = machine.heap.disorder(dict(known), known) if isinstance(known, dict) else known
        else:
            found = _from_pairs(machine, known, call)
    if isinstance(found, Unknown):
        return found.holding(call.values)
    found.update(call.keywords)
    return found


def _from_pairs(machine: Machine, value: Any, call: Call) -> Any:
    pairs = iteration.items_of(machine, value, call.at)
    if isinstance(pairs, Unknown):
        return pairs
    found: dict[Any, Any] = {}
    for pair in pairs:
        entry = iteration.items_of(machine, pair, call.at)
        if isinstance(entry, Unknown):
            return entry.holding([*found.values(), *pairs])
        if len(entry) != 2:
            raise Raised("ValueError", call.at, "a dict is made from pairs")
        if cause := operators.unhashable(machine, entry[0], call.at):
            return cause.holding([*found.values(), *(part for item in pairs for part in parts(item))])
        found[entry[0]] = entry[1]
    return found


def from_keys(machine: Machine, call: Call) -> Any:
    """`dict.fromkeys(...)`."""
    items = iteration.items_of(machine, call.arguments[0], call.at, ordered=False)
    if isinstance(items, Unknown):
        return items
    value = call.arguments[1] if len(call.arguments) > 1 else None
    found: dict[Any, Any] = {}
    for item in items:
        if cause := operators.unhashable(machine, item, call.at):
            return cause
        found[item] = machine.located(value, iteration.origin(item) or call.at)
    return machine.heap.disorder(found, call.arguments[0])


def advance(machine: Machine, lazy: LazyItems, default: Any, call: Call) -> Any:
    """`next(lazy, default)`.

    Raises:
        Raised: StopIteration.
    """
    items = iteration.one_by_one(machine, lazy)
    if isinstance(items, Unknown):
        return items
    if items:
        machine.heap.touch(lazy.state)
        lazy.state["items"] = items[1:]
        return items[0]
    if default is MISSING:
        raise Raised("StopIteration", call.at, "")
    return default
