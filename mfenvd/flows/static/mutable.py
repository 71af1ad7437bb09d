"""Flows and steps as their mutators see them: MutableFlow, MutableStep."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mfenvd.flows.decorator_names import ENVIRONMENT_STEP, FLOW_DECORATORS
from mfenvd.flows.static import configs
from mfenvd.flows.static.decorators import (
    BoundDecorator,
    MetaflowDecorator,
    Removed,
    add,
)
from mfenvd.flows.static.defaults import DEFAULTS, SEVERAL
from mfenvd.flows.static.heap import Conditional, DecoratorList, Doubt
from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.values import MISSING, Builtin, Call, ClassValue, Function, Site, Special, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

_DUPLICATES = {"IGNORE": 1, "ERROR": 2, "OVERRIDE": 3}
_OVERRIDE = _DUPLICATES["OVERRIDE"]


class Duplicates(Special):
    """`MutableStep.IGNORE` and its like."""

    __slots__ = ()

    def attribute(self, machine: Machine, name: str, at: Site) -> Any:
        """One of the three."""
        del machine, at
        return _DUPLICATES.get(name, MISSING)


DUPLICATES = Duplicates()


class Wrapper(Special):
    """What `@user_step_decorator` makes: it runs around the step and leaves its environment alone."""

    __slots__ = ()

    def call(self, machine: Machine, call: Call) -> Any:
        """Applies it."""
        del machine
        return call.arguments[0] if call.arguments else self


class FlowState:
    """A flow with its configs, its decorators and its steps, apart from those of other flows."""

    __slots__ = ("at", "cls", "configs", "decorators", "mutators", "steps")

    def __init__(self, cls: ClassValue, values: dict[str, Any], at: Site) -> None:
        self.cls = cls
        self.configs = values
        self.at = at
        self.decorators = DecoratorList()
        self.mutators: list[Any] = []
        self.steps: dict[str, StepState] = {}


class StepState(Special):
    """A step, and the MutableStep that stands for it."""

    __slots__ = ("decorators", "flow", "function", "mutators", "name")

    def __init__(self, name: str, function: Function, flow: FlowState) -> None:
        self.name = name
        self.function = function
        self.flow = flow
        self.decorators = DecoratorList(function.attributes["decorators"])
        self.mutators: list[Any] = list(function.attributes.get("config_decorators", ()))

    def attribute(self, machine: Machine, name: str, at: Site) -> Any:
        """The members of MutableStep."""
        if name == "flow":
            return MutableFlow(self.flow)
        if name == "name":
            return self.name
        return member(machine, self.decorators, self.mutators, name, at)

    def exposed(self, machine: Machine, cause: Unknown) -> None:
        """Whoever got it may have changed the decorators."""
        add(machine, self.decorators, Doubt(cause))


class MutableFlow(Special):
    """The flow, for its mutators."""

    __slots__ = ("state",)

    def __init__(self, state: FlowState) -> None:
        self.state = state

    def attribute(self, machine: Machine, name: str, at: Site) -> Any:
        """The members of MutableFlow, steps and configs by name."""
        state = self.state
        own: dict[str, Callable[[], Any]] = {
            "configs": lambda: list(state.configs.items()),
            "parameters": lambda: _parameters(state),
            "steps": lambda: [(step, state.steps[step]) for step in sorted(state.steps)],
            "add_parameter": lambda: Builtin(name, lambda _machine, _call: None),
            "remove_parameter": lambda: Builtin(name, lambda _machine, _call: None),
        }
        if name in own or name in state.steps:
            return own[name]() if name in own else state.steps[name]
        found = member(machine, state.decorators, state.mutators, name, at)
        if found is not MISSING:
            return found
        value = state.cls.find(name)
        if isinstance(value, configs.ConfigParameter):
            return state.configs.get(value.name)
        return machine.unknown(at, "is a part of the flow that is not followed")

    def exposed(self, machine: Machine, cause: Unknown) -> None:
        """Whoever got it may have changed any decorators."""
        add(machine, self.state.decorators, Doubt(cause))
        for step in self.state.steps.values():
            step.exposed(machine, cause)


def _parameters(state: FlowState) -> list[Any]:
    """The parameters of the flow: their names are known, what they are is not."""
    found = {
        name: (name, value)
        for cls in reversed(state.cls.mro)
        for name, value in cls.names.items()
        if isinstance(value, Unknown) and value.external == "metaflow.Parameter()"
    }
    return [found[name] for name in sorted(found)]


def member(machine: Machine, decorators: DecoratorList, mutators: list[Any], name: str, at: Site) -> Any:
    """What MutableStep and MutableFlow have in common; MISSING for anything else."""
    if name in _DUPLICATES:
        return DUPLICATES.attribute(machine, name, at)
    if name == "decorator_specs":
        return _specifications(machine, decorators, at)
    methods: dict[str, Callable[[Machine, Call], Any]] = {
        "add_decorator": lambda machine, call: _add(machine, decorators, mutators, call),
        "remove_decorator": lambda machine, call: _remove(machine, decorators, mutators, call),
        "has_decorator": lambda machine, call: _has(machine, decorators, call),
        "get_decorator_specs": lambda machine, call: _matching(machine, decorators, call),
    }
    return Builtin(name, methods[name]) if name in methods else MISSING


_ADD = ("deco_type", "deco_args", "deco_kwargs", "duplicates")


def _add(machine: Machine, decorators: DecoratorList, mutators: list[Any], call: Call) -> Any:
    """`add_decorator(deco_type, deco_args, deco_kwargs, duplicates)`."""
    arguments = {**dict(zip(_ADD, call.arguments, strict=False)), **call.keywords}
    kind = arguments.get("deco_type")
    if isinstance(kind, Wrapper) or (isinstance(kind, Unknown) and kind.external is not None):
        return kind  # it runs around the step, or is not part of this project
    keywords = machine.readable(arguments.get("deco_kwargs") or {})
    keywords = {"**": keywords} if isinstance(keywords, Unknown) else keywords
    duplicates = arguments.get("duplicates", _DUPLICATES["IGNORE"])
    if isinstance(kind, str):
        name, _, specification = kind.partition(":")
        mutator = _named_mutator(machine, name, call.at)
        if mutator is not None:
            kind, keywords = mutator, {**_specified(specification), **keywords}
    if isinstance(kind, ClassValue):
        given = machine.readable(arguments.get("deco_args") or [])
        spread = {"**": given} if isinstance(given, Unknown) else {}
        machine.heap.touch(mutators)
        mutators.append((kind, Call([] if spread else list(given), {**keywords, **spread}, call.at)))
        return None
    unknown = next((value for value in (kind, duplicates) if isinstance(value, Unknown)), None)
    bound = unknown if unknown is not None else _bound(machine, kind, dict(keywords), call)
    if isinstance(bound, Unknown):
        add(machine, decorators, Doubt(Unknown(call.at, bound.reason, bound.fix)))
        return bound
    present = bound.name not in SEVERAL and any(name_of(item) == bound.name for item in decorators)
    if present and duplicates == _DUPLICATES["ERROR"]:
        raise Raised("DuplicateStepDecoratorException", call.at, f"the step has @{bound.name} already")
    if present and duplicates != _OVERRIDE:
        return None
    machine.heap.touch(decorators)
    decorators[:] = [item for item in decorators if not (present and name_of(item) == bound.name)]
    decorators.append(bound)
    return bound


def _named_mutator(machine: Machine, name: str, at: Site) -> ClassValue | None:
    """The mutator that Metaflow knows as `name`: a class of the project, alone or after its module."""
    module, _, last = name.rpartition(".")
    if module:
        found = machine.find_attribute(machine.load(module, at), last, at)
        return found if isinstance(found, ClassValue) else None
    values = (value for loaded in machine.loaded.values() for value in list(loaded.names.values()))
    classes = (value for value in values if isinstance(value, ClassValue) and value.source is not None)
    return next((cls for cls in classes if cls.name == name and any(base.name in _MUTATORS for base in cls.mro)), None)


_MUTATORS = ("StepMutator", "FlowMutator")


def _bound(machine: Machine, kind: Any, keywords: dict[str, Any], call: Call) -> BoundDecorator | Unknown:
    if isinstance(kind, MetaflowDecorator):
        return BoundDecorator(kind.name, kind.level, keywords, call.at)
    if isinstance(kind, str):
        name, _, specification = kind.partition(":")
        level = "flow" if name in FLOW_DECORATORS else "step"
        return BoundDecorator(name, level, {**_specified(specification), **keywords}, call.at)
    return machine.unknown(call.at, "adds something that is no decorator of Metaflow")


def _specified(specification: str) -> dict[str, Any]:
    """The attributes in `name:a=1,b="x"`, as Metaflow reads them (`extract_args_kwargs_from_decorator_spec`)."""
    found: dict[str, Any] = {}
    for part in re.split(r",(?=[\s\w]+=)", specification) if specification else ():
        name, _, text = part.partition("=")
        try:
            found[name.strip()] = json.loads(text.strip().replace('\\"', '"'))
        except ValueError:
            found[name.strip()] = _number(text.strip())
    return found


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _remove(machine: Machine, decorators: DecoratorList, mutators: list[Any], call: Call) -> Any:
    """`remove_decorator(name, deco_args, deco_kwargs)`."""
    name = call.first("deco_name")
    arguments = {**dict(zip(("deco_name", "deco_args", "deco_kwargs"), call.arguments, strict=False)), **call.keywords}
    given = [arguments.get("deco_args"), arguments.get("deco_kwargs")]
    if isinstance(name, str) and _named_mutator(machine, name, call.at) is not None:
        return _remove_mutators(machine, decorators, mutators, name.rpartition(".")[2], call)
    answers = [name_of(item) == name and _is_meant(machine, item, given, call.at) for item in decorators]
    if not isinstance(name, str) or None in answers:
        cause = machine.unknown(call.at, "removes only some of the decorators of a name")
        add(machine, decorators, Doubt(machine.first_unknown(name) or cause))
        return cause
    kept = [item for item, meant in zip(decorators, answers, strict=True) if not meant]
    removed = len(kept) < len(decorators)
    machine.heap.touch(decorators)
    decorators[:] = kept
    if name in ENVIRONMENT_STEP and (removed or given == [None, None]):
        decorators.append(Removed(name, machine.unknown(call.at, "removes what the flow's decorator stands for")))
    return removed


def _remove_mutators(machine: Machine, decorators: DecoratorList, mutators: list[Any], name: str, call: Call) -> Any:
    """Removes the mutators of the project called `name`."""
    if len(call.values) > 1:
        cause = machine.unknown(call.at, "removes only some of the mutators of a name")
        add(machine, decorators, Doubt(cause))
        return cause
    classes = [item[0] if isinstance(item, tuple) else getattr(item, "cls", None) for item in mutators]
    kept = [item for item, cls in zip(mutators, classes, strict=True) if cls is None or cls.name != name]
    removed = len(kept) < len(mutators)
    machine.heap.touch(mutators)
    mutators[:] = kept
    return removed


def _is_meant(machine: Machine, item: Any, given: list[Any], at: Site) -> bool | None:
    """Whether `item` has the arguments that are given: exactly the pair that `decorator_specs` shows of it."""
    if given == [None, None]:
        return True
    if machine.plain(given, at) is not None or not isinstance(item, BoundDecorator):
        return None
    if given[0] != []:
        return False
    defaults = DEFAULTS.get(item.name)
    if defaults is None or machine.plain(item.attributes, at) is not None:
        return None
    return bool(given[1] == {**defaults, **item.attributes})


def _has(machine: Machine, decorators: DecoratorList, call: Call) -> Any:
    """`has_decorator(name)`."""
    name = call.first("name")
    if not isinstance(name, str):
        return machine.undecided(name, call.at)
    if any(isinstance(item, BoundDecorator) and item.name == name for item in decorators):
        return True
    return _doubt(decorators) or False


def _doubt(decorators: DecoratorList) -> Unknown | None:
    return next((item.cause for item in decorators if isinstance(item, (Doubt, Conditional))), None)


def _specifications(machine: Machine, decorators: DecoratorList, at: Site) -> Any:
    """`decorator_specs`: name, full name, positional arguments, attributes."""
    doubt = _doubt(decorators)
    if doubt is not None:
        return doubt
    found: list[Any] = []
    for item in decorators:
        defaults = DEFAULTS.get(item.name)
        hidden = machine.unknown(at, "includes what Metaflow's configuration says")
        attributes = hidden if defaults is None else {**copy.deepcopy(defaults), **item.attributes}
        found.append((item.name, f"metaflow.{item.name}", [], attributes))
    return found


def _matching(machine: Machine, decorators: DecoratorList, call: Call) -> Any:
    found = _specifications(machine, decorators, call.at)
    name = call.first("name")
    return found if isinstance(found, Unknown) else [item for item in found if item[0] == name]


def name_of(item: Any) -> str | None:
    """The name of a decorator in a list, conditional or not; None for a doubt."""
    bound = item.decorator if isinstance(item, Conditional) else item
    return bound.name if isinstance(bound, BoundDecorator) else None
