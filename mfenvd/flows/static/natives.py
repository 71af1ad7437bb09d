"""Methods of plain values."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import conversions, files, iteration, operators
from mfenvd.flows.static.data import ConfigValue, DictView, FileText, LazyItems, OpenFile
from mfenvd.flows.static.outcomes import LARGEST_VALUE
from mfenvd.flows.static.values import MISSING, Call, Method, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

_TEXT = frozenset({
    "join", "split", "rsplit", "splitlines", "strip", "lstrip", "rstrip", "replace", "lower", "upper", "title",
    "capitalize", "casefold", "swapcase", "startswith", "endswith", "format", "count", "find", "rfind", "index",
    "rindex", "partition", "rpartition", "removeprefix", "removesuffix", "zfill", "ljust", "rjust", "center",
    "isdigit", "isdecimal", "isnumeric", "isalpha", "isalnum", "isidentifier", "isspace", "isupper", "islower",
    "encode", "format_map", "expandtabs",
})  # fmt: skip
_BYTES = frozenset(
    {
        "decode",
        "split",
        "strip",
        "lstrip",
        "rstrip",
        "startswith",
        "endswith",
        "replace",
        "splitlines",
        "lower",
        "upper",
    }
)
_LIST = frozenset({"append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "copy", "index", "count"})
_DICT = frozenset(
    {"get", "items", "keys", "values", "copy", "update", "pop", "setdefault", "popitem", "clear", "fromkeys"}
)
_FROZENSET = frozenset({
    "union", "intersection", "difference", "symmetric_difference", "issubset", "issuperset", "isdisjoint", "copy",
})  # fmt: skip
_SET_CHANGES = frozenset({"add", "discard", "remove", "update", "clear"})
_PATH = frozenset({
    "joinpath", "with_name", "with_suffix", "with_stem", "as_posix", "relative_to", "is_absolute", "is_relative_to",
    "resolve", "absolute", "expanduser", "exists", "is_file", "is_dir", "read_text", "read_bytes", "open", "iterdir",
    "glob", "rglob", "match", "__str__", "__fspath__", "write_text", "write_bytes", "unlink", "rename", "replace",
    "touch", "mkdir", "rmdir",
})  # fmt: skip

METHODS: dict[type, frozenset[str]] = {
    str: _TEXT, bytes: _BYTES, list: _LIST, dict: _DICT, set: _FROZENSET | _SET_CHANGES, frozenset: _FROZENSET,
    tuple: frozenset({"index", "count"}), PurePath: _PATH,
    int: frozenset({"bit_length"}), float: frozenset({"is_integer"}),
}  # fmt: skip


def call_method(machine: Machine, method: Method, call: Call) -> Any:
    """`subject.name(...)` on a plain value.

    Raises:
        Raised: As Python would.
    """
    spread = call.keywords.get("**")
    if isinstance(spread, Unknown):
        machine.expose([method.subject, *call.values], spread)
        return spread
    known = machine.readable(method.subject)
    if isinstance(known, Unknown):
        machine.expose(call.values, known)
        return known
    for kind, handler in _HANDLERS.items():
        if isinstance(known, kind):
            return handler(machine, known, method.name, call)
    return operators.guarded(
        machine, lambda: getattr(known, method.name)(*call.arguments), [known, call.arguments], call.at
    )


def _text(machine: Machine, subject: Any, name: str, call: Call) -> Any:
    arguments = list(call.arguments)
    if name == "join":
        items = iteration.items_of(machine, call.first("iterable"), call.at)
        if isinstance(items, Unknown):
            return items
        arguments = [items]
    if name in {"format", "format_map"} and _computes_a_width(subject):
        return machine.unknown(call.at, "formats with a width that is large or computed")
    if _too_large(subject, name, arguments):
        return machine.unknown(call.at, "is too large")

    def compute() -> Any:
        return getattr(subject, name)(*arguments, **call.keywords)

    result = operators.guarded(machine, compute, [arguments, call.keywords], call.at)
    return _same_file(subject, result)


_FIELD = re.compile(r"\{([^{}]*)\}")
_PADDED = frozenset({"zfill", "ljust", "rjust", "center", "expandtabs"})


def _too_large(text: Any, name: str, arguments: list[Any]) -> bool:
    """Whether the result could fill the memory."""
    if name in _PADDED:
        return any(isinstance(value, int) and value > LARGEST_VALUE for value in arguments)
    if name == "replace" and len(arguments) > 1 and isinstance(arguments[1], (str, bytes)):
        return (len(text) + 1) * (len(arguments[1]) + 1) > 50 * LARGEST_VALUE
    return False


def _computes_a_width(text: Any) -> bool:
    return any(operators.wide(field) for field in _FIELD.findall(text)) or "{}}" in text or "{:{" in text


def _same_file(subject: Any, result: Any) -> Any:
    """A piece of a file's text still is that file's."""
    if not isinstance(subject, FileText):
        return result
    if isinstance(result, str):
        return FileText.of(result, subject.path)
    if isinstance(result, list):
        return [FileText.of(item, subject.path) if isinstance(item, str) else item for item in result]
    return result


def _list(machine: Machine, subject: list[Any], name: str, call: Call) -> Any:
    arguments = list(call.arguments)
    if name == "copy":
        return list(subject)
    if name == "sort":
        return _replace(machine, subject, sort(machine, subject, call))
    if name == "extend":
        new = iteration.items_of(machine, call.first("iterable"), call.at)
        return _replace(machine, subject, new if isinstance(new, Unknown) else [*subject, *new])
    searched = [subject, arguments] if name in {"index", "count", "remove"} else arguments[:1]
    if name != "append" and (cause := machine.first_unknown(searched)):
        machine.heap.doubt([subject, *arguments], cause)
        return cause.holding(subject)
    if name == "append" and arguments:
        arguments[0] = machine.located(arguments[0], call.at)
    machine.heap.touch(subject)
    return operators.native(machine, lambda: getattr(subject, name)(*arguments, **call.keywords), call.at)


def _replace(machine: Machine, subject: list[Any], content: Any) -> None:
    if isinstance(content, Unknown):
        machine.heap.doubt(subject, content)
    else:
        machine.heap.touch(subject)
        subject[:] = content


def sort(machine: Machine, items: list[Any], call: Call, *, ordered: bool = True) -> Any:
    """`items` sorted as `sort(key=…, reverse=…)` does, or an Unknown.

    Without `ordered` the items came in no order, and equal keys leave the order of theirs unknown.
    """
    key, reverse = call.keywords.get("key"), call.keywords.get("reverse", False)
    keys = items if key is None else [machine.call(key, Call([item], {}, call.at)) for item in items]
    if cause := machine.plain([keys, reverse], call.at):
        return cause.holding(items)

    def compute() -> list[Any]:
        order = sorted(range(len(items)), key=lambda position: keys[position], reverse=bool(reverse))
        return [items[position] for position in order]

    result = operators.native(machine, compute, call.at)
    ties = key is not None and any(a == b for i, a in enumerate(keys) for b in keys[:i])
    return machine.unknown(call.at, "depends on the order of a set") if ties and not ordered else result


def _dict(machine: Machine, subject: dict[Any, Any], name: str, call: Call) -> Any:
    if isinstance(subject, ConfigValue) and name not in {"get", "items", "keys", "values", "copy"}:
        return machine.unknown(call.at, "changes a config, which Metaflow does not allow")
    if name in {"items", "keys", "values"}:
        return DictView(subject, name)
    if name == "copy":
        return machine.heap.disorder(operators.same_kind(subject, dict(subject)), subject)
    if name == "fromkeys":
        return conversions.from_keys(machine, call)
    return _update(machine, subject, call) if name == "update" else _dict_entry(machine, subject, name, call)


def _dict_entry(machine: Machine, subject: dict[Any, Any], name: str, call: Call) -> Any:
    """`get`, `pop`, `setdefault`, `popitem` and `clear`."""
    if name == "popitem" and machine.heap.disordered(subject):
        unordered = machine.unknown(call.at, "depends on the order of a set or folder")
        machine.heap.doubt(subject, unordered)
        return unordered.holding(subject.values())
    if name in {"get", "pop", "setdefault"}:
        key = call.first("key")
        if cause := operators.unhashable(machine, key, call.at):
            if name != "get":
                machine.heap.doubt([subject, *call.values], cause)
            return machine.some_entry(subject, call.arguments[1:] or [None], cause)
        if subject is machine.environ:
            machine.variables.append(str(key))
    if name == "setdefault" and len(call.arguments) > 1:
        call.arguments[1] = machine.located(call.arguments[1], call.at)
    if name != "get":
        machine.heap.touch(subject)
    return operators.native(machine, lambda: getattr(dict, name)(subject, *call.arguments, **call.keywords), call.at)


def _update(machine: Machine, subject: dict[Any, Any], call: Call) -> None:
    new = conversions.make_dict(machine, call)
    if isinstance(new, Unknown):
        machine.heap.doubt(subject, new)
        return
    machine.heap.touch(subject)
    subject.update(new)
    machine.heap.disorder(subject, new)


def _set(machine: Machine, subject: Any, name: str, call: Call) -> Any:
    if name == "copy":
        return type(subject)(subject)
    arguments: list[Any] = []
    for argument in call.arguments:
        value = argument
        if name in {"add", "discard", "remove"}:
            cause = operators.unhashable(machine, value, call.at)
        else:
            value = iteration.items_of(machine, argument, call.at, ordered=False)
            cause = value if isinstance(value, Unknown) else machine.first_unknown(value)
        if cause is not None:
            if name in _SET_CHANGES:
                machine.heap.doubt(subject, cause)
            return cause
        arguments.append(value)
    if name in _SET_CHANGES:
        machine.heap.touch(subject)
    return operators.native(machine, lambda: getattr(subject, name)(*arguments), call.at)


def _file(machine: Machine, file: OpenFile, name: str, call: Call) -> Any:
    if name == "read" and not call.arguments:
        return iteration.read_all(machine, file)
    if name == "readlines" and not call.arguments:
        return iteration.items_of(machine, file, call.at)
    if name == "close":
        return None
    machine.heap.touch(file.state)
    if name == "seek" and call.arguments == [0]:
        file.state["read"] = False
        return 0
    file.state["read"] = machine.unknown(call.at, "reads a part of a file")
    return file.state["read"]


def _lazy(machine: Machine, lazy: LazyItems, name: str, call: Call) -> Any:
    if name == "__next__":
        return conversions.advance(machine, lazy, MISSING, call)
    cause = machine.unknown(call.at, "works on an iterator")
    machine.expose([lazy, *call.values], cause)
    return cause


_HANDLERS: dict[type, Callable[..., Any]] = {
    list: _list, dict: _dict, set: _set, frozenset: _set, OpenFile: _file, LazyItems: _lazy,
    PurePath: files.path_method, str: _text, bytes: _text,
}  # fmt: skip
