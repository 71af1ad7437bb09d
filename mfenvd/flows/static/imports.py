"""Imports: files of the project are executed, known libraries are modelled, everything else is outside."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import library, library_modules
from mfenvd.flows.static.installed import has_module
from mfenvd.flows.static.modules import Unreadable, find_module
from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.source import Source
from mfenvd.flows.static.values import MISSING, Frame, Library, Module, Site, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def import_name(machine: Machine, alias: ast.alias, at: Site) -> tuple[str, Any]:
    """What `import alias` binds: the name and its value."""
    found = load(machine, alias.name, at)
    if alias.asname is not None:
        return alias.asname, found
    top = alias.name.partition(".")[0]
    return top, load(machine, top, at)


def import_from(machine: Machine, node: ast.ImportFrom, frame: Frame) -> Iterator[tuple[str, Any]]:
    """What `from … import …` binds.

    Raises:
        Raised: ImportError.
    """
    at = Site(node, frame)
    name = _absolute(node, frame.module)
    if name == "__future__":
        return
    module = load(machine, name, at) if name else _by_folder(machine, node, at)
    for alias in node.names:
        if alias.name == "*":
            yield from _star(machine, module, at)
            continue
        value = machine.find_attribute(module, alias.name, at)
        if value is MISSING and isinstance(module, Module):
            value = submodule(machine, module, alias.name, at)
        if value is MISSING:
            raise Raised("ImportError", at, f"cannot import name '{alias.name}'")
        yield alias.asname or alias.name, value


def load(machine: Machine, name: str, at: Site) -> Any:
    """The module called `name` (dotted, absolute), after the packages that it is in.

    Raises:
        Raised: ModuleNotFoundError, for one that this Python does not have yet.
    """
    parent_name = name.rpartition(".")[0]
    parent = load(machine, parent_name, at) if parent_name else None
    replaced = library_modules.replacement(machine, name)
    if replaced is not MISSING:
        return replaced
    top = name.partition(".")[0]
    if top in library.ALWAYS:
        return Library(name)
    modelled = library.knows(name) or top in sys.stdlib_module_names
    path = find_module(name, _folders(machine, top), namespaces=not modelled)
    if path is not None:
        return _load_file(machine, name, path, at, parent)
    if top not in sys.stdlib_module_names:
        _look_for(machine, name, at)
    return Library(name) if library.knows(name) and not _too_new(machine, top, at) else _outside(machine, name, at)


def _look_for(machine: Machine, name: str, at: Site) -> None:
    """Notes whether importing a module of another package may fail.

    Raises:
        Raised: ModuleNotFoundError, where that is caught. A module that is missing from where it has to be may
            be in the Python that the flow is started with.
    """
    found = None
    folder = machine.facts.site_packages
    if folder is not None and not machine.facts.environ.get("PYTHONPATH"):
        found = has_module(folder, name)
        machine.reads.add(folder)
    if found is False and machine.guarded:
        raise Raised("ModuleNotFoundError", at, f"No module named '{name}'")
    machine.risks += found is not True


_NEW_IN = {"tomllib": (3, 11)}


def _too_new(machine: Machine, top: str, at: Site) -> bool:
    """Whether it is not known that the project's Python has the module."""
    if top not in _NEW_IN:
        return False
    if machine.facts.python is None:
        return True
    version = tuple(int(part) for part in machine.facts.python.split(".")[:2] if part.isdigit())
    if version < _NEW_IN[top]:
        raise Raised("ModuleNotFoundError", at, f"No module named '{top}'")
    return False


def _outside(machine: Machine, name: str, at: Site) -> Unknown:
    """A module of another package. Should it appear in the project, the flow has to be read again."""
    if name.partition(".")[0] not in sys.stdlib_module_names:
        for folder in {machine.folder, machine.facts.root}:
            base = Path(folder, *name.split("."))
            machine.reads.update((f"{base}.py", str(base / "__init__.py")))
    elif name in _NEW_IN:
        machine.risks += 1
    return machine.outside(name, at)


