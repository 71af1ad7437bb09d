"""What a value holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mfenvd.flows.static.data import DictView
from mfenvd.flows.static.values import BoundMethod, Instance, Method, Partial, Unknown


def walk(value: Any) -> Iterator[Any]:
    """`value` and everything in it, each container once."""
    seen: set[int] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        yield item
        if isinstance(
            item, (dict, list, tuple, set, frozenset, Instance, BoundMethod, Method, Partial, DictView, Unknown)
        ):
            if id(item) in seen:
                continue
            seen.add(id(item))
            stack.extend(parts(item))


def parts(value: Any) -> Iterable[Any]:
    """What a container holds directly."""
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, Instance):
        return [value.attributes]
    if isinstance(value, (BoundMethod, Method, DictView)):
        return [value.subject]
    if isinstance(value, Partial):
        return [value.function, *value.arguments, *value.keywords.values()]
    if isinstance(value, Unknown):
        return [*value.options, *value.carried]
    return value if isinstance(value, (list, tuple, set, frozenset)) else ()
