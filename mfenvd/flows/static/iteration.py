"""What can be gone through, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import protocols
from mfenvd.flows.static.contents import walk
from mfenvd.flows.static.data import DictView, FileText, LazyItems, LocatedText, OpenFile
from mfenvd.flows.static.outcomes import LARGEST_VALUE, Raised
from mfenvd.flows.static.values import (
    MISSING,
    BoundMethod,
    Builtin,
    ClassValue,
    Function,
    Instance,
    Module,
    Site,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.domain.finding import Location
    from mfenvd.flows.static.machine import Machine


def items_of(machine: Machine, value: Any, at: Site, *, ordered: bool = True) -> Any:
    """The items of an iterable as a new list, or an Unknown. Iterators are consumed.

    Args:
        machine: The reading.
        value: The iterable.
        at: Where it is gone through.
        ordered: Whether the order matters: then a set of several items is unknown, as Python's order of it is.

    Raises:
        Raised: TypeError, when it is not iterable.
    """
    value = machine.readable(value)
    if isinstance(value, Unknown):
        return value
    if isinstance(value, LazyItems):
        return consume(machine, value)
    if isinstance(value, DictView):
        keys = _plain_items(machine, machine.readable(value.subject), at, ordered=ordered)
        return keys if isinstance(keys, Unknown) else value.items()
    if isinstance(value, OpenFile):
        text = read_all(machine, value)
        return text if isinstance(text, Unknown) else _lines(text)
    return _plain_items(machine, value, at, ordered=ordered)


def _plain_items(machine: Machine, value: Any, at: Site, *, ordered: bool) -> Any:
    if machine.heap.disordered(value):
        if ordered:
            return machine.unknown(at, "depends on the order of a set or folder")
        return sorted(value, key=lambda item: (str(type(item)), str(item)))
    if isinstance(value, (list, tuple, dict, set, frozenset, range, str, bytes)):
        return list(value) if len(value) <= LARGEST_VALUE else machine.unknown(at, "is too large")
    check_iterable(machine, value, at)
    found: Any = MISSING
    if isinstance(value, Instance):
        found = protocols.items(machine, value, at)
    elif isinstance(value, ClassValue) and "members" in value.attributes:
        found = list(value.attributes["members"].values())
    return machine.unknown(at, "cannot be gone through without running it") if found is MISSING else found


def consume(machine: Machine, lazy: LazyItems, *, at_once: bool = True) -> Any:
    """What is left of an iterator, which has nothing left afterwards; not `at_once`: see `one_by_one`."""
    items = pending(machine, lazy) if at_once else one_by_one(machine, lazy)
    if not isinstance(items, Unknown):
        machine.heap.touch(lazy.state)
        lazy.state["items"] = []
    return items


def pending(machine: Machine, lazy: LazyItems) -> Any:
    """What is left of an iterator, which keeps it; unknown when what it goes through changed meanwhile."""
    if "items" not in lazy.state:
        before = [(source.state, dict(source.state)) for source in _iterators(lazy)]
        computed = lazy.compute()
        machine.heap.touch(lazy.state)
        lazy.state.update({"items": computed, "all": computed, "before": before})
    elif lazy.state["items"] and not unchanged(machine, lazy):
        machine.heap.touch(lazy.state)
        lazy.state["items"] = machine.unknown(lazy.at, "goes through something that changes meanwhile")
    return lazy.state["items"]


def leave_unknown(machine: Machine, lazy: LazyItems, items: Sequence[Any], at: Site) -> None:
    """`lazy` had `items` left, and some of them are taken at `at`."""
    machine.heap.touch(lazy.state)
    lazy.state["items"] = Unknown(at, "is an iterator that was gone through in part").holding(items)


def _iterators(lazy: LazyItems) -> Iterator[LazyItems]:
    """The iterators that `lazy` goes through."""
    for source in lazy.sources:
        if isinstance(source, LazyItems):
            yield source
            yield from _iterators(source)


def unchanged(machine: Machine, lazy: LazyItems) -> bool:
    """Whether `lazy` would have the same items if it were gone through only now."""
    if "all" not in lazy.state or isinstance(lazy.state["all"], Unknown):
        return True

    def again() -> Any:
        for state, before in lazy.state["before"]:
            machine.heap.touch(state)
            state.clear()
            state.update(before)
        return lazy.compute()

    now, _ = machine.trial(again)
    return isinstance(now, list) and same_items(now, lazy.state["all"])


def same_items(now: Sequence[Any], before: Sequence[Any]) -> bool:
    """Whether two sequences hold the same objects, or pairs of them, as `dict.items()` makes anew each time."""
    return len(now) == len(before) and all(map(_alike, now, before))


def _alike(now: Any, before: Any) -> bool:
    if now is before:
        return True
    if type(now) is not type(before):
        return False
    if isinstance(now, (tuple, list)):
        return same_items(now, before)
    if isinstance(now, dict):
        return same_items(list(now), list(before)) and same_items(list(now.values()), list(before.values()))
    return isinstance(now, (str, int, float, bytes)) and bool(now == before)


def one_by_one(machine: Machine, lazy: LazyItems) -> Any:
    """What is left of an iterator whose items are asked for one after the other, with other code in between."""
    if not lazy.runs_code or "items" in lazy.state:
        return pending(machine, lazy)
    reachable = set(map(id, walk(machine.roots(lazy.at.frame))))
    items, tried = machine.trial(lambda: pending(machine, lazy))
    if isinstance(items, Raised):
        raise items
    changed = [container for key, (container, _) in tried.before.items() if key in reachable]
    if not changed:
        machine.heap.redo(tried)
        return items
    cause = machine.unknown(lazy.at, "changes something whenever it is asked for an item")
    machine.partly([tried], cause)
    machine.heap.touch(lazy.state)
    lazy.state["items"] = cause.holding(items if isinstance(items, list) else [items])
    return lazy.state["items"]


_NOT_ITERABLE = (int, float, complex, type(None), PurePath, Function, BoundMethod, Builtin, Module)


def check_iterable(machine: Machine, value: Any, at: Site) -> None:
    """What `iter(value)` raises, which is before anything is gone through.

    Raises:
        Raised: TypeError, when it is not iterable.
    """
    if isinstance(value, _NOT_ITERABLE):
        raise Raised("TypeError", at, f"'{type(value).__name__}' object is not iterable")
    if isinstance(value, (Unknown, Instance, ClassValue)):
        machine.risks += 1


def read_all(machine: Machine, file: OpenFile) -> Any:
    """What is left of an open file."""
    machine.heap.touch(file.state)
    already = file.state.get("read")
    file.state["read"] = True
    if isinstance(already, Unknown):
        return already
    if already:
        return b"" if isinstance(file.content, bytes) else ""
    return file.content


def _lines(text: Any) -> list[Any]:
    lines = text.splitlines(keepends=True)
    return [FileText.of(line, text.path) for line in lines] if isinstance(text, FileText) else lines


def origin(*values: Any) -> Location | None:
    """Where the first of `values` that knows it was given."""
    return next((value.location for value in values if isinstance(value, LocatedText)), None)
