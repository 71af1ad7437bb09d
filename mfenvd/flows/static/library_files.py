"""Paths and what is done to files: `os`, `os.path`, `pathlib`, `shutil`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import files, filesystem, operators
from mfenvd.flows.static.heap import Unordered
from mfenvd.flows.static.registering import registering
from mfenvd.flows.static.values import Builtin, Call, Site, Special, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

TABLE: dict[str, Any] = {}

_function = registering(TABLE)


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
    return operators.guarded(machine, lambda: machine.files.absolute(path), [path], call.at)


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
def _getcwd(machine: Machine, _call: Call) -> Any:
    return machine.files.absolute(".")


@_function("os.chdir")
def _chdir(machine: Machine, call: Call) -> None:
    filesystem.change_directory(machine, call.first("path"), call.at)


@_function("glob.glob", "glob.iglob")
def _glob(machine: Machine, call: Call) -> Any:
    """Files by a pattern of one folder; those that begin with a dot do not count."""
    pattern = call.first("pathname")
    if not isinstance(pattern, str) or len(call.values) > 1:
        return machine.undecided(pattern, call.at)
    folder, name = os.path.split(pattern)
    if any(mark in folder for mark in "*?[") or "**" in name:
        return machine.unknown(call.at, "goes through several folders")
    found = files.listing(machine, folder or ".", call, pattern=name) if name else machine.undecided(name, call.at)
    if isinstance(found, Unknown):
        return found
    return Unordered(os.path.join(folder, entry) for entry in found if not entry.name.startswith("."))  # noqa: PTH118 - a text


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
            return Builtin("cwd", lambda machine, call: files.path_method(machine, PurePath(), "absolute", call))
        if name == "home":
            return Builtin("home", lambda machine, _call: PurePath(files.expand_user(machine, "~")))
        return machine.unknown(at, "is a method that is not followed")


TABLE.update({f"pathlib.{name}": PathClass() for name in ("Path", "PurePath", "PosixPath", "PurePosixPath")})


# -- changes


@_function("os.makedirs", "os.mkdir")
def _makedirs(machine: Machine, call: Call) -> None:
    path = call.first("path", call.keywords.get("name"))
    found = machine.inside(path) if isinstance(path, (str, PurePath)) else None
    if found is None or not found.is_dir():
        filesystem.write(machine, path, call.at)


@_function("os.remove", "os.unlink", "os.rmdir", "os.removedirs", "shutil.rmtree", "os.truncate", "os.open")
def _change_file(machine: Machine, call: Call) -> Any:
    return filesystem.write(machine, call.first("path"), call.at)


@_function(
    "os.rename", "os.replace", "os.link", "os.symlink", "shutil.copy", "shutil.copy2", "shutil.copyfile",
    "shutil.copytree", "shutil.move",
)  # fmt: skip
def _move_file(machine: Machine, call: Call) -> Any:
    for path in call.values[:1]:
        filesystem.write(machine, path, call.at)
    return filesystem.write(machine, call.values[1] if len(call.values) > 1 else None, call.at)
