"""Files of the project that a flow reads while it is loaded, and paths to them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from mfenvd.domain.finding import Location
from mfenvd.flows.static import filesystem, operators
from mfenvd.flows.static.data import FileText, LocatedText, OpenFile
from mfenvd.flows.static.heap import Unordered
from mfenvd.flows.static.modules import Unreadable, read_bytes
from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.values import Call, Site, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def open_file(machine: Machine, call: Call) -> Any:
    """`open(...)`, for reading.

    Raises:
        Raised: FileNotFoundError.
    """
    mode = call.arguments[1] if len(call.arguments) > 1 else call.keywords.get("mode", "r")
    if not isinstance(mode, str) or set(mode) - set("rbt"):
        return filesystem.write(machine, call.first("file"), call.at)
    encoding = call.keywords.get("encoding")
    content = read(machine, call.first("file"), call.at, binary="b" in mode, encoding=encoding)
    if isinstance(content, Unknown):
        return content
    return OpenFile(content)


def read(machine: Machine, path: Any, at: Site, *, binary: bool = False, encoding: Any = None) -> Any:
    """The content of a file of the project, as text with its path or as bytes.

    Raises:
        Raised: FileNotFoundError, UnicodeDecodeError.
    """
    found = _existing(machine, path, at)
    if isinstance(found, Unknown):
        return found
    try:
        content = read_bytes(found)
        if binary:
            return content
        text = content.decode(encoding if isinstance(encoding, str) else "utf-8")
    except Unreadable as unreadable:
        return machine.unknown(at, f"cannot be known: {unreadable.finding.message}")
    except (UnicodeDecodeError, LookupError) as error:
        raise Raised(type(error).__name__, at, str(error)) from error
    return FileText.of(text.replace("\r\n", "\n"), str(found))


def _existing(machine: Machine, path: Any, at: Site) -> Path | Unknown:
    found = filesystem.find(machine, path, at, "reads a file")
    if isinstance(found, Unknown) or found.exists():
        return found
    machine.risks += 1
    if machine.guarded:
        raise Raised("FileNotFoundError", at, str(path))
    return machine.unknown(at, f"reads {found}, which does not exist", f"Create {found.name}.")


def path_method(machine: Machine, path: PurePath, name: str, call: Call) -> Any:
    """A method of a path.

    Raises:
        Raised: As Python would.
    """
    if cause := machine.plain([call.arguments, list(call.keywords.values())], call.at):
        return cause
    own: dict[str, Callable[[], Any]] = {
        "read_text": lambda: read(machine, path, call.at, encoding=call.first("encoding")),
        "read_bytes": lambda: read(machine, path, call.at, binary=True),
        "open": lambda: open_file(machine, call.with_first(path)),
        "exists": lambda: existence(machine, path, name, call),
        "is_file": lambda: existence(machine, path, name, call),
        "is_dir": lambda: existence(machine, path, name, call),
        "iterdir": lambda: _entries(machine, path, call),
        "glob": lambda: _entries(machine, path, call),
        "rglob": lambda: _entries(machine, path, call, deep=True),
        "resolve": lambda: _absolute(machine, path),
        "absolute": lambda: _absolute(machine, path),
        "expanduser": lambda: PurePath(expand_user(machine, str(path))),
    }
    if name in _WRITING:
        return filesystem.write(machine, path, call.at)
    compute = own.get(name, lambda: getattr(path, name)(*call.arguments, **call.keywords))
    return compute() if name in own else operators.native(machine, compute, call.at)


_WRITING = frozenset({"write_text", "write_bytes", "unlink", "rename", "replace", "touch", "mkdir", "rmdir"})


def _absolute(machine: Machine, path: PurePath) -> Any:
    absolute = machine.files.absolute(path)
    return absolute if isinstance(absolute, Unknown) else PurePath(absolute)


def _entries(machine: Machine, path: PurePath, call: Call, *, deep: bool = False) -> Any:
    found = listing(machine, path, call, pattern=str(call.first("pattern", "*")), deep=deep)
    return found if isinstance(found, Unknown) else Unordered(PurePath(path, entry) for entry in found)


def existence(machine: Machine, path: Any, kind: str, call: Call) -> Any:
    """Whether a path of the project exists, as a file or folder where `kind` says so."""
    found = filesystem.find(machine, path, call.at, "asks for a file")
    if isinstance(found, Unknown):
        return found
    if "file" in kind:
        return found.is_file()
    return found.is_dir() if "dir" in kind else found.exists()


def listing(machine: Machine, path: Any, call: Call, *, pattern: str = "*", deep: bool = False) -> list[Path] | Unknown:
    """What a folder of the project holds, relative to it.

    Raises:
        Raised: There is no such folder.
    """
    found = filesystem.find(machine, path, call.at, "lists a folder")
    if isinstance(found, Unknown):
        return found
    if ".." in pattern:
        return machine.unknown(call.at, "lists a folder that is not in this project")
    if cause := machine.files.changed_below(found):
        return cause
    if not found.is_dir():
        raise Raised("FileNotFoundError", call.at, str(path))
    names = itertools.islice(found.rglob(pattern) if deep else found.glob(pattern), _MOST_ENTRIES + 1)
    entries = sorted(entry.relative_to(found) for entry in names)
    if len(entries) > _MOST_ENTRIES:
        return machine.unknown(call.at, "lists too many files")
    return entries


_MOST_ENTRIES = 1000


def expand_user(machine: Machine, path: str) -> str:
    """`path` with `~` replaced."""
    home = machine.facts.environ.get("HOME") or machine.facts.environ.get("USERPROFILE")
    if home and (path == "~" or path.startswith(("~/", "~\\"))):
        return home + path[1:]
    return path


def with_places(value: Any, text: Any) -> Any:
    """`value`, parsed from a file's text, with each text in a mapping knowing the line of its key."""
    if not isinstance(text, FileText):
        return value
    lines = text.splitlines()
    return _placed(value, lines, text.path)


def _placed(value: Any, lines: list[str], path: str) -> Any:
    if isinstance(value, dict):
        return {
            key: LocatedText.at(item, _line_of(str(key), lines, path))
            if isinstance(item, str)
            else _placed(item, lines, path)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [
            LocatedText.at(item, _line_of(item, lines, path)) if isinstance(item, str) else _placed(item, lines, path)
            for item in value
        ]
    return value


def _line_of(key: str, lines: list[str], path: str) -> Location:
    """The first line on which `key` stands as a word of its own."""
    name = re.split(r"[\[@]", key, maxsplit=1)[0]
    pattern = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-])")
    for number, line in enumerate(lines, 1):
        match = pattern.search(line)
        if match and not line.lstrip().startswith("#"):
            return Location(path, number, match.start() + 1)
    return Location(path)