def submodule(machine: Machine, module: Module, name: str, at: Site) -> Any:
    """The module `name` in the package `module`, executed; MISSING when there is none."""
    path = find_module(name, [module.directory]) if module.is_package else None
    return MISSING if path is None else _load_file(machine, f"{module.name}.{name}", path, at, module)


def _folders(machine: Machine, top: str) -> list[str]:
    """Where modules of the project are looked for, in order. What is installed elsewhere is not."""
    root = machine.facts.root
    folders = [folder for folder in machine.sys_path if isinstance(folder, (str, Path))]
    if top not in sys.stdlib_module_names:
        folders += machine.facts.environ.get("PYTHONPATH", "").split(os.pathsep)
        folders += [root, str(Path(root, "src")), *map(str, Path(machine.folder).parents)]
    inside = [machine.inside(folder) for folder in folders if folder]
    return list(dict.fromkeys(str(path) for path in inside if path is not None))


def _load_file(machine: Machine, name: str, path: Path, at: Site, parent: Any) -> Any:
    """The module in the file at `path`, executed when it is loaded first. Python binds it in its package then."""
    loaded: Any = machine.loaded.get(name)
    if loaded is not None:
        return loaded
    loaded = _execute(machine, name, path, at)
    if isinstance(parent, Module):
        machine.heap.touch(parent.names)
        parent.names[name.rpartition(".")[2]] = loaded
    return loaded


def _execute(machine: Machine, name: str, path: Path, at: Site) -> Any:
    if path.is_dir():
        machine.loaded[name] = _empty_package(name, path)
        return machine.loaded[name]
    machine.reads.add(str(path))
    try:
        source = machine.modules.parse(path)
    except Unreadable as unreadable:
        return machine.unknown(at, f"cannot be read: {unreadable.finding.message}")
    module = Module(name, source, str(path.parent), is_package=path.name == "__init__.py")
    machine.loaded[name] = module
    run_file(machine, module)
    return module


def _empty_package(name: str, path: Path) -> Module:
    return Module(name, Source(str(path), "", ast.Module([], [])), str(path), is_package=True)


def run_file(machine: Machine, module: Module) -> None:
    """Executes the top level of `module`."""
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    doc = ast.get_docstring(module.source.tree)
    module.names.update(
        {"__name__": module.name, "__file__": module.source.path, "__package__": package, "__doc__": doc}
    )
    with machine.heap.permanent():
        machine.run_module(module.source.tree.body, Frame(module, module.names))


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    """The absolute name that is imported from; empty for a relative import in a module without a package."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    parts = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*parts, *([node.module] if node.module else [])]) if parts else ""


def _by_folder(machine: Machine, node: ast.ImportFrom, at: Site) -> Any:
    """What a relative import means by folders: the flow's own file is `__main__` and in no package."""
    directory = Path(at.frame.module.directory)
    for _ in range(node.level - 1):
        directory = directory.parent
    found: Any = machine.loaded.get(directory.name) or _empty_package(directory.name, directory)
    for part in (node.module or "").split("."):
        found = submodule(machine, found, part, at) if part and isinstance(found, Module) else found
    return machine.unknown(at, "is not in this project") if found is MISSING else found


def _star(machine: Machine, module: Any, at: Site) -> Iterator[tuple[str, Any]]:
    if isinstance(module, Library):
        yield from library.everything(machine, module, at)
        return
    importer = at.frame.module
    if isinstance(module, Unknown):
        importer.poison = module
        return
    importer.poison = module.poison or importer.poison
    public = module.names.get("__all__")
    if isinstance(public, (list, tuple)) and machine.first_unknown(public) is None:
        names = [str(name) for name in public]
    else:
        names = [name for name in module.names if not name.startswith("_")]
    yield from ((name, module.names[name]) for name in names if name in module.names)
