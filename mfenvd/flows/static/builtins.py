"""Python's built-in functions and classes."""

from __future__ import annotations

import ast
import builtins as python
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import attributes, iteration, natives, operators
from mfenvd.flows.static.machine import Raised
from mfenvd.flows.static.values import (
    MISSING,
    BoundMethod,
    Builtin,
    Call,
    ClassMethod,
    ClassValue,
    DictView,
    Frame,
    Function,
    Instance,
    LazyItems,
    Module,
    Namespace,
    Partial,
    Property,
    StaticMethod,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

BUILTINS: dict[str, Any] = {}


def builtin(*names: str) -> Callable[[Callable[[Machine, Call], Any]], Callable[[Machine, Call], Any]]:
    """Registers what `names` do when they are called."""

    def register(implementation: Callable[[Machine, Call], Any]) -> Callable[[Machine, Call], Any]:
        for name in names:
            BUILTINS[name] = Builtin(name, implementation)
        return implementation

    return register


def _pure(name: str) -> None:
    """A function of plain values, applied as it is."""
    function = getattr(python, name)

    def implementation(machine: Machine, call: Call) -> Any:
        values = [*call.arguments, *call.keywords.values()]
        return operators.guarded(
            machine, lambda: function(*call.arguments, **call.keywords), values, call.node, call.frame
        )

    BUILTINS[name] = Builtin(name, implementation)


for _name in ("abs", "bin", "chr", "divmod", "float", "hex", "int", "oct", "ord", "repr", "round", "ascii", "complex"):
    _pure(_name)


def _items(machine: Machine, call: Call, position: int = 0, *, ordered: bool = True) -> Any:
    return iteration.items_of(machine, call.arguments[position], call.node, call.frame, ordered=ordered)


@builtin("str")
def _str(machine: Machine, call: Call) -> Any:
    if not call.arguments:
        return ""
    value = call.arguments[0]
    if isinstance(value, (set, frozenset)) and len(value) > 1:
        return machine.unknown(call.node, call.frame, "depends on the order of a set")
    if isinstance(value, Instance):
        special = value.cls.find("__str__")
        if special is not MISSING:
            return machine.call(BoundMethod(special, value), Call([], {}, call.node, call.frame))
    return operators.guarded(
        machine, lambda: str(*call.arguments, **call.keywords), call.arguments, call.node, call.frame
    )


@builtin("bool")
def _bool(machine: Machine, call: Call) -> Any:
    if not call.arguments:
        return False
    answer = machine.truth(call.arguments[0])
    if answer is None:
        return machine.first_unknown(call.arguments[0]) or machine.unknown(call.node, call.frame, "cannot be decided")
    return answer


@builtin("bytes", "bytearray")
def _bytes(machine: Machine, call: Call) -> Any:
    if any(isinstance(argument, int) for argument in call.arguments):
        return machine.unknown(call.node, call.frame, "makes a buffer")
    return operators.guarded(machine, lambda: bytes(*call.arguments), call.arguments, call.node, call.frame)


@builtin("len")
def _len(machine: Machine, call: Call) -> Any:
    value = call.arguments[0]
    if isinstance(value, DictView):
        value = value.subject
    known = machine.readable(value)
    if isinstance(known, Unknown):
        return known
    if isinstance(known, (str, bytes, list, tuple, dict, set, frozenset, range)):
        return len(known)
    return machine.unknown(call.node, call.frame, "has a length that is not known")


@builtin("list")
def _list(machine: Machine, call: Call) -> Any:
    items = _items(machine, call) if call.arguments else []
    return items


def _as_tuple(machine: Machine, call: Call) -> Any:
    items = _items(machine, call) if call.arguments else []
    return items if isinstance(items, Unknown) else tuple(items)


BUILTINS["tuple"] = Builtin("tuple", _as_tuple)


@builtin("set")
def _set(machine: Machine, call: Call) -> Any:
    items = _items(machine, call, ordered=False) if call.arguments else []
    return items if isinstance(items, Unknown) else operators.make_set(machine, items, call.node, call.frame)


def _frozenset(machine: Machine, call: Call) -> Any:
    found = _set(machine, call)
    return found if isinstance(found, Unknown) else frozenset(found)


BUILTINS["frozenset"] = Builtin("frozenset", _frozenset)


def make_dict(machine: Machine, call: Call) -> Any:
    """`dict(...)`: a new dict, or an Unknown."""
    if isinstance(spread := call.keywords.get("**"), Unknown):
        return spread
    found: dict[Any, Any] = {}
    if call.arguments:
        value = call.arguments[0]
        known = machine.readable(value)
        if isinstance(known, Unknown):
            return known
        if isinstance(known, dict):
            found.update(known)
        else:
            pairs = iteration.items_of(machine, known, call.node, call.frame, ordered=True)
            if isinstance(pairs, Unknown):
                return pairs
            for pair in pairs:
                entry = iteration.items_of(machine, pair, call.node, call.frame, ordered=True)
                if isinstance(entry, Unknown):
                    return entry
                if len(entry) != 2:
                    raise Raised("ValueError", call.node, "a dict needs pairs", call.frame.source)
                if cause := operators.unhashable(machine, entry[0], call.node, call.frame):
                    return cause
                found[entry[0]] = entry[1]
    found.update(call.keywords)
    return found


BUILTINS["dict"] = Builtin("dict", make_dict)


def from_keys(machine: Machine, call: Call) -> Any:
    """`dict.fromkeys(...)`."""
    items = _items(machine, call, ordered=False)
    if isinstance(items, Unknown):
        return items
    for item in items:
        if cause := operators.unhashable(machine, item, call.node, call.frame):
            return cause
    value = call.arguments[1] if len(call.arguments) > 1 else None
    place = call.frame.source.location(call.node)
    return {item: machine.located(value, getattr(item, "location", None) or place) for item in items}


def _lazily(function: Callable[[Machine, Call], Any]) -> Callable[[Machine, Call], Any]:
    return lambda machine, call: LazyItems(lambda: function(machine, call))


def _zip(machine: Machine, call: Call) -> Any:
    columns = [_items(machine, call, position) for position in range(len(call.arguments))]
    for column in columns:
        if isinstance(column, Unknown):
            return column
    return list(zip(*columns, strict=False))


def _enumerate(machine: Machine, call: Call) -> Any:
    items = _items(machine, call)
    start = call.arguments[1] if len(call.arguments) > 1 else call.keywords.get("start", 0)
    if isinstance(items, Unknown) or isinstance(start, Unknown):
        return items if isinstance(items, Unknown) else start
    return list(enumerate(items, start))


def _map(machine: Machine, call: Call) -> Any:
    rows = _zip(machine, Call(call.arguments[1:], {}, call.node, call.frame))
    if isinstance(rows, Unknown):
        return rows
    return [machine.call(call.arguments[0], Call(list(row), {}, call.node, call.frame)) for row in rows]


def _filter(machine: Machine, call: Call) -> Any:
    items = _items(machine, call, 1)
    if isinstance(items, Unknown):
        return items
    function = call.arguments[0]
    kept = []
    for item in items:
        value = item if function is None else machine.call(function, Call([item], {}, call.node, call.frame))
        answer = machine.truth(value)
        if answer is None:
            return machine.first_unknown(value) or machine.unknown(call.node, call.frame, "cannot be decided")
        if answer:
            kept.append(item)
    return kept


def _reversed(machine: Machine, call: Call) -> Any:
    items = _items(machine, call)
    return items if isinstance(items, Unknown) else items[::-1]


for _name, _function in (
    ("zip", _zip), ("enumerate", _enumerate), ("map", _map), ("filter", _filter), ("reversed", _reversed),
    ("iter", lambda machine, call: _items(machine, call)),
):  # fmt: skip
    BUILTINS[_name] = Builtin(_name, _lazily(_function))


@builtin("next")
def _next(machine: Machine, call: Call) -> Any:
    lazy = call.arguments[0]
    default = call.arguments[1] if len(call.arguments) > 1 else MISSING
    if isinstance(lazy, Unknown):
        return lazy
    if not isinstance(lazy, LazyItems):
        return machine.unknown(call.node, call.frame, "steps through an iterator")
    return natives.advance(machine, lazy, default, call.node, call)


@builtin("sorted")
def _sorted(machine: Machine, call: Call) -> Any:
    items = _items(machine, call, ordered=False)
    return items if isinstance(items, Unknown) else natives.sort(machine, items, call)


@builtin("sum")
def _sum(machine: Machine, call: Call) -> Any:
    items = _items(machine, call)
    if isinstance(items, Unknown):
        return items
    start = call.arguments[1] if len(call.arguments) > 1 else call.keywords.get("start", 0)
    for item in items:
        start = operators.binary(machine, ast.Add, start, item, call.node, call.frame)
    return start


@builtin("any", "all")
def _any(machine: Machine, call: Call) -> Any:
    return _quantified(machine, call, decisive=True)


def _quantified(machine: Machine, call: Call, *, decisive: bool) -> Any:
    items = _items(machine, call, ordered=False)
    if isinstance(items, Unknown):
        return items
    doubt: Unknown | None = None
    for item in items:
        answer = machine.truth(item)
        if answer is decisive:
            return decisive
        if answer is None:
            doubt = machine.first_unknown(item) or machine.unknown(call.node, call.frame, "cannot be decided")
    return doubt if doubt is not None else not decisive


BUILTINS["all"] = Builtin("all", lambda machine, call: _quantified(machine, call, decisive=False))


@builtin("max")
def _max(machine: Machine, call: Call) -> Any:
    return _extreme(machine, call, reverse=True)


@builtin("min")
def _min(machine: Machine, call: Call) -> Any:
    return _extreme(machine, call, reverse=False)


def _extreme(machine: Machine, call: Call, *, reverse: bool) -> Any:
    items = list(call.arguments) if len(call.arguments) > 1 else _items(machine, call, ordered=False)
    if isinstance(items, Unknown):
        return items
    if not items:
        if "default" in call.keywords:
            return call.keywords["default"]
        raise Raised("ValueError", call.node, "the sequence is empty", call.frame.source)
    keywords = {"reverse": reverse, **({"key": call.keywords["key"]} if "key" in call.keywords else {})}
    ordered = natives.sort(machine, items, Call([], keywords, call.node, call.frame))
    return ordered if isinstance(ordered, Unknown) else ordered[0]


@builtin("range")
def _range(machine: Machine, call: Call) -> Any:
    return operators.guarded(machine, lambda: range(*call.arguments), call.arguments, call.node, call.frame)


@builtin("slice")
def _slice(machine: Machine, call: Call) -> Any:
    return operators.guarded(machine, lambda: slice(*call.arguments), call.arguments, call.node, call.frame)


@builtin("pow")
def _pow(machine: Machine, call: Call) -> Any:
    return operators.binary(machine, ast.Pow, *call.arguments[:2], call.node, call.frame)


@builtin("format")
def _format(machine: Machine, call: Call) -> Any:
    if len(call.arguments) > 1 and isinstance(call.arguments[1], str) and operators.wide(call.arguments[1]):
        return machine.unknown(call.node, call.frame, "is too large")
    return operators.guarded(machine, lambda: format(*call.arguments), call.arguments, call.node, call.frame)


@builtin("print")
def _print(_machine: Machine, _call: Call) -> None:
    return None


@builtin("callable")
def _callable(machine: Machine, call: Call) -> Any:
    value = call.arguments[0]
    if isinstance(value, (Unknown, Instance)):
        return value if isinstance(value, Unknown) else machine.unknown(call.node, call.frame, "cannot be decided")
    return isinstance(value, (Function, Builtin, ClassValue, BoundMethod, Partial))


@builtin("getattr")
def _getattr(machine: Machine, call: Call) -> Any:
    subject, name = call.arguments[:2]
    if not isinstance(name, str):
        return machine.first_unknown(name) or machine.unknown(call.node, call.frame, "asks for no name")
    found = attributes.find(machine, subject, name, call.node, call.frame)
    if found is MISSING:
        if len(call.arguments) > 2:
            return call.arguments[2]
        raise Raised("AttributeError", call.node, f"no attribute '{name}'", call.frame.source)
    return found


@builtin("hasattr")
def _hasattr(machine: Machine, call: Call) -> Any:
    subject, name = call.arguments[:2]
    if isinstance(subject, Unknown) or not isinstance(name, str):
        return machine.first_unknown([subject, name]) or machine.unknown(call.node, call.frame, "cannot be decided")
    found = attributes.find(machine, subject, name, call.node, call.frame)
    return found if isinstance(found, Unknown) else found is not MISSING


@builtin("setattr")
def _setattr(machine: Machine, call: Call) -> None:
    from mfenvd.flows.static.statements import set_attribute

    subject, name, value = call.arguments
    if isinstance(name, str):
        set_attribute(machine, subject, name, value, call.node, call.frame)
        return
    cause = machine.first_unknown(name) or machine.unknown(call.node, call.frame, "sets an unknown name")
    machine.expose([subject], cause)
    if isinstance(subject, (Module, ClassValue, Function)):
        names = subject.attributes if isinstance(subject, Function) else subject.names
        machine.heap.touch(names)
        names.update(dict.fromkeys(names, cause))


@builtin("isinstance")
def _isinstance(machine: Machine, call: Call) -> Any:
    value, kinds = call.arguments[:2]
    if isinstance(value, Unknown):
        return value
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    for kind in kinds:
        answer = _is_a(value, kind)
        if answer is None:
            return machine.unknown(call.node, call.frame, "asks for a type that is not known")
        if answer:
            return True
    return False


_TYPES: dict[str, Any] = {
    "str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict, "tuple": tuple, "set": set,
    "bytes": bytes, "frozenset": frozenset, "complex": complex,
}  # fmt: skip


def _is_a(value: Any, kind: Any) -> bool | None:
    if isinstance(kind, Builtin) and kind.name in _TYPES:
        if isinstance(value, (Instance, ClassValue)):
            return None if isinstance(value, Instance) and value.cls.unread else False
        return isinstance(value, _TYPES[kind.name])
    if isinstance(kind, ClassValue):
        if isinstance(value, Instance):
            return kind in value.cls.mro or (None if value.cls.unread else False)
        return None if isinstance(value, Unknown) else False
    return None


@builtin("issubclass")
def _issubclass(machine: Machine, call: Call) -> Any:
    cls, kind = call.arguments[:2]
    if isinstance(cls, ClassValue) and isinstance(kind, ClassValue) and cls.unread is None:
        return kind in cls.mro
    return machine.unknown(call.node, call.frame, "asks for a type that is not known")


@builtin("type")
def _type(machine: Machine, call: Call) -> Any:
    value = call.arguments[0]
    if len(call.arguments) == 1:
        if isinstance(value, Instance):
            return value.cls
        for name, kind in _TYPES.items():
            if type(value) is kind or (kind is str and isinstance(value, str)):
                return BUILTINS[name]
    return machine.first_unknown(call.arguments) or machine.unknown(
        call.node, call.frame, "makes or asks for a type at run time"
    )


@builtin("staticmethod")
def _staticmethod(_machine: Machine, call: Call) -> Any:
    return StaticMethod(call.arguments[0])


@builtin("classmethod")
def _classmethod(_machine: Machine, call: Call) -> Any:
    return ClassMethod(call.arguments[0])


@builtin("property")
def _property(_machine: Machine, call: Call) -> Any:
    return Property(call.arguments[0])


@builtin("globals", "vars", "locals")
def _globals(machine: Machine, call: Call) -> Any:
    if call.arguments:
        return machine.unknown(call.node, call.frame, "shows the inside of an object")
    return call.frame.module.names


def _locals(_machine: Machine, call: Call) -> Any:
    return call.frame.names if call.frame.names is call.frame.module.names else Namespace(call.frame.names)


BUILTINS["locals"] = Builtin("locals", _locals)


@builtin("exec", "eval", "compile", "__import__")
def _exec(machine: Machine, call: Call) -> Unknown:
    cause = machine.unknown(call.node, call.frame, "runs code that is made at run time")
    names = call.frame.module.names
    machine.heap.touch(names)
    machine.expose(list(names.values()), cause)
    names.update({name: cause for name, value in names.items() if not name.startswith("__")})
    call.frame.module.poison = cause
    return cause


@builtin("super")
def _super(machine: Machine, call: Call) -> Any:
    subject = call.arguments[1] if len(call.arguments) > 1 else next(iter(call.frame.names.values()), None)
    owner = _owner(call)
    cls = subject.cls if isinstance(subject, Instance) else subject
    if not isinstance(cls, ClassValue) or owner is None or owner not in cls.mro:
        return machine.unknown(call.node, call.frame, "asks for the base class")
    rest = cls.mro[cls.mro.index(owner) + 1 :]
    parent = ClassValue(owner.name, Namespace(), rest, rest, owner.source, owner.node, owner.unread)
    if "__init__" not in {name for base in rest for name in base.names}:
        parent.names["__init__"] = Builtin("__init__", lambda _machine, _call: None)
        parent.mro = (parent, *rest)
    if isinstance(subject, Instance):
        return Instance(parent, subject.attributes)
    return parent


def _owner(call: Call) -> ClassValue | None:
    if call.arguments:
        return call.arguments[0] if isinstance(call.arguments[0], ClassValue) else None
    frame: Frame | None = call.frame
    while frame is not None:
        if frame.function is not None and frame.function.owner is not None:
            return frame.function.owner
        frame = frame.parent
    return None


@builtin("open")
def _open(machine: Machine, call: Call) -> Any:
    from mfenvd.flows.static import files

    return files.open_file(machine, call)


@builtin("object")
def _object(machine: Machine, call: Call) -> Any:
    return machine.unknown(call.node, call.frame, "is an object of its own")


@builtin("input", "id", "hash", "dir", "memoryview", "breakpoint", "help", "delattr")
def _unknown(machine: Machine, call: Call) -> Any:
    cause = machine.unknown(call.node, call.frame, "is known only at run time")
    if isinstance(call.node, ast.Call) and isinstance(call.node.func, ast.Name) and call.node.func.id == "delattr":
        machine.expose(call.arguments, cause)
    return cause


# -- exceptions


def _exception_classes() -> None:
    made: dict[type, ClassValue] = {}

    def make(kind: type) -> ClassValue:
        if kind not in made:
            bases = tuple(make(base) for base in kind.__bases__ if issubclass(base, BaseException))
            names = Namespace({"__init__": Builtin(kind.__name__, lambda _machine, _call: None)} if not bases else {})
            cls = ClassValue(kind.__name__, names, bases)
            cls.mro = (cls, *(made[base] for base in kind.__mro__[1:] if base in made))
            made[kind] = cls
        return made[kind]

    for name in dir(python):
        kind = getattr(python, name)
        if isinstance(kind, type) and issubclass(kind, BaseException):
            BUILTINS[name] = make(kind)


_exception_classes()
_DERIVED = {"JSONDecodeError": "ValueError", "TOMLDecodeError": "ValueError", "YAMLError": "Exception"}


def exception_class(value: Any) -> ClassValue | None:
    """The class of what `raise` is given."""
    if isinstance(value, Instance):
        return value.cls
    return value if isinstance(value, ClassValue) else None


def catches(machine: Machine, node: ast.expr | None, raised: Raised, frame: Frame) -> bool | None:
    """Whether `except node` catches what is raised; None when it cannot be told."""
    if node is None:
        return True
    kinds = machine.evaluate(node, frame)
    raised_class = raised.cls or BUILTINS.get(_DERIVED.get(raised.kind, raised.kind))
    answers: list[bool | None] = []
    for kind in kinds if isinstance(kinds, tuple) else (kinds,):
        if isinstance(kind, ClassValue) and isinstance(raised_class, ClassValue):
            answers.append(kind in raised_class.mro or (None if raised_class.unread else False))
        elif isinstance(kind, Unknown) and (kind.external or "").endswith(raised.kind):
            answers.append(True)
        else:
            answers.append(None)
    return True if True in answers else (None if None in answers else False)


BUILTINS.update(
    {"True": True, "False": False, "None": None, "__debug__": True, "Ellipsis": ..., "NotImplemented": None}
)
