"""Metaflow's decorators, and what applying a decorator to a step or a flow leaves behind."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeGuard

from mfenvd.flows.decorator_names import ENVIRONMENT_FLOW, ENVIRONMENT_STEP, REMOTE
from mfenvd.flows.static.defaults import DEFAULTS
from mfenvd.flows.static.heap import Conditional, DecoratorList, Doubt
from mfenvd.flows.static.outcomes import Evidence, Raised
from mfenvd.flows.static.values import Builtin, Call, ClassValue, Function, Site, Special, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

# What Metaflow raises for a step decorator below `@step`.
_MISPLACED = "BadStepDecoratorException"


class Removed:
    """A mutator took the step's `name` away. Metaflow has merged `name_base` into it by then."""

    __slots__ = ("cause", "name")

    def __init__(self, name: str, cause: Unknown) -> None:
        self.name = name
        self.cause = cause


class MetaflowDecorator(Special):
    """`metaflow.pypi` and its like, before they get arguments."""

    __slots__ = ("level", "name")

    def __init__(self, name: str, level: str) -> None:
        self.name = name
        self.level = level

    def call(self, machine: Machine, call: Call) -> Any:
        """With arguments by keyword a decorator, else applied at once."""
        bound = BoundDecorator(self.name, self.level, call.keywords, call.at)
        if call.arguments:
            return attach(machine, bound, call.arguments[0], call)
        machine.made.append(bound)
        return bound

    def equals(self, other: Any, same: Callable[[Any, Any], bool]) -> bool:
        """By name."""
        del same
        return bool(self.name == other.name)


class BoundDecorator(Special):
    """A decorator of Metaflow with its arguments. An `implicit` one is attached by Metaflow itself."""

    __slots__ = ("at", "attributes", "implicit", "level", "name")

    def __init__(self, name: str, level: str, attributes: dict[str, Any], at: Site, *, implicit: bool = False) -> None:
        self.name = name
        self.level = level
        self.attributes = attributes
        self.at = at
        self.implicit = implicit

    def attribute(self, machine: Machine, name: str, at: Site) -> Any:
        """`attributes`, which can be changed, and `name`."""
        if name == "name":
            return self.name
        if name != "attributes":
            return machine.unknown(at, "is a part of Metaflow that is not followed")
        if self.name not in DEFAULTS:
            return machine.unknown(at, "includes what Metaflow's configuration says")
        machine.heap.touch(self.attributes)
        for key, value in DEFAULTS[self.name].items():
            self.attributes.setdefault(key, copy.deepcopy(value))
        return self.attributes

    def call(self, machine: Machine, call: Call) -> Any:
        """Applies it."""
        return attach(machine, self, call.arguments[0] if call.arguments else None, call)

    def equals(self, other: Any, same: Callable[[Any, Any], bool]) -> bool:
        """The same decorator with the same arguments."""
        return bool(self.name == other.name) and same(self.attributes, other.attributes)


def is_step(value: Any) -> bool:
    """Whether `value` is a function behind `@step`."""
    return isinstance(value, Function) and "is_step" in value.attributes


def is_flow(value: Any) -> bool:
    """Whether `value` is a FlowSpec subclass, or looks like one whose base cannot be read."""
    if not isinstance(value, ClassValue):
        return False
    if any(base.name == "FlowSpec" and base.source is None for base in value.mro):
        return True
    return value.unread is not None and any(is_step(item) for item in value.names.values())


def is_decorated(target: Any) -> TypeGuard[Function | ClassValue]:
    """Whether decorators of `target` concern its environment."""
    return is_step(target) or is_flow(target)


def decorators_of(machine: Machine, target: Function | ClassValue) -> DecoratorList:
    """The list that decorators of a step or flow are added to."""
    found = target.attributes.get("decorators")
    if not isinstance(found, DecoratorList):
        found = DecoratorList()
        machine.heap.touch(target.attributes)
        target.attributes["decorators"] = found
    return found


def attach(machine: Machine, bound: BoundDecorator, target: Any, call: Call) -> Any:
    """`bound(target)`.

    Raises:
        Raised: Metaflow refuses the target.
    """
    if isinstance(target, Unknown):
        # Not known to be the step, so what becomes of this decorator is in doubt, wherever `target` comes from.
        for item in target.held():
            if is_decorated(item):
                add(machine, decorators_of(machine, item), Doubt(target))
        return Unknown(target.at, target.reason, target.fix, carried=(*target.carried, bound))
    if bound.level == "step":
        if isinstance(target, Function) and is_step(target):
            add(machine, decorators_of(machine, target), bound)
            return target
        hint = f"@{bound.name} needs @step directly above the function"
        raise Raised(_MISPLACED, call.at, hint)
    if isinstance(target, ClassValue):
        add(machine, decorators_of(machine, target), bound)
        return target
    raise Raised("BadFlowDecoratorException", call.at, f"@{bound.name} is for flows")


