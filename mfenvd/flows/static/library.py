"""What the interpreter knows of the standard library, of a few packages, and of Metaflow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import (
    library_classes,
    library_data,
    library_files,
    library_modules,
    library_regex,
    library_system,
    library_tools,
    metaflow,
)
from mfenvd.flows.static.values import Computed, Library, Site

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

ALWAYS = frozenset({"metaflow", "os", "sys", "typing", "builtins"})
"""Modules that no file of a project can stand in for."""

_TABLE: dict[str, Any] = {
    **library_regex.TABLE,
    **library_classes.TABLE,
    **library_system.TABLE,
    **library_files.TABLE,
    **library_modules.TABLE,
    **library_data.TABLE,
    **library_tools.TABLE,
}
_MODULES = frozenset(
    {name.rpartition(".")[0] for name in _TABLE}
    | {"abc", "os", "typing", "typing_extensions", "logging", "warnings", "pprint", "collections.abc"}
)
_ANNOTATIONS = frozenset({"typing", "typing_extensions", "abc", "collections.abc"})


def knows(name: str) -> bool:
    """Whether the module `name` is modelled."""
    return name in _MODULES or name.partition(".")[0] == "metaflow"


def attribute(machine: Machine, library: Library, name: str, at: Site) -> Any:
    """`library.name`."""
    full = f"{library.name}.{name}"
    if full in machine.patched:
        return machine.patched[full]
    if library.name.partition(".")[0] == "metaflow":
        return metaflow.attribute(machine, library.name, name, at)
    value = _TABLE.get(full, library)
    if value is library:
        return Library(full) if full in _MODULES or library.name in _ANNOTATIONS else machine.outside(full, at)
    return value.of(machine, at) if isinstance(value, Computed) else value


def everything(machine: Machine, library: Library, at: Site) -> Iterator[tuple[str, Any]]:
    """What `from library import *` binds."""
    if library.name == "metaflow":
        yield from ((name, attribute(machine, library, name, at)) for name in metaflow.NAMES)
        return
    prefix = f"{library.name}."
    for full in _TABLE:
        name = full.removeprefix(prefix)
        if full.startswith(prefix) and "." not in name:
            yield name, attribute(machine, library, name, at)
