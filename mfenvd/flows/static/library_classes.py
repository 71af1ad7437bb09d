"""`contextlib`, `dataclasses`, `enum` and named tuples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import calls, classes, contexts, conversions, operators
from mfenvd.flows.static.data import Record
from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.registering import registering
from mfenvd.flows.static.values import (
    Builtin,
    Call,
    ClassMethod,
    ClassValue,
    Frame,
    Function,
    Instance,
    Namespace,
    Property,
    Site,
    StaticMethod,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

TABLE: dict[str, Any] = {}

_function = registering(TABLE)


# -- context managers


@_function("contextlib.suppress")
def _suppress(_machine: Machine, call: Call) -> Any:
    return contexts.Suppress(call.arguments)


@_function("contextlib.contextmanager")
def _context_manager(machine: Machine, call: Call) -> Any:
    function = call.arguments[0]
    if not isinstance(function, Function):
        return machine.unknown(call.at, "makes a context manager of something that is not followed")

    def enter(machine: Machine, inner: Call) -> Any:
        names = calls.bind(machine, function, inner)
        if isinstance(names, Unknown):
            machine.expose(inner.values, names)
            return names
        return contexts.FromGenerator(function, Frame(function.frame.module, names, function.frame))

    return Builtin(function.name, enter)


# -- dataclasses


@_function("dataclasses.dataclass")
def _dataclass(machine: Machine, call: Call) -> Any:
    if not call.arguments:
        return Builtin("dataclasses.dataclass", _dataclass)
    cls = call.arguments[0]
    if isinstance(cls, ClassValue):
        machine.heap.touch(cls.attributes)
        cls.attributes["fields"] = classes.dataclass_fields(cls)
    return cls


@_function("dataclasses.field")
def _field(machine: Machine, call: Call) -> Any:
    if "default_factory" in call.keywords:
        return classes.FieldDefault(call.keywords["default_factory"])
    return call.keywords.get("default", machine.unknown(call.at, "has no default"))


@_function("dataclasses.asdict")
def _as_dict(machine: Machine, call: Call) -> Any:
    return _deep(machine, call.arguments[0], call.at)


def _deep(machine: Machine, value: Any, at: Site) -> Any:
    """`value` with every dataclass in it made a dict."""
    known = machine.readable(value)
    if isinstance(known, Instance) and "fields" in known.cls.attributes:
        fields = known.cls.attributes["fields"]
        return {name: _deep(machine, machine.find_attribute(known, name, at), at) for name in fields}
    if isinstance(known, dict):
        return operators.same_kind(known, {key: _deep(machine, item, at) for key, item in known.items()})
    if type(known) in {list, tuple}:
        return type(known)(_deep(machine, item, at) for item in known)
    return machine.unknown(at, "copies an object") if isinstance(known, (Instance, Record)) else known


@_function("dataclasses.replace")
def _replaced(machine: Machine, call: Call) -> Any:
    subject = machine.readable(call.arguments[0])
    if not isinstance(subject, Instance) or "fields" not in subject.cls.attributes or "**" in call.keywords:
        return machine.unknown(call.at, "copies an object")
    fields = {name: subject.attributes.get(name) for name in subject.cls.attributes["fields"]}
    return machine.call(subject.cls, Call([], {**fields, **call.keywords}, call.at))


# -- enumerations


_NO_MEMBERS = (Function, ClassMethod, StaticMethod, Property)


def _make_members(_machine: Machine, call: Call) -> None:
    """Makes the members of a new enumeration."""
    cls = call.arguments[0]
    cls.attributes["members"] = {
        name: Instance(cls, Namespace({"value": value, "name": name}))
        for name, value in cls.names.items()
        if not name.startswith("_") and not isinstance(value, (*_NO_MEMBERS, Builtin))
    }
    if len(cls.node.bases) > 1 or any(base.name != "Enum" for base in cls.bases):
        cls.attributes["mixed"] = True  # members are equal to their values


def _find_member(machine: Machine, call: Call) -> Any:
    cls, inner = call.arguments
    for member in cls.attributes.get("members", {}).values():
        if machine.same(member.attributes["value"], inner.first("value")):
            return member
    return machine.unknown(call.at, "looks up a member of an enumeration")


def _enumeration(name: str) -> ClassValue:
    names = {
        classes.SUBCLASS: Builtin(classes.SUBCLASS, _make_members), classes.NEW: Builtin(classes.NEW, _find_member)
    }  # fmt: skip
    cls = ClassValue(name, Namespace(names))
    cls.mro = (cls,)
    return cls


TABLE.update({f"enum.{name}": _enumeration(name) for name in ("Enum", "StrEnum", "IntEnum")})


@_function("enum.unique")
def _unique(_machine: Machine, call: Call) -> Any:
    return call.arguments[0]


# -- named tuples


@_function("collections.namedtuple")
def _named_tuple(machine: Machine, call: Call) -> Any:
    arguments = {**dict(zip(("typename", "field_names"), call.arguments, strict=False)), **call.keywords}
    name, fields = arguments.pop("typename", None), arguments.pop("field_names", None)
    defaults = arguments.pop("defaults", ())
    if isinstance(fields, str):
        fields = fields.replace(",", " ").split()
    known = isinstance(name, str) and isinstance(fields, (list, tuple)) and isinstance(defaults, (list, tuple))
    if not known or arguments or machine.plain([fields], call.at):
        return machine.unknown(call.at, "makes a class")
    cls = ClassValue(str(name), Namespace({classes.NEW: Builtin(classes.NEW, _make_record)}))
    cls.mro = (cls,)
    names = [str(field) for field in fields]
    cls.attributes["record"] = names
    cls.names.update(zip(names[len(names) - len(defaults) :], defaults, strict=False))
    return cls


def _describe_record(_machine: Machine, call: Call) -> None:
    cls = call.arguments[0]
    cls.attributes["record"] = classes.dataclass_fields(cls)


def _make_record(machine: Machine, call: Call) -> Any:
    cls, inner = call.arguments
    fields: list[str] = cls.attributes.get("record", [])
    if "**" in inner.keywords or cls.unread is not None:
        return machine.unknown(inner.at, "makes a named tuple")
    given = {**dict(zip(fields, inner.arguments, strict=False)), **inner.keywords}
    if len(inner.arguments) > len(fields) or set(given) - set(fields):
        raise Raised("TypeError", inner.at, f"{cls.name}() got an unexpected argument")
    for name in fields:
        if name not in given:
            if name not in cls.names:
                raise Raised("TypeError", inner.at, f"{cls.name}() misses the argument '{name}'")
            given[name] = cls.names[name]
    return Record.of(cls.name, fields, [machine.located(given[name], inner.at) for name in fields], cls)


_RECORD = ClassValue(
    "NamedTuple",
    Namespace({
        classes.SUBCLASS: Builtin(classes.SUBCLASS, _describe_record), classes.NEW: Builtin(classes.NEW, _make_record)
    }),
)  # fmt: skip
_RECORD.mro = (_RECORD,)


def _make_typed_dict(machine: Machine, call: Call) -> Any:
    return conversions.make_dict(machine, call.arguments[1])


_TYPED_DICT = ClassValue("TypedDict", Namespace({classes.NEW: Builtin(classes.NEW, _make_typed_dict)}))
_TYPED_DICT.mro = (_TYPED_DICT,)
TABLE["typing.TypedDict"] = _TYPED_DICT
TABLE["typing.NamedTuple"] = _RECORD
