"""`sys.modules` and `importlib`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfenvd.flows.static.installed import has_module
from mfenvd.flows.static.modules import find_module
from mfenvd.flows.static.registering import registering
from mfenvd.flows.static.values import MISSING, Builtin, Call, Computed, Frame, Library, Module, Site, Special, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

TABLE: dict[str, Any] = {}

_function = registering(TABLE)


class ModuleTable(Special):
    """`sys.modules`: the project's modules are known, of others it is not known whether they are loaded."""

    __slots__ = ()

    def subscript(self, machine: Machine, key: Any, at: Site) -> Any:
        """`sys.modules[key]`."""
        if not isinstance(key, str):
            return machine.undecided(key, at)
        found = machine.replaced.get(key, machine.loaded.get(key))
        return machine.outside(f"sys.modules[{key!r}]", at) if found is None else found

    def attribute(self, machine: Machine, name: str, at: Site) -> Any:
        """`get`; any other method may change the table."""
        if name == "get":
            return Builtin(name, lambda machine, call: self.subscript(machine, call.first("key"), call.at))
        self.exposed(machine, cause := machine.unknown(at, "may change which modules there are"))
        return cause

    def contains(self, machine: Machine, item: Any, at: Site) -> Any:
        """`item in sys.modules`."""
        if isinstance(item, str) and item in machine.loaded and item not in machine.replaced:
            return True
        return machine.unknown(at, "asks which modules are loaded")

    def set_item(self, machine: Machine, key: Any, value: Any, at: Site) -> None:
        """From now on `import key` gives `value`."""
        if not isinstance(key, str):
            self.exposed(machine, machine.unknown(at, "replaces a module"))
            return
        machine.heap.touch(machine.replaced)
        machine.replaced[key] = value

    def delete_item(self, machine: Machine, key: Any, at: Site) -> None:
        """From now on `import key` executes the module anew."""
        self.set_item(machine, key, machine.unknown(at, "removes a module, which is loaded anew when it is needed"), at)

    def exposed(self, machine: Machine, cause: Unknown) -> None:
        """Any module may have been replaced."""
        machine.heap.touch(machine.replaced)
        machine.replaced.update(dict.fromkeys(machine.loaded, cause))
        machine.replaced[ANY] = cause


ANY = "*"
"""The entry of `Machine.replaced` that stands for all modules which are not loaded yet."""

TABLE["sys.modules"] = Computed(lambda _machine, _at: ModuleTable())


@_function("importlib.import_module")
def _import_module(machine: Machine, call: Call) -> Any:
    name = call.first("name")
    if not isinstance(name, str):
        return machine.undecided(name, call.at)
    package = call.arguments[1] if len(call.arguments) > 1 else call.keywords.get("package")
    if name.startswith("."):
        if not isinstance(package, str):
            return machine.undecided(package, call.at)
        level = len(name) - len(name.lstrip("."))
        parts = package.split(".")
        name = ".".join([*parts[: len(parts) - level + 1], name.lstrip(".")])
    return machine.load(str(name), call.at)


@_function("importlib.reload")
def _reload(machine: Machine, call: Call) -> Any:
    """Executes a module once more, over the names that it has."""
    module = call.first("module")
    if isinstance(module, Module):
        machine.run_module(module.source.tree.body, Frame(module, module.names))
        return module
    cause = machine.unknown(call.at, "loads a module anew")
    machine.expose(call.values, cause)
    return cause


@_function("importlib.util.find_spec")
def _find_spec(machine: Machine, call: Call) -> Any:
    """Whether there is a module; what it is is not followed."""
    name = call.first("name")
    if not isinstance(name, str) or name.startswith(".") or "." in name:
        return machine.undecided(name, call.at)
    folder = machine.facts.site_packages
    found = None if folder is None else has_module(folder, name)
    if found is not None:
        machine.reads.add(str(folder))
    if find_module(name, [machine.folder, machine.facts.root]) is not None or found is None:
        return machine.unknown(call.at, "asks which modules there are")
    return Library("importlib.machinery.ModuleSpec") if found else None


@_function("importlib.invalidate_caches")
def _invalidate(_machine: Machine, _call: Call) -> None:
    return None


def replacement(machine: Machine, name: str) -> Any:
    """What code of the project put in the place of module `name`, MISSING when it did not."""
    return machine.replaced.get(name, machine.replaced.get(ANY, MISSING))