def add(machine: Machine, decorators: DecoratorList, item: Any) -> None:
    """Appends `item`."""
    machine.heap.touch(decorators)
    decorators.append(item)


def mark_step(machine: Machine, call: Call) -> Any:
    """`step(f)`, `step(start=True)`."""
    if not call.arguments:
        return Builtin("step", mark_step)
    target = call.arguments[0]
    if not isinstance(target, Function):
        return target
    machine.heap.touch(target.attributes)
    decorators = DecoratorList()
    if "misplaced" in target.attributes:
        decorators.append(Doubt(target.attributes["misplaced"]))
    target.attributes.update(
        {"is_step": True, "name": target.name, "decorators": decorators, "config_decorators": DecoratorList()}
    )
    return target


def decorate(machine: Machine, decorator: Any, target: Function | ClassValue, at: Site, evidence: Evidence) -> Any:
    """`decorator(target)` for a step or flow; what cannot be followed is noted with the target."""
    try:
        result = machine.call(decorator, Call([target], {}, at))
    except Raised as raised:
        result = raised.as_unknown()
        if raised.kind == _MISPLACED:
            machine.heap.touch(target.attributes)
            target.attributes["misplaced"] = result
    if isinstance(result, Unknown) and _same_decorators(target, result):
        result = result.options[0]
    if isinstance(result, Unknown):
        unclear: Unknown = result
        unset = [name for name in evidence.variables if name not in machine.environ]
        if unset and unclear.external is None:
            unclear = _needs_variables(unset, evidence, at)
        _note(machine, target, unclear, at)
        result = target
    if is_decorated(result):
        _note_conditions(machine, decorator, result, at, evidence)
    return result


def passed_through(machine: Machine, arguments: Call, result: Unknown) -> Any:
    """`result`, or the step or flow that a decorator of another package was called with.

    Such a decorator leaves environments alone, so the step is still the step for whoever decorates it next.
    """
    target = arguments.arguments[0] if len(arguments.arguments) == 1 and not arguments.keywords else None
    if result.external is None or not isinstance(target, (Function, ClassValue)) or not is_decorated(target):
        return result
    _note(machine, target, result, arguments.at)
    return target


def _same_decorators(target: Function | ClassValue, result: Unknown) -> bool:
    """Whether all that the decorator may return are `target`, wrapped or not."""
    own = target.attributes.get("decorators")
    return bool(result.options) and all(
        isinstance(option, Function) and option.attributes.get("decorators") is own for option in result.options
    )


def _needs_variables(unset: list[str], evidence: Evidence, at: Site) -> Unknown:
    """The decorator fails without a variable: with it, it applies what was made for it."""
    names = " and ".join(dict.fromkeys(unset))
    only_remote = bool(evidence.made) and all(made.name in REMOTE for made in evidence.made)
    fix = f"Set {names} where you run `mfenv up`, or give it a default."
    external = "os.environ" if only_remote else None
    return Unknown(at, f"needs {names}, not set here", fix, carried=tuple(evidence.made), external=external)


def _note(machine: Machine, target: Function | ClassValue, result: Unknown, at: Site) -> None:
    """The decorator could not be followed. One that is not part of the project leaves environments alone."""
    decorators = decorators_of(machine, target)
    cause = Unknown(at, result.reason, result.fix, external=result.external)
    for item in result.carried:
        if isinstance(item, (BoundDecorator, MetaflowDecorator)):
            bound = item if isinstance(item, BoundDecorator) else BoundDecorator(item.name, item.level, {}, at)
            if bound.name in REMOTE:
                add(machine, decorators, Conditional(bound, cause))
            elif bound.name in (*ENVIRONMENT_STEP, *ENVIRONMENT_FLOW):
                add(machine, decorators, Doubt(cause))
    if result.external is None:
        add(machine, decorators, Doubt(result))


def _note_conditions(machine: Machine, decorator: Any, target: Any, at: Site, evidence: Evidence) -> None:
    """A remote decorator that was made for this target but not applied, or because of a variable: remote "if"."""
    decorators = decorators_of(machine, target)
    cause = Unknown(at, "depends on the environment")
    for made in evidence.made:
        if made.name not in REMOTE or made is decorator:
            continue
        position = next((i for i, item in enumerate(decorators) if item is made), None)
        if position is None:
            if not any(isinstance(item, Conditional) and item.decorator is made for item in decorators):
                add(machine, decorators, Conditional(made, cause))
        elif evidence.variables:
            machine.heap.touch(decorators)
            decorators[position] = Conditional(made, cause)
