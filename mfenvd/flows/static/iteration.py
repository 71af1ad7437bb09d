"""What can be gone through, and in which order."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static.outcomes import LARGEST_VALUE, Raised
from mfenvd.flows.static.values import (
    ClassValue,
    DictView,
    FileText,
    Instance,
    LazyItems,
    LocatedText,
    OpenFile,
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
    if isinstance(value, ClassValue) and "members" in value.attributes:
        return list(value.attributes["members"].values())
    if isinstance(value, (int, float, bool, type(None), PurePath)):
        raise Raised("TypeError", at, f"'{type(value).__name__}' object is not iterable")
    if isinstance(value, (Instance, ClassValue)):
        return machine.unknown(at, "is an iterator of its own making")
    return machine.unknown(at, "cannot be gone through without running it")


def consume(machine: Machine, lazy: LazyItems) -> Any:
    """What is left of an iterator, which has nothing left afterwards."""
    items = pending(machine, lazy)
    if not isinstance(items, Unknown):
        machine.heap.touch(lazy.state)
        lazy.state["items"] = []
    return items


def pending(machine: Machine, lazy: LazyItems) -> Any:
    """What is left of an iterator, which keeps it."""
    if "items" not in lazy.state:
        computed = lazy.compute()
        machine.heap.touch(lazy.state)
        lazy.state["items"] = computed
    return lazy.state["items"]


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
