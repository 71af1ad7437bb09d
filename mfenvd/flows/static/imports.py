"""Imports: files of the project are executed, known libraries are modelled, everything else is outside."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import attributes, library
from mfenvd.flows.static.machine import Raised
from mfenvd.flows.static.modules import Unreadable, find_module
from mfenvd.flows.static.source import Source
from mfenvd.flows.static.values import MISSING, Frame, Library, Module, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def import_name(machine: Machine, alias: ast.alias, node: ast.AST, frame: Frame) -> tuple[str, Any]:
    """What `import alias` binds: the name and its value."""
    parts = alias.name.split(".")
    found: Any = None
    top: Any = None
    for count in range(1, len(parts) + 1):
        found = load(machine, ".".join(parts[:count]), node, frame)
        top = found if count == 1 else top
    if alias.asname is not None:
        return alias.asname, found
    return parts[0], top


def import_from(machine: Machine, node: ast.ImportFrom, frame: Frame) -> Iterator[tuple[str, Any]]:
    """What `from … import …` binds."""
    name = _absolute(node, frame.module)
    if name == "__future__":
        return
    module = load(machine, name, node, frame) if name else _package(machine, node, frame)
    for alias in node.names:
        if alias.name == "*":
            yield from _star(machine, module, frame)
            continue
        value = attributes.find(machine, module, alias.name, node, frame)
        if value is MISSING and isinstance(module, Module):
            value = submodule(machine, module, alias.name) or MISSING
        if value is MISSING:
            raise Raised("ImportError", node, f"cannot import name '{alias.name}'", frame.source)
        yield alias.asname or alias.name, value


def load(machine: Machine, name: str, node: ast.AST, frame: Frame) -> Any:
    """The module called `name` (dotted, absolute)."""
    top = name.partition(".")[0]
    if top in library.ALWAYS:
        return Library(name)
    path = find_module(name, _folders(machine, top))
    if path is not None:
        return _load_file(machine, name, path, node, frame)
    if library.knows(name):
        return Library(name)
    if top not in sys.stdlib_module_names:
        machine.risks += 1
        for folder in {machine.folder, machine.facts.root}:
            machine.reads.add(os.path.join(folder, *name.split(".")) + ".py")
            machine.reads.add(os.path.join(folder, *name.split("."), "__init__.py"))
    elif top in _NEW_IN and machine.facts.python is not None:
        if _minor(machine.facts.python) < _NEW_IN[top]:
            raise Raised("ModuleNotFoundError", node, f"No module named '{top}'", frame.source)
    elif top in _NEW_IN:
        machine.risks += 1
    return machine.outside(name, node, frame)


_NEW_IN = {"tomllib": (3, 11), "zoneinfo": (3, 9), "graphlib": (3, 9)}


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def submodule(machine: Machine, module: Module, name: str) -> Module | None:
    """The module `name` in the package `module`, executed; None when there is none."""
    if not module.is_package:
        return None
    path = find_module(name, [module.directory])
    if path is None:
        return None
    loaded = _load_file(machine, f"{module.name}.{name}", path, module.source.tree, Frame(module, module.names))
    return loaded if isinstance(loaded, Module) else None


def _folders(machine: Machine, top: str) -> list[str]:
    """Where modules of the project are looked for, in order. What is installed elsewhere is not."""
    root = machine.facts.root
    folders = [folder for folder in machine.sys_path if isinstance(folder, (str, os.PathLike))]
    if top not in sys.stdlib_module_names:
        folders += machine.facts.environ.get("PYTHONPATH", "").split(os.pathsep)
        folders += [root, os.path.join(root, "src")]
        folders += [str(parent) for parent in Path(machine.folder).parents]
    inside: dict[str, None] = {}
    for folder in folders:
        path = machine.inside(folder) if folder else None
        if path is not None:
            inside[str(path)] = None
    return list(inside)


def _load_file(machine: Machine, name: str, path: Path, node: ast.AST, frame: Frame) -> Any:
    loaded = machine.loaded.get(str(path))
    if loaded is not None:
        return loaded
    if path.is_dir():
        module = Module(name, Source(str(path), "", ast.Module([], [])), str(path), is_package=True)
        machine.loaded[str(path)] = module
        return module
    machine.reads.add(str(path))
    try:
        source = machine.modules.parse(path)
    except Unreadable as unreadable:
        return machine.unknown(node, frame, f"cannot be read: {unreadable.finding.message}")
    is_package = path.name == "__init__.py"
    module = Module(name, source, str(path.parent), is_package)
    machine.loaded[str(path)] = module
    run_file(machine, module)
    return module


def run_file(machine: Machine, module: Module) -> None:
    """Executes the top level of `module`."""
    from mfenvd.flows.static.statements import run_module

    package = module.name if module.is_package else module.name.rpartition(".")[0]
    module.names.update(
        {
            "__name__": module.name,
            "__file__": module.source.path,
            "__package__": package,
            "__doc__": ast.get_docstring(module.source.tree),
        }
    )
    with machine.heap.permanent():
        run_module(machine, module.source.tree.body, Frame(module, module.names))


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    """The absolute name that is imported from; empty for the package that holds `module` when it has no name."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
    parts = parts[: len(parts) - (node.level - 1)] if node.level > 1 else parts
    return ".".join([*parts, *([node.module] if node.module and parts else [])]) if parts else ""


def _package(machine: Machine, node: ast.ImportFrom, frame: Frame) -> Any:
    """The package that a relative import means, by folders: the flow's own file is `__main__` and in no package."""
    directory = Path(frame.module.directory)
    for _ in range(node.level - 1):
        directory = directory.parent
    package = Module(directory.name, Source(str(directory), "", ast.Module([], [])), str(directory), is_package=True)
    found: Any = package
    for part in (node.module or "").split("."):
        if part and isinstance(found, Module):
            found = submodule(machine, found, part) or machine.unknown(node, frame, "is not in this project")
    return found


def _star(machine: Machine, module: Any, frame: Frame) -> Iterator[tuple[str, Any]]:
    if isinstance(module, Library):
        yield from library.everything(machine, module, frame)
        return
    if isinstance(module, Unknown):
        frame.module.poison = module
        return
    public = module.names.get("__all__")
    if isinstance(public, (list, tuple)) and machine.first_unknown(public) is None:
        names = [str(name) for name in public]
    else:
        names = [name for name in module.names if not name.startswith("_")]
    if module.poison is not None:
        frame.module.poison = module.poison
    yield from ((name, module.names[name]) for name in names if name in module.names)
