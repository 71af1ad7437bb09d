"""`functools`, `itertools`, `collections`, `copy`, `dataclasses`, `enum` and the like."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import conversions, iteration, operators
from mfenvd.flows.static.data import Record
from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.registering import registering
from mfenvd.flows.static.values import (
    BoundMethod,
    Builtin,
    Call,
    ClassValue,
    Function,
    Instance,
    Library,
    Namespace,
    Partial,
    Property,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

TABLE: dict[str, Any] = {"typing.TYPE_CHECKING": False, "typing_extensions.TYPE_CHECKING": False}

_function = registering(TABLE)


# -- functions about functions


@_function("functools.partial")
def _partial(_machine: Machine, call: Call) -> Any:
    return Partial(call.arguments[0], tuple(call.arguments[1:]), dict(call.keywords))


@_function("functools.wraps")
def _wraps(_machine: Machine, call: Call) -> Any:
    return Partial(Builtin("functools.update_wrapper", _update_wrapper), (), {"wrapped": call.first("wrapped")})


@_function("functools.update_wrapper")
def _update_wrapper(machine: Machine, call: Call) -> Any:
    wrapper = call.arguments[0]
    wrapped = call.keywords.get("wrapped", call.arguments[1] if len(call.arguments) > 1 else None)
    if isinstance(wrapper, Function) and isinstance(wrapped, Function):
        machine.heap.touch(wrapper.attributes)
        wrapper.attributes.update(wrapped.attributes)
        wrapper.attributes["__wrapped__"] = wrapped
        wrapper.name = wrapped.name
    return wrapper


@_function("functools.cache", "functools.lru_cache")
def _cache(machine: Machine, call: Call) -> Any:
    function = call.arguments[0] if call.arguments else None
    if not isinstance(function, Function):
        return Builtin("functools.lru_cache", _cache)
    machine.heap.touch(function.attributes)
    function.attributes["lru_cache"] = {}
    return function


@_function("functools.cached_property")
def _cached_property(_machine: Machine, call: Call) -> Any:
    return Property(call.arguments[0], cached=True)


@_function("typing.overload", "typing.final", "typing.no_type_check")
def _same(_machine: Machine, call: Call) -> Any:
    if call.arguments and isinstance(call.arguments[0], (Function, BoundMethod, ClassValue)):
        return call.arguments[0]
    return Builtin("typing.final", _same)


@_function("functools.reduce")
def _reduce(machine: Machine, call: Call) -> Any:
    items = iteration.items_of(machine, call.arguments[1], call.at)
    if isinstance(items, Unknown):
        return items
    values = [*call.arguments[2:3], *items]
    if not values:
        raise Raised("TypeError", call.at, "reduce() of an empty sequence")
    total = values[0]
    for value in values[1:]:
        total = machine.call(call.arguments[0], Call([total, value], {}, call.at))
    return total


@_function("itertools.chain")
def _chain(machine: Machine, call: Call) -> Any:
    found: list[Any] = []
    for argument in call.arguments:
        items = iteration.items_of(machine, argument, call.at)
        if isinstance(items, Unknown):
            return items
        found.extend(items)
    return found


# -- containers


@_function("copy.copy")
def _copy(machine: Machine, call: Call) -> Any:
    return _copied(machine, call.arguments[0], call, deep=False)


@_function("copy.deepcopy")
def _deepcopy(machine: Machine, call: Call) -> Any:
    return _copied(machine, call.arguments[0], call, deep=True)


def _copied(machine: Machine, value: Any, call: Call, *, deep: bool) -> Any:
    known = machine.readable(value)
    if isinstance(known, Instance):
        return machine.unknown(call.at, "copies an object")

    def inner(item: Any) -> Any:
        return _copied(machine, item, call, deep=True) if deep else item

    if isinstance(known, dict):
        copied = operators.same_kind(known, {key: inner(item) for key, item in known.items()})
        return machine.heap.disorder(copied, known)
    if isinstance(known, (list, tuple)) and not isinstance(known, Record):
        return type(known)(inner(item) for item in known)
    return set(known) if isinstance(known, set) else known


@_function("types.MappingProxyType")
def _mapping_proxy(machine: Machine, call: Call) -> Any:
    """A view: it shows what the dict holds whenever it is looked at."""
    known = machine.readable(call.arguments[0])
    return known if isinstance(known, (dict, Unknown)) else machine.unknown(call.at, "shows a mapping")


@_function("collections.OrderedDict")
def _ordered_dict(machine: Machine, call: Call) -> Any:
    return conversions.make_dict(machine, call)


@_function("collections.defaultdict")
def _defaultdict(machine: Machine, call: Call) -> Any:
    content = conversions.make_dict(machine, Call(call.arguments[1:], call.keywords, call.at))
    factory = call.arguments[0] if call.arguments else None
    return content if isinstance(content, Unknown) else operators.DefaultDict(factory, content)


@_function("types.SimpleNamespace")
def _simple_namespace(_machine: Machine, call: Call) -> Any:
    cls = ClassValue("SimpleNamespace", Namespace())
    cls.mro = (cls,)
    return Instance(cls, Namespace(call.keywords))


@_function("textwrap.dedent")
def _dedent(machine: Machine, call: Call) -> Any:
    return operators.guarded(machine, lambda: textwrap.dedent(call.arguments[0]), call.values, call.at)


@_function("typing.cast")
def _cast(_machine: Machine, call: Call) -> Any:
    return call.arguments[1]


@_function("typing.TypeVar", "typing.NewType", "typing.ParamSpec")
def _type_variable(_machine: Machine, _call: Call) -> Any:
    return Library("typing.TypeVar")
