"""The built-in exceptions, and what catches them."""

from __future__ import annotations

import ast
import builtins as python
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.values import Builtin, ClassValue, Frame, Instance, Namespace, Site, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def _classes() -> dict[str, ClassValue]:
    made: dict[type, ClassValue] = {}

    def make(kind: type) -> ClassValue:
        if kind not in made:
            bases = tuple(make(base) for base in kind.__bases__ if issubclass(base, BaseException))
            cls = ClassValue(kind.__name__, Namespace(), bases)
            cls.mro = (cls, *(made[base] for base in kind.__mro__[1:] if base in made))
            made[kind] = cls
        return made[kind]

    kinds = [kind for kind in vars(python).values() if isinstance(kind, type) and issubclass(kind, BaseException)]
    found = {kind.__name__: make(kind) for kind in kinds}
    found["BaseException"].names["__init__"] = Builtin("__init__", lambda _machine, _call: None)
    return found


EXCEPTIONS = _classes()

# What the modelled libraries raise, by the built-in class that catches it.
_DERIVED = {"JSONDecodeError": "ValueError", "TOMLDecodeError": "ValueError", "UnicodeDecodeError": "ValueError"}


def class_of(value: Any) -> ClassValue | None:
    """The class of what `raise` is given, None when that is not known."""
    if isinstance(value, Instance):
        return value.cls
    return value if isinstance(value, ClassValue) else None


def is_exception(cls: ClassValue) -> bool:
    """Whether `cls` is derived from BaseException."""
    return EXCEPTIONS["BaseException"] in cls.mro


def object_of(machine: Machine, raised: Raised, at: Site) -> Any:
    """What `except … as e` binds."""
    if isinstance(raised.value, Instance):
        return raised.value
    cls = raised.cls or EXCEPTIONS.get(raised.kind)
    if cls is None:
        return machine.unknown(at, "is an exception")
    known = isinstance(raised.value, tuple)
    arguments = raised.value if known else machine.unknown(at, "is an exception of Python itself")
    return Instance(cls, Namespace({"args": arguments}))


def message(value: Instance) -> Any:
    """`str(value)` of an exception without a method of its own for it."""
    arguments = value.attributes.get("args")
    if isinstance(arguments, Unknown):
        return arguments.bare
    if not isinstance(arguments, tuple) or not all(isinstance(item, (str, int, float)) for item in arguments):
        return None
    if len(arguments) != 1:
        return str(arguments) if arguments else ""
    return repr(arguments[0]) if EXCEPTIONS["KeyError"] in value.cls.mro else str(arguments[0])


def text_of(value: Any) -> str:
    """What a raised exception says, for a message; empty when that is not known."""
    text = message(value) if isinstance(value, Instance) else None
    return str(text) if isinstance(text, str) else ""


def catches(machine: Machine, node: ast.expr | None, raised: Raised, frame: Frame) -> bool | None:
    """Whether `except node` catches what is raised; None when it cannot be told."""
    if node is None:
        return True
    kinds = machine.evaluate(node, frame)
    answers = [_catches(kind, raised) for kind in (kinds if isinstance(kinds, tuple) else (kinds,))]
    return True if True in answers else (None if None in answers else False)


def _catches(kind: Any, raised: Raised) -> bool | None:
    cls = raised.cls or EXCEPTIONS.get(raised.kind) or EXCEPTIONS.get(_DERIVED.get(raised.kind, "Exception"))
    if isinstance(kind, ClassValue) and cls is not None:
        if kind in cls.mro:
            return True
        known = cls.unread is None and (raised.cls is not None or raised.kind in EXCEPTIONS)
        return False if known else None
    if isinstance(kind, Unknown) and (kind.external or "").endswith(raised.kind):
        return True
    return None
