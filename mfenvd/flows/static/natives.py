"""Methods of plain values."""

from __future__ import annotations

import ast
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import iteration, operators
from mfenvd.flows.static.machine import LARGEST_VALUE, Raised
from mfenvd.flows.static.values import MISSING, Call, DictView, FileText, LazyItems, Method, OpenFile, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

_STR = frozenset(
    "join split rsplit splitlines strip lstrip rstrip replace lower upper title capitalize casefold swapcase "
    "startswith endswith format count find rfind index rindex partition rpartition removeprefix removesuffix "
    "zfill ljust rjust center isdigit isdecimal isnumeric isalpha isalnum isidentifier isspace isupper islower "
    "encode translate format_map expandtabs".split()
)
_BYTES = frozenset("decode split strip lstrip rstrip startswith endswith replace splitlines lower upper".split())
_LIST = frozenset("append extend insert pop remove clear sort reverse copy index count".split())
_DICT = frozenset("get items keys values copy update pop setdefault popitem clear fromkeys".split())
_SET = frozenset(
    "add discard remove update union intersection difference symmetric_difference issubset issuperset isdisjoint "
    "copy clear".split()
)
_FROZENSET = frozenset("union intersection difference symmetric_difference issubset issuperset isdisjoint copy".split())
_PATH = frozenset(
    "joinpath with_name with_suffix with_stem as_posix relative_to is_absolute is_relative_to resolve absolute "
    "expanduser exists is_file is_dir read_text read_bytes open iterdir glob rglob match __str__ __fspath__".split()
)

METHODS: dict[type, frozenset[str]] = {
    str: _STR, bytes: _BYTES, list: _LIST, dict: _DICT, set: _SET, frozenset: _FROZENSET,
    tuple: frozenset({"index", "count"}), PurePath: _PATH,
    int: frozenset({"bit_length"}), float: frozenset({"is_integer"}),
}  # fmt: skip


def call_method(machine: Machine, method: Method, call: Call) -> Any:
    """`subject.name(...)` on a plain value.

    Raises:
        Raised: As Python would.
    """
    subject, name = method.subject, method.name
    if "**" in call.keywords:
        cause: Unknown = call.keywords["**"]
        machine.expose([subject], cause)
        return cause
    known = machine.readable(subject)
    if isinstance(known, Unknown):
        machine.expose([*call.arguments, *call.keywords.values()], known)
        return known
    if isinstance(subject, list):
        return _list(machine, subject, name, call)
    if isinstance(subject, dict):
        return _dict(machine, subject, name, call)
    if isinstance(subject, (set, frozenset)):
        return _set(machine, subject, name, call)
    if isinstance(subject, OpenFile):
        return _file(machine, subject, name, call)
    if isinstance(subject, PurePath):
        from mfenvd.flows.static import files

        return files.path_method(machine, subject, name, call)
    if isinstance(subject, (str, bytes)):
        return _text(machine, subject, name, call)
    return operators.guarded(
        machine, lambda: getattr(subject, name)(*call.arguments), [subject, call.arguments], call.node, call.frame
    )


def _text(machine: Machine, subject: Any, name: str, call: Call) -> Any:
    arguments = list(call.arguments)
    if name == "join":
        items = iteration.items_of(machine, call.first("iterable"), call.node, call.frame, ordered=True)
        if isinstance(items, Unknown):
            return items
        arguments = [items]
    for value in [*arguments, *call.keywords.values()]:
        if isinstance(value, Unknown):
            return value
    too_wide = name in {"zfill", "ljust", "rjust", "center", "expandtabs"} and any(
        isinstance(value, int) and value > LARGEST_VALUE for value in arguments
    )
    if name == "replace" and len(arguments) > 1 and isinstance(arguments[1], (str, bytes)):
        too_wide = (len(subject) + 1) * (len(arguments[1]) + 1) > 50 * LARGEST_VALUE
    if name in {"format", "format_map"}:
        too_wide = any(operators.wide(part) for part in _format_specifications(subject))
    if too_wide:
        return machine.unknown(call.node, call.frame, "is too large")
    result = operators.guarded(
        machine,
        lambda: getattr(subject, name)(*arguments, **call.keywords),
        [arguments, list(call.keywords.values())],
        call.node,
        call.frame,
    )
    return _keep_path(subject, result)


def _format_specifications(text: str) -> list[str]:
    return [part.partition(":")[2] for part in text.split("{")[1:] if ":" in part] + [
        part for part in text.split("{")[1:] if part.startswith((".", "0.")) or "[" in part
    ]


def _keep_path(subject: Any, result: Any) -> Any:
    """A piece of a file's text still is that file's."""
    if not isinstance(subject, FileText):
        return result
    if isinstance(result, str):
        return FileText.of(result, subject.path)
    if isinstance(result, list):
        return [FileText.of(item, subject.path) if isinstance(item, str) else item for item in result]
    return result


