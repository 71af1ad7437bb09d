"""What the interpreter knows of the standard library, of a few packages, and of Metaflow."""

from __future__ import annotations

import ast
import json
import ntpath
import os
import platform
import posixpath
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import yaml

from mfenvd.flows.static import files, iteration, operators
from mfenvd.flows.static.machine import LARGEST_VALUE, Raised, VersionInfo
from mfenvd.flows.static.values import (
    BoundMethod,
    Builtin,
    Call,
    ClassValue,
    Frame,
    Function,
    Instance,
    Library,
    Namespace,
    OpenFile,
    Partial,
    Special,
    Unknown,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

ALWAYS = frozenset({"metaflow", "os", "sys", "typing", "builtins"})
"""Modules that no file of a project can stand in for."""

_MODELLED = frozenset(
    "os os.path sys platform json pathlib functools itertools copy collections typing typing_extensions dataclasses "
    "enum abc textwrap types yaml tomllib tomli toml dotenv importlib re logging warnings pprint".split()
)

_TABLE: dict[str, Any] = {}
_COMPUTED: dict[str, Callable[[Machine, ast.AST, Frame], Any]] = {}

Implementation = Callable[["Machine", Call], Any]


def knows(name: str) -> bool:
    """Whether the module `name` is modelled."""
    return name in _MODELLED or name.partition(".")[0] == "metaflow"


def attribute(machine: Machine, library: Library, name: str, node: ast.AST, frame: Frame) -> Any:
    """`library.name`."""
    full = f"{library.name}.{name}"
    if library.name.partition(".")[0] == "metaflow":
        from mfenvd.flows.static import metaflow

        return metaflow.attribute(machine, library.name, name, node, frame)
    if full in _TABLE:
        return _TABLE[full]
    if full in _COMPUTED:
        return _COMPUTED[full](machine, node, frame)
    if full in _MODELLED or library.name in {"typing", "typing_extensions", "abc"}:
        return Library(full)
    return machine.outside(full, node, frame)


def everything(machine: Machine, library: Library, frame: Frame) -> Iterator[tuple[str, Any]]:
    """What `from library import *` binds."""
    if library.name == "metaflow":
        from mfenvd.flows.static import metaflow

        yield from metaflow.everything(machine, frame)
        return
    prefix = f"{library.name}."
    for full in (*_TABLE, *_COMPUTED):
        if full.startswith(prefix) and "." not in full[len(prefix) :]:
            name = full[len(prefix) :]
            yield name, attribute(machine, library, name, ast.Pass(), frame)


def function(*names: str) -> Callable[[Implementation], Implementation]:
    """Registers what the functions `names` do."""

    def register(implementation: Implementation) -> Implementation:
        for name in names:
            _TABLE[name] = Builtin(name, implementation)
        return implementation

    return register


def computed(name: str) -> Callable[[Callable[[Machine, ast.AST, Frame], Any]], None]:
    """Registers a value that depends on the project."""

    def register(implementation: Callable[[Machine, ast.AST, Frame], Any]) -> None:
        _COMPUTED[name] = implementation

    return register


# -- os, sys, platform


@computed("os.environ")
def _environ(machine: Machine, _node: ast.AST, _frame: Frame) -> Any:
    return machine.environ


@function("os.getenv")
def _getenv(machine: Machine, call: Call) -> Any:
    key = call.first("key")
    if cause := operators.unhashable(machine, key, call.node, call.frame):
        return cause
    machine.variables.append(str(key))
    default = call.arguments[1] if len(call.arguments) > 1 else call.keywords.get("default")
    return machine.environ.get(key, default)


@function("os.getcwd")
def _getcwd(machine: Machine, _call: Call) -> Any:
    return machine.facts.cwd


_TABLE.update({"os.sep": os.sep, "os.linesep": os.linesep, "os.name": os.name, "os.pathsep": os.pathsep})
_TABLE.update({"os.path.sep": os.sep, "sys.platform": sys.platform, "sys.byteorder": sys.byteorder})


def _path_function(name: str) -> None:
    native: Callable[..., Any] = getattr(ntpath if os.name == "nt" else posixpath, name)

    def implementation(machine: Machine, call: Call) -> Any:
        return operators.guarded(
            machine, lambda: native(*call.arguments), [call.arguments, *call.keywords.values()], call.node, call.frame
        )

    _TABLE[f"os.path.{name}"] = Builtin(f"os.path.{name}", implementation)


for _name in ("join", "dirname", "basename", "normpath", "split", "splitext", "isabs", "commonpath"):
    _path_function(_name)


@function("os.path.abspath", "os.path.realpath")
def _abspath(machine: Machine, call: Call) -> Any:
    path = call.first("path")
    return operators.guarded(
        machine, lambda: os.path.normpath(os.path.join(machine.facts.cwd, path)), [path], call.node, call.frame
    )


@function("os.path.expanduser")
def _expanduser(machine: Machine, call: Call) -> Any:
    path = call.first("path")
    return operators.guarded(machine, lambda: files.expand_user(machine, path), [path], call.node, call.frame)


@function("os.path.exists", "os.path.isfile", "os.path.isdir")
def _exists(machine: Machine, call: Call) -> Any:
    name = ast.unparse(call.node.func) if isinstance(call.node, ast.Call) else "exists"
    return files.existence(machine, call.first("path"), name.rpartition(".")[2], call)


@function("os.listdir")
def _listdir(machine: Machine, call: Call) -> Any:
    found = files.listing(machine, call.first("path", "."), call)
    return found if isinstance(found, Unknown) else iteration.Unordered(path.name for path in found)


@function("os.fspath")
def _fspath(machine: Machine, call: Call) -> Any:
    return operators.guarded(machine, lambda: os.fspath(call.arguments[0]), call.arguments, call.node, call.frame)


@computed("sys.version_info")
def _version_info(machine: Machine, node: ast.AST, frame: Frame) -> Any:
    numbers = _version(machine)
    if numbers is None:
        return _python_unknown(machine, node, frame)
    return VersionInfo((*numbers, "final", 0))


class VersionText(Special):
    """`sys.version`: begins with the version; what follows is known only to the interpreter."""

    __slots__ = ("version",)

    def __init__(self, version: str) -> None:
        self.version = version

    def attribute(self, machine: Machine, name: str, node: ast.AST, frame: Frame) -> Any:
        """`split`, whose first item is known."""
        if name == "split":
            rest = machine.unknown(node, frame, "is known only to the interpreter")
            return Builtin("split", lambda _machine, _call: [self.version, rest])
        if name == "startswith":
            return Builtin("startswith", lambda _machine, call: self.version.startswith(call.arguments[0]))
        return machine.unknown(node, frame, "is known only to the interpreter")

    def subscript(self, machine: Machine, key: Any, node: ast.AST, frame: Frame) -> Any:
        """A piece of the beginning."""
        if isinstance(key, slice) and isinstance(key.stop, int) and 0 <= key.stop <= len(self.version):
            return self.version[key]
        return machine.unknown(node, frame, "is known only to the interpreter")


@computed("sys.version")
def _sys_version(machine: Machine, node: ast.AST, frame: Frame) -> Any:
    python = machine.facts.python
    return VersionText(python) if python else _python_unknown(machine, node, frame)


@computed("sys.path")
def _sys_path(machine: Machine, _node: ast.AST, _frame: Frame) -> Any:
    return machine.sys_path


@function("sys.exit", "os._exit")
def _exit(_machine: Machine, call: Call) -> Any:
    raise Raised("SystemExit", call.node, "exits", call.frame.source)


@function("platform.python_version")
def _python_version(machine: Machine, call: Call) -> Any:
    return machine.facts.python or _python_unknown(machine, call.node, call.frame)


@function("platform.python_version_tuple")
def _python_version_tuple(machine: Machine, call: Call) -> Any:
    python = machine.facts.python
    return tuple(python.split(".")) if python else _python_unknown(machine, call.node, call.frame)


@function("platform.system")
def _system(_machine: Machine, _call: Call) -> Any:
    return platform.system()


@function("platform.machine")
def _machine_name(_machine: Machine, _call: Call) -> Any:
    return platform.machine()


def _version(machine: Machine) -> tuple[int, ...] | None:
    parts = (machine.facts.python or "").split(".")
    return tuple(map(int, parts)) if len(parts) == 3 and all(part.isdigit() for part in parts) else None


def _python_unknown(machine: Machine, node: ast.AST, frame: Frame) -> Unknown:
    return machine.unknown(
        node,
        frame,
        "asks for the project's Python, which is not known",
        "Activate the project's environment before `mfenv up`, or write the version.",
    )


# -- paths


@function("pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath")
def _path(machine: Machine, call: Call) -> Any:
    return operators.guarded(machine, lambda: PurePath(*call.arguments), call.arguments, call.node, call.frame)


# -- data formats


def _parse(machine: Machine, call: Call, text: Any, parser: Callable[[Any], Any], error: type[Exception]) -> Any:
    if isinstance(text, Unknown):
        return text
    if not isinstance(text, (str, bytes)):
        return machine.unknown(call.node, call.frame, "parses something that is not known")
    try:
        value = parser(text)
        if _size(value, {}) > LARGEST_VALUE:  # a few lines of YAML with aliases can stand for millions
            return machine.unknown(call.node, call.frame, "is too large")
        return files.with_places(value, text)
    except (error, ValueError) as problem:
        raise Raised(type(problem).__name__, call.node, str(problem).partition("\n")[0], call.frame.source) from problem
    except RecursionError:
        return machine.unknown(call.node, call.frame, "is nested too deeply")


def _size(value: Any, known: dict[int, int]) -> int:
    """How many values there are when everything that is shared is written out."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in known:
        known[id(value)] = LARGEST_VALUE + 1  # what contains itself has no end
        items = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(item, known) for item in items)
    return known[id(value)]


def _text_of(machine: Machine, call: Call) -> Any:
    source = call.arguments[0] if call.arguments else next(iter(call.keywords.values()))
    return iteration.read_all(machine, source) if isinstance(source, OpenFile) else source


def _load_toml(text: Any) -> Any:
    return tomllib.loads(text.decode() if isinstance(text, bytes) else text)


def load_yaml(text: Any) -> Any:
    """What `yaml.safe_load` answers."""
    content = str(text) if isinstance(text, str) else text
    return yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders


@function("json.load", "json.loads")
def _json(machine: Machine, call: Call) -> Any:
    return _parse(machine, call, _text_of(machine, call), json.loads, ValueError)


@function("yaml.safe_load", "yaml.load", "yaml.full_load")
def _yaml(machine: Machine, call: Call) -> Any:
    return _parse(machine, call, _text_of(machine, call), load_yaml, yaml.YAMLError)


@function("tomllib.load", "tomllib.loads", "tomli.load", "tomli.loads", "toml.load", "toml.loads")
def _toml(machine: Machine, call: Call) -> Any:
    text = _text_of(machine, call)
    name = ast.unparse(call.node.func) if isinstance(call.node, ast.Call) else ""
    if name == "toml.load" and isinstance(text, str) and not isinstance(call.arguments[0], OpenFile):
        text = files.read(machine, text, call.node, call.frame)  # `toml.load` takes a path too
    return _parse(machine, call, text, _load_toml, tomllib.TOMLDecodeError)


@function("json.dumps")
def _json_dumps(machine: Machine, call: Call) -> Any:
    return operators.guarded(
        machine,
        lambda: json.dumps(*call.arguments, **call.keywords),
        [call.arguments, list(call.keywords.values())],
        call.node,
        call.frame,
    )


# -- functions about functions


@function("functools.partial")
def _partial(_machine: Machine, call: Call) -> Any:
    return Partial(call.arguments[0], tuple(call.arguments[1:]), dict(call.keywords))


@function("functools.wraps")
def _wraps(machine: Machine, call: Call) -> Any:
    return Partial(Builtin("functools.update_wrapper", _update_wrapper), (), {"wrapped": call.first("wrapped")})


@function("functools.update_wrapper")
def _update_wrapper(machine: Machine, call: Call) -> Any:
    wrapper = call.arguments[0]
    wrapped = call.keywords.get("wrapped", call.arguments[1] if len(call.arguments) > 1 else None)
    if isinstance(wrapper, Function) and isinstance(wrapped, Function):
        machine.heap.touch(wrapper.attributes)
        wrapper.attributes.update(wrapped.attributes)
        wrapper.attributes["__wrapped__"] = wrapped
        wrapper.name = wrapped.name
    return wrapper


@function("functools.cache", "functools.lru_cache", "typing.overload", "typing.final", "typing.no_type_check")
def _same(_machine: Machine, call: Call) -> Any:
    if call.arguments and isinstance(call.arguments[0], (Function, BoundMethod, ClassValue)):
        return call.arguments[0]
    return Builtin("functools.lru_cache", _same)


@function("functools.reduce")
def _reduce(machine: Machine, call: Call) -> Any:
    items = iteration.items_of(machine, call.arguments[1], call.node, call.frame, ordered=True)
    if isinstance(items, Unknown):
        return items
    values = [*call.arguments[2:3], *items]
    if not values:
        raise Raised("TypeError", call.node, "reduce() of an empty sequence", call.frame.source)
    total = values[0]
    for value in values[1:]:
        total = machine.call(call.arguments[0], Call([total, value], {}, call.node, call.frame))
    return total


@function("itertools.chain")
def _chain(machine: Machine, call: Call) -> Any:
    found: list[Any] = []
    for argument in call.arguments:
        items = iteration.items_of(machine, argument, call.node, call.frame, ordered=True)
        if isinstance(items, Unknown):
            return items
        found.extend(items)
    return found


# -- values


@function("copy.copy", "copy.deepcopy")
def _copy(machine: Machine, call: Call) -> Any:
    value = call.arguments[0]
    name = ast.unparse(call.node.func) if isinstance(call.node, ast.Call) else "deepcopy"
    return _copied(machine, value, call, deep="deep" in name)


def _copied(machine: Machine, value: Any, call: Call, *, deep: bool) -> Any:
    known = machine.readable(value)
    if isinstance(known, (Unknown, Instance)):
        return known if isinstance(known, Unknown) else machine.unknown(call.node, call.frame, "copies an object")

    def inner(item: Any) -> Any:
        return _copied(machine, item, call, deep=True) if deep else item

    if isinstance(known, dict):
        return operators.same_kind(known, {key: inner(item) for key, item in known.items()})
    if isinstance(known, (list, tuple)) and not isinstance(known, VersionInfo):
        return type(known)(inner(item) for item in known)
    return set(known) if isinstance(known, set) else known


@function("collections.OrderedDict", "types.MappingProxyType")
def _ordered_dict(machine: Machine, call: Call) -> Any:
    from mfenvd.flows.static.builtins import make_dict

    return make_dict(machine, call)


@function("collections.defaultdict")
def _defaultdict(machine: Machine, call: Call) -> Any:
    from mfenvd.flows.static.builtins import make_dict

    content = make_dict(machine, Call(call.arguments[1:], call.keywords, call.node, call.frame))
    factory = call.arguments[0] if call.arguments else None
    return content if isinstance(content, Unknown) else operators.DefaultDict(factory, content)


@function("types.SimpleNamespace")
def _simple_namespace(_machine: Machine, call: Call) -> Any:
    cls = ClassValue("SimpleNamespace", Namespace())
    cls.mro = (cls,)
    return Instance(cls, Namespace(call.keywords))


@function("textwrap.dedent")
def _dedent(machine: Machine, call: Call) -> Any:
    return operators.guarded(machine, lambda: textwrap.dedent(call.arguments[0]), call.arguments, call.node, call.frame)


_TABLE["typing.TYPE_CHECKING"] = False
_TABLE["typing_extensions.TYPE_CHECKING"] = False


@function("typing.cast")
def _cast(_machine: Machine, call: Call) -> Any:
    return call.arguments[1]


@function("typing.TypeVar", "typing.NewType", "typing.ParamSpec")
def _type_variable(_machine: Machine, _call: Call) -> Any:
    return Library("typing.TypeVar")


# -- classes


@function("dataclasses.dataclass")
def _dataclass(machine: Machine, call: Call) -> Any:
    from mfenvd.flows.static.classes import dataclass_fields

    if not call.arguments:
        return Builtin("dataclasses.dataclass", _dataclass)
    cls = call.arguments[0]
    if isinstance(cls, ClassValue):
        machine.heap.touch(cls.attributes)
        cls.attributes["fields"] = dataclass_fields(cls)
    return cls


@function("dataclasses.field")
def _field(machine: Machine, call: Call) -> Any:
    from mfenvd.flows.static.classes import FieldDefault

    if "default" in call.keywords:
        return call.keywords["default"]
    if "default_factory" in call.keywords:
        return FieldDefault(call.keywords["default_factory"])
    return machine.unknown(call.node, call.frame, "has no default")


def _enumeration(_machine: Machine, call: Call) -> None:
    """Makes the members of a new enumeration."""
    cls = call.arguments[0]
    members: dict[str, Any] = {}
    for name, value in cls.names.items():
        if name.startswith("_") or isinstance(value, (Function, Builtin)):
            continue
        members[name] = Instance(cls, Namespace({"value": value, "name": name, "_value_": value}))
    cls.attributes["members"] = members


def _enum_member(machine: Machine, call: Call) -> Any:
    cls, inner = call.arguments
    for member in cls.attributes.get("members", {}).values():
        if isinstance(member, Instance) and machine.same(member.attributes["value"], inner.first("value")):
            return member
    return machine.unknown(call.node, call.frame, "looks up a member of an enumeration")


def _enum_class(name: str) -> ClassValue:
    cls = ClassValue(name, Namespace())
    cls.mro = (cls,)
    cls.names["<subclass>"] = Builtin("<subclass>", _enumeration)
    cls.names["<new>"] = Builtin("<new>", _enum_member)
    return cls


for _name in ("Enum", "StrEnum", "IntEnum"):
    _TABLE[f"enum.{_name}"] = _enum_class(_name)


@function("enum.unique")
def _unique(_machine: Machine, call: Call) -> Any:
    return call.arguments[0]


# -- importing, and .env files


@function("importlib.import_module")
def _import_module(machine: Machine, call: Call) -> Any:
    from mfenvd.flows.static.imports import load

    name = call.first("name")
    if not isinstance(name, str) or name.startswith("."):
        return machine.first_unknown(name) or machine.unknown(call.node, call.frame, "imports a relative name")
    return load(machine, name, call.node, call.frame)


_VARIABLE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$", re.MULTILINE)
_SIMPLE = re.compile(r"[\w./:@%+,=-]*")


@function("dotenv.load_dotenv")
def _load_dotenv(machine: Machine, call: Call) -> Any:
    path = call.first("dotenv_path")
    if isinstance(path, Unknown):
        machine.expose([machine.environ], path)
        return path
    override = call.keywords.get("override", False) is True
    for file in _dotenv_files(machine, path, call):
        machine.reads.add(str(file))
        if not file.is_file():
            continue
        machine.heap.touch(machine.environ)
        for name, value in _VARIABLE.findall(file.read_text(encoding="utf-8", errors="replace")):
            if override or name not in machine.environ:
                text = value.strip("'\"") if value[:1] == value[-1:] else value
                simple = _SIMPLE.fullmatch(text) is not None
                machine.environ[name] = (
                    text if simple else machine.unknown(call.node, call.frame, f"takes {name} from {file}")
                )
        return True
    return False


def _dotenv_files(machine: Machine, path: Any, call: Call) -> list[Path]:
    if isinstance(path, (str, PurePath)):
        found = files.locate(machine, path)
        return [found] if found is not None else []
    folder = Path(call.frame.source.path).parent
    root = Path(machine.facts.root)
    return [parent / ".env" for parent in (folder, *folder.parents) if parent == root or root in parent.parents]
