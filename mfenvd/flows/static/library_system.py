"""`os`, `sys`, `platform`, `subprocess`: as far as the project tells."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import filesystem, operators
from mfenvd.flows.static.data import Record
from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.registering import registering
from mfenvd.flows.static.values import Builtin, Call, Computed, Site, Special, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

TABLE: dict[str, Any] = {
    "os.sep": os.sep, "os.linesep": os.linesep, "os.name": os.name, "os.pathsep": os.pathsep, "os.curdir": os.curdir,
    "os.pardir": os.pardir, "os.path.sep": os.sep, "sys.platform": sys.platform, "sys.byteorder": sys.byteorder,
    "os.environ": Computed(lambda machine, _at: machine.environ),
    "sys.path": Computed(lambda machine, _at: machine.sys_path),
}  # fmt: skip

_function = registering(TABLE)


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


_VERSION_FIELDS = ("major", "minor", "micro", "releaselevel", "serial")


def _version_info(machine: Machine, at: Site) -> Any:
    parts = (machine.facts.python or "").split(".")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return _python_unknown(machine, at)
    return Record.of("sys.version_info", _VERSION_FIELDS, (*map(int, parts), "final", 0))


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


# -- other programs


_READ_ONLY = frozenset({"uname", "hostname", "whoami", "which", "nvidia-smi", "date", "id", "echo", "pwd"})
_READ_ONLY_GIT = frozenset({
    "branch", "config", "describe", "diff", "log", "ls-files", "remote", "rev-list", "rev-parse", "show", "status",
    "symbolic-ref", "tag",
})  # fmt: skip


@_function(
    "os.system", "os.popen", "subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output",
    "subprocess.Popen", "subprocess.getoutput", "subprocess.getstatusoutput",
)  # fmt: skip
def _run_program(machine: Machine, call: Call) -> Any:
    """Another program: what it answers is not known, and it can change any file unless it is known not to."""
    if not _changes_nothing(call.values[0] if call.values else None):
        filesystem.write(machine, None, call.at)
    return machine.unknown(call.at, "runs another program")


def _changes_nothing(command: Any) -> bool:
    """Whether `command`, a text or a list of texts, is known to leave files alone."""
    parts = command if isinstance(command, (list, tuple)) else [command]
    if not all(isinstance(part, str) and not set(part) & set(">|;&`$") for part in parts):
        return False
    words = " ".join(parts).split()
    if words[:1] == ["git"]:
        return len(words) > 1 and words[1] in _READ_ONLY_GIT
    return bool(words) and words[0] in _READ_ONLY
