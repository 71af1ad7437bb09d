"""`os`, `sys`, `platform`, `pathlib`: as far as the project tells."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import files, operators
from mfenvd.flows.static.heap import Unordered
from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.values import Builtin, Call, Computed, Site, Special, Unknown, VersionInfo

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

TABLE: dict[str, Any] = {
    "os.sep": os.sep, "os.linesep": os.linesep, "os.name": os.name, "os.pathsep": os.pathsep, "os.curdir": os.curdir,
    "os.pardir": os.pardir, "os.path.sep": os.sep, "sys.platform": sys.platform, "sys.byteorder": sys.byteorder,
    "os.environ": Computed(lambda machine, _at: machine.environ),
    "sys.path": Computed(lambda machine, _at: machine.sys_path),
}  # fmt: skip


def _function(*names: str) -> Callable[[Callable[[Machine, Call], Any]], Callable[[Machine, Call], Any]]:
    def register(implementation: Callable[[Machine, Call], Any]) -> Callable[[Machine, Call], Any]:
        TABLE.update({name: Builtin(name, implementation) for name in names})
        return implementation

    return register


# -- the environment


@_function("os.getenv")
def _getenv(machine: Machine, call: Call) -> Any:
    key = call.first("key")
    if cause := operators.unhashable(machine, key, call.at):
        return cause
    machine.variables.append(str(key))
    default = call.arguments[1] if len(call.arguments) > 1 else call.keywords.get("default")
    return machine.environ.get(key, default)


@_function("os.putenv", "os.unsetenv")
def _putenv(machine: Machine, call: Call) -> Any:
    cause = machine.unknown(call.at, "changes the environment behind Python's back")
    machine.expose([machine.environ], cause)
    return cause


@_function("sys.exit", "os._exit")
def _exit(_machine: Machine, call: Call) -> Any:
    raise Raised("SystemExit", call.at, "")


# -- the interpreter and the machine


def _python_unknown(machine: Machine, at: Site) -> Unknown:
    fix = "Activate the project's environment before `mfenv up`, or write the version."
    return machine.unknown(at, "asks for the project's Python, which is not known", fix)


def _version_info(machine: Machine, at: Site) -> Any:
    parts = (machine.facts.python or "").split(".")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return _python_unknown(machine, at)
    return VersionInfo((*map(int, parts), "final", 0))


class VersionText(Special):
    """`sys.version`: begins with the version; what follows is known only to the interpreter."""

    __slots__ = ("version",)

    def __init__(self, version: str) -> None:
        self.version = version

    def attribute(self, machine: Machine, name: str, at: Site) -> Any:
        """`split`, whose first item is known, and `startswith`."""
        rest = machine.unknown(at, "is known only to the interpreter")
        if name == "split":
            return Builtin("split", lambda _machine, call: self._split(call, rest))
        return rest

    def _split(self, call: Call, rest: Unknown) -> Any:
        return [self.version, rest] if call.arguments in ([], [" "]) else rest

    def subscript(self, machine: Machine, key: Any, at: Site) -> Any:
        """A piece of the beginning."""
        if isinstance(key, slice) and isinstance(key.stop, int) and 0 <= key.stop <= len(self.version):
            return self.version[key]
        return machine.unknown(at, "is known only to the interpreter")


def _version_text(machine: Machine, at: Site) -> Any:
    return VersionText(machine.facts.python) if machine.facts.python else _python_unknown(machine, at)


TABLE["sys.version_info"] = Computed(_version_info)
TABLE["sys.version"] = Computed(_version_text)


@_function("platform.python_version")
def _python_version(machine: Machine, call: Call) -> Any:
    return machine.facts.python or _python_unknown(machine, call.at)


@_function("platform.python_version_tuple")
def _python_version_tuple(machine: Machine, call: Call) -> Any:
    return tuple(machine.facts.python.split(".")) if machine.facts.python else _python_unknown(machine, call.at)


@_function("platform.system")
def _system(_machine: Machine, _call: Call) -> str:
    return platform.system()


@_function("platform.machine")
def _machine_name(_machine: Machine, _call: Call) -> str:
    return platform.machine()


# -- paths


def _pure(name: str) -> Builtin:
    native: Callable[..., Any] = getattr(os.path, name)

    def implementation(machine: Machine, call: Call) -> Any:
        return operators.guarded(machine, lambda: native(*call.arguments), call.values, call.at)

    return Builtin(f"os.path.{name}", implementation)


for _name in ("join", "dirname", "basename", "normpath", "split", "splitext", "isabs", "commonpath"):
    TABLE[f"os.path.{_name}"] = _pure(_name)


@_function("os.path.abspath", "os.path.realpath")
def _abspath(machine: Machine, call: Call) -> Any:
    path = call.first("path")
    return operators.guarded(machine, lambda: machine.absolute(path), [path], call.at)


@_function("os.path.expanduser")
def _expanduser(machine: Machine, call: Call) -> Any:
    path = call.first("path")
    return operators.guarded(machine, lambda: files.expand_user(machine, path), [path], call.at)


@_function("os.path.exists", "os.path.lexists")
def _exists(machine: Machine, call: Call) -> Any:
    return files.existence(machine, call.first("path"), "exists", call)


@_function("os.path.isfile")
def _isfile(machine: Machine, call: Call) -> Any:
    return files.existence(machine, call.first("path"), "is_file", call)


@_function("os.path.isdir")
def _isdir(machine: Machine, call: Call) -> Any:
    return files.existence(machine, call.first("s"), "is_dir", call)


@_function("os.getcwd")
def _getcwd(machine: Machine, _call: Call) -> str:
    return machine.facts.cwd


@_function("os.listdir")
def _listdir(machine: Machine, call: Call) -> Any:
    found = files.listing(machine, call.first("path", "."), call)
    return found if isinstance(found, Unknown) else Unordered(path.name for path in found)


@_function("os.fspath")
def _fspath(machine: Machine, call: Call) -> Any:
    return operators.guarded(machine, lambda: os.fspath(call.arguments[0]), call.values, call.at)


class PathClass(Special):
    """`pathlib.Path` and its kin."""

    __slots__ = ()

    def call(self, machine: Machine, call: Call) -> Any:
        """A path."""
        return operators.guarded(machine, lambda: PurePath(*call.arguments), call.values, call.at)

    def attribute(self, machine: Machine, name: str, at: Site) -> Any:
        """`Path.cwd` and `Path.home`."""
        if name == "cwd":
            return Builtin("cwd", lambda machine, _call: PurePath(machine.facts.cwd))
        if name == "home":
            return Builtin("home", lambda machine, _call: PurePath(files.expand_user(machine, "~")))
        return machine.unknown(at, "is a method that is not followed")


TABLE.update({f"pathlib.{name}": PathClass() for name in ("Path", "PurePath", "PosixPath", "PurePosixPath")})