def _list(machine: Machine, subject: list[Any], name: str, call: Call) -> Any:
    arguments = call.arguments
    if name in {"index", "count", "remove"}:
        if cause := machine.first_unknown([subject, arguments]):
            if name == "remove":
                machine.heap.doubt(subject, cause)
            return cause
    if name == "copy":
        return list(subject)
    if name in {"extend"}:
        items = iteration.items_of(machine, call.first("iterable"), call.node, call.frame, ordered=True)
        if isinstance(items, Unknown):
            machine.heap.doubt(subject, items)
            return None
        arguments = [items]
    if name == "append":
        arguments = [machine.located(arguments[0], call.frame.source.location(call.node))] if arguments else arguments
    if name == "sort":
        ordered = sort(machine, subject, call)
        machine.heap.touch(subject)
        if isinstance(ordered, Unknown):
            machine.heap.doubt(subject, ordered)
        else:
            subject[:] = ordered
        return None
    if name in {"insert", "pop"} and arguments and isinstance(arguments[0], Unknown):
        machine.heap.doubt(subject, arguments[0])
        return arguments[0]
    machine.heap.touch(subject)
    return operators.native(machine, lambda: getattr(subject, name)(*arguments, **call.keywords), call.node, call.frame)


def sort(machine: Machine, items: list[Any], call: Call) -> Any:
    """`items` sorted as `sort(key=…, reverse=…)` does."""
    key = call.keywords.get("key")
    reverse = call.keywords.get("reverse", False)
    keys = list(items)
    if key is not None:
        keys = [machine.call(key, Call([item], {}, call.node, call.frame)) for item in items]
    if cause := machine.plain([keys, reverse], call.node, call.frame):
        return cause

    def ordered() -> list[Any]:
        order = sorted(range(len(items)), key=lambda position: keys[position], reverse=bool(reverse))
        return [items[position] for position in order]

    return operators.native(machine, ordered, call.node, call.frame)


def _dict(machine: Machine, subject: dict[Any, Any], name: str, call: Call) -> Any:
    if name == "update":
        return _update(machine, subject, call)
    if name == "fromkeys":
        from mfenvd.flows.static.builtins import from_keys

        return from_keys(machine, call)
    if name in {"items", "keys", "values"}:
        return DictView(subject, name)
    if name == "copy":
        return operators.same_kind(subject, dict(subject))
    if name in {"get", "pop", "setdefault"}:
        key = call.first("key")
        if cause := operators.unhashable(machine, key, call.node, call.frame):
            if name != "get":
                machine.heap.doubt(subject, cause)
            return cause
        if subject is machine.environ:
            machine.variables.append(str(key))
        if name == "get":
            return subject.get(*call.arguments, **call.keywords)
        if name == "setdefault" and len(call.arguments) > 1:
            call.arguments[1] = machine.located(call.arguments[1], call.frame.source.location(call.node))
    machine.heap.touch(subject)
    return operators.native(
        machine, lambda: getattr(subject, name)(*call.arguments, **call.keywords), call.node, call.frame
    )


def _update(machine: Machine, subject: dict[Any, Any], call: Call) -> None:
    from mfenvd.flows.static.builtins import make_dict

    new = make_dict(machine, call)
    if isinstance(new, Unknown):
        machine.heap.doubt(subject, new)
        return
    machine.heap.touch(subject)
    subject.update(new)


_SET_CHANGES = frozenset({"add", "discard", "remove", "update", "clear"})


def _set(machine: Machine, subject: Any, name: str, call: Call) -> Any:
    if name == "copy":
        return type(subject)(subject)
    arguments: list[Any] = []
    for argument in call.arguments:
        value = argument
        if name in {"add", "discard", "remove"}:
            cause = operators.unhashable(machine, value, call.node, call.frame)
        else:
            value = iteration.items_of(machine, argument, call.node, call.frame, ordered=False)
            cause = value if isinstance(value, Unknown) else machine.first_unknown(value)
        if cause is not None:
            if name in _SET_CHANGES:
                machine.heap.doubt(subject, cause)
                return None
            return cause
        arguments.append(value)
    machine.heap.touch(subject)
    return operators.native(machine, lambda: getattr(subject, name)(*arguments), call.node, call.frame)


def _file(machine: Machine, file: OpenFile, name: str, call: Call) -> Any:
    if name == "read" and not call.arguments:
        return iteration.read_all(machine, file)
    if name == "readlines" and not call.arguments:
        return iteration.items_of(machine, file, call.node, call.frame, ordered=True)
    if name == "close":
        return None
    if name == "seek" and call.arguments == [0]:
        machine.heap.touch(file.state)
        file.state["read"] = False
        return 0
    file.state["read"] = True
    return machine.unknown(call.node, call.frame, "reads a part of a file")


def lazy_method(machine: Machine, lazy: LazyItems, name: str, call: Call) -> Any:
    """`__next__` of an iterator."""
    if name == "__next__":
        return advance(machine, lazy, MISSING, call.node, call)
    return machine.unknown(call.node, call.frame, "works on an iterator")


def advance(machine: Machine, lazy: LazyItems, default: Any, node: ast.AST, call: Call) -> Any:
    """`next(lazy, default)`.

    Raises:
        Raised: StopIteration.
    """
    items = iteration.pending(machine, lazy)
    if isinstance(items, Unknown):
        return items
    if not items:
        if default is MISSING:
            raise Raised("StopIteration", node, "", call.frame.source)
        return default
    machine.heap.touch(lazy.state)
    lazy.state["items"] = items[1:]
    return items[0]
