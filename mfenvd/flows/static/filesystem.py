"""Where paths lead while a flow is loaded: its working directory, and files that its own code changes."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static.values import Namespace, Site, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

_ANY = ""


class Filesystem:
    """The project's files as the flow finds them.

    Attributes:
        process: `cwd`: the working directory, an absolute path or an Unknown.
        written: By absolute path what changed a file or folder; by the empty path what may have changed any.
    """

    def __init__(self, cwd: str) -> None:
        self.process = Namespace({"cwd": cwd})
        self.written = Namespace()

    def absolute(self, path: str | PurePath) -> str | Unknown:
        """`path` from the working directory, without `..`; why that is not known."""
        cwd = self.process["cwd"]
        if isinstance(cwd, Unknown) and not PurePath(path).is_absolute():
            return cwd.bare
        return os.path.normpath(path if isinstance(cwd, Unknown) else Path(cwd) / path)

    def changed(self, path: Path) -> Unknown | None:
        """What may have changed the file at `path` since the flow began to be loaded."""
        for name in (_ANY, str(path), *map(str, path.parents)):
            if name in self.written:
                return Unknown(self.written[name].at, self.written[name].reason)
        return None

    def changed_below(self, folder: Path) -> Unknown | None:
        """What may have changed which files `folder` holds."""
        below = (cause for name, cause in self.written.items() if name and folder in Path(name).parents)
        return self.changed(folder) or next((Unknown(cause.at, cause.reason) for cause in below), None)


def change_directory(machine: Machine, path: Any, at: Site) -> None:
    """`os.chdir(path)`."""
    known = path if isinstance(path, (str, PurePath)) else machine.undecided(path, at)
    machine.heap.touch(machine.files.process)
    machine.files.process["cwd"] = known if isinstance(known, Unknown) else machine.files.absolute(known)


def write(machine: Machine, path: Any, at: Site) -> Unknown:
    """The file or folder at `path` is written, moved or deleted; an unknown path can be any."""
    cause = machine.unknown(at, "changes files while the flow is loaded")
    absolute = machine.files.absolute(path) if isinstance(path, (str, PurePath)) else path
    machine.heap.touch(machine.files.written)
    machine.files.written[absolute if isinstance(absolute, str) else _ANY] = cause
    return cause


def find(machine: Machine, path: Any, at: Site, doing: str) -> Path | Unknown:
    """Where `path` leads: from the working directory, else beside the flow.

    Args:
        machine: The reading.
        path: Text or a path.
        at: Where it is used.
        doing: What is done with it, for one outside the project ("reads a file").
    """
    if not isinstance(path, (str, PurePath)):
        return machine.undecided(path, at)
    absolute = machine.files.absolute(path)
    if isinstance(absolute, Unknown):
        return absolute
    places = (machine.inside(absolute), machine.inside(Path(machine.folder, path)))
    candidates = [place for place in places if place is not None]
    machine.reads.update(map(str, candidates))
    if not candidates:
        return machine.unknown(at, f"{doing} that is not in this project")
    cause = next((cause for candidate in candidates if (cause := machine.files.changed(candidate))), None)
    return cause or next((candidate for candidate in candidates if candidate.exists()), candidates[0])
