"""Mutators: classes of the project that add and remove decorators when a flow's class is complete."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import configs
from mfenvd.flows.static.decorators import (
    FLOW_DECORATORS,
    BoundDecorator,
    Doubt,
    MetaflowDecorator,
    add,
    is_flow,
    is_step,
)
from mfenvd.flows.static.heap import Conditional, DecoratorList
from mfenvd.flows.static.machine import Exhausted, Raised
from mfenvd.flows.static.values import (
    MISSING,
    BoundMethod,
    Builtin,
    Call,
    ClassValue,
    Frame,
    Function,
    Instance,
    Namespace,
    Special,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

IGNORE, ERROR, OVERRIDE = 1, 2, 3


class Duplicates(Special):
    """`MutableStep.IGNORE` and its like."""

    __slots__ = ()

    def attribute(self, machine: Machine, name: str, node: ast.AST, frame: Frame) -> Any:
        """One of the three."""
        del machine, node, frame
        return {"IGNORE": IGNORE, "ERROR": ERROR, "OVERRIDE": OVERRIDE}.get(name, MISSING)


DUPLICATES = Duplicates()


class Mutator(Special):
    """An instance of a mutator class, applied or ready to be."""

    __slots__ = ("arguments", "cls", "frame", "keywords", "level", "node")

    def __init__(self, cls: ClassValue, level: str, call: Call) -> None:
        self.cls = cls
        self.level = level
        self.arguments = call.arguments
        self.keywords = call.keywords
        self.node = call.node
        self.frame = call.frame

    def call(self, machine: Machine, call: Call) -> Any:
        """Applies it to a step or flow."""
        return apply(machine, self, call.arguments[0] if call.arguments else None)


def apply(machine: Machine, mutator: Mutator, target: Any) -> Any:
    """Notes the mutator with its step or flow, which stays what it is."""
    if mutator.level == "step" and is_step(target):
        add(machine, target.attributes["config_decorators"], mutator)
    elif mutator.level == "flow" and isinstance(target, ClassValue):
        add(machine, target.attributes.setdefault("mutators", DecoratorList()), mutator)
    return target


def _new(level: str) -> Builtin:
    def implementation(machine: Machine, call: Call) -> Any:
        cls, inner = call.arguments
        bare = len(inner.arguments) == 1 and (is_step(inner.arguments[0]) or is_flow(inner.arguments[0]))
        if bare:
            mutator = Mutator(cls, level, Call([], inner.keywords, inner.node, inner.frame))
            return apply(machine, mutator, inner.arguments[0])
        return Mutator(cls, level, inner)

    return Builtin("<new>", implementation)


def _class(name: str, level: str) -> ClassValue:
    cls = ClassValue(name, Namespace({"<new>": _new(level)}))
    cls.mro = (cls,)
    return cls


STEP_MUTATOR = _class("StepMutator", "step")
FLOW_MUTATOR = _class("FlowMutator", "flow")
USER_STEP_DECORATOR = _class("UserStepDecorator", "wrapper")


class Wrapper(Special):
    """What `@user_step_decorator` makes: it runs around the step and leaves its environment alone."""

    __slots__ = ()

    def call(self, machine: Machine, call: Call) -> Any:
        """Applies it."""
        del machine
        return call.arguments[0] if call.arguments else self


def user_step_decorator(_machine: Machine, call: Call) -> Any:
    """`user_step_decorator(generator)`."""
    return Wrapper() if call.arguments else Builtin("user_step_decorator", user_step_decorator)


class FlowState:
    """A flow as its mutators see it: its configs, its decorators and its steps, apart from those of other flows."""

    __slots__ = ("cls", "configs", "decorators", "frame", "mutators", "node", "steps")

    def __init__(self, cls: ClassValue, values: dict[str, Any], node: ast.AST, frame: Frame) -> None:
        self.cls = cls
        self.configs = values
        self.node = node
        self.frame = frame
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

    def attribute(self, machine: Machine, name: str, node: ast.AST, frame: Frame) -> Any:
        """The members of MutableStep."""
        if name in {"IGNORE", "ERROR", "OVERRIDE"}:
            return DUPLICATES.attribute(machine, name, node, frame)
        if name == "flow":
            return MutableFlow(self.flow)
        if name == "name":
            return self.name
        if name == "decorator_specs":
            return specifications(machine, self.decorators)
        methods = {
            "add_decorator": lambda m, c: add_decorator(m, self.decorators, c, self.flow, self),
            "remove_decorator": lambda m, c: remove_decorator(m, self.decorators, c),
            "has_decorator": lambda m, c: has_decorator(m, self.decorators, c),
            "get_decorator_specs": lambda m, c: _matching_specifications(m, self.decorators, c),
        }
        return Builtin(name, methods[name]) if name in methods else MISSING

    def exposed(self, machine: Machine, cause: Unknown) -> None:
        """Whoever got it may have changed the decorators."""
        add(machine, self.decorators, Doubt(cause))


class MutableFlow(Special):
    """The flow, for its mutators."""

    __slots__ = ("state",)

    def __init__(self, state: FlowState) -> None:
        self.state = state

    def attribute(self, machine: Machine, name: str, node: ast.AST, frame: Frame) -> Any:
        """The members of MutableFlow, steps and configs by name."""
        state = self.state
        if name in {"IGNORE", "ERROR", "OVERRIDE"}:
            return DUPLICATES.attribute(machine, name, node, frame)
        if name == "configs":
            return list(state.configs.items())
        if name == "parameters":
            return _parameters(state)
        if name == "steps":
            return [(step, state.steps[step]) for step in sorted(state.steps)]
        if name == "decorator_specs":
            return specifications(machine, state.decorators)
        if name in state.steps:
            return state.steps[name]
        methods = {
            "add_decorator": lambda m, c: add_decorator(m, state.decorators, c, state, None),
            "remove_decorator": lambda m, c: remove_decorator(m, state.decorators, c),
            "has_decorator": lambda m, c: has_decorator(m, state.decorators, c),
            "get_decorator_specs": lambda m, c: _matching_specifications(m, state.decorators, c),
            "add_parameter": lambda _m, _c: None,
            "remove_parameter": lambda _m, _c: True,
        }
        if name in methods:
            return Builtin(name, methods[name])
        value = state.cls.find(name)
        if isinstance(value, configs.ConfigParameter):
            return state.configs.get(value.name)
        return machine.unknown(node, frame, "is a part of the flow that is not followed")

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


_ADD = ("deco_type", "deco_args", "deco_kwargs", "duplicates")


def add_decorator(
    machine: Machine, decorators: DecoratorList, call: Call, flow: FlowState, step: StepState | None
) -> Any:
    """`add_decorator(deco_type, deco_args, deco_kwargs, duplicates)`."""
    arguments = {**dict(zip(_ADD, call.arguments, strict=False)), **call.keywords}
    kind = arguments.get("deco_type")
    keywords = machine.readable(arguments.get("deco_kwargs") or {})
    duplicates = arguments.get("duplicates", IGNORE)
    if isinstance(kind, Wrapper) or (isinstance(kind, Unknown) and kind.external is not None):
        return kind  # it runs around the step, or is not part of this project
    for value in (kind, keywords, duplicates, arguments.get("**")):
        if isinstance(value, Unknown):
            add(machine, decorators, Doubt(Unknown(call.frame.source, call.node, value.reason, value.fix)))
            return value
    if isinstance(kind, ClassValue):
        mutator = Mutator(
            kind, "step", Call(list(arguments.get("deco_args") or []), dict(keywords), call.node, call.frame)
        )
        target = step.mutators if step is not None else flow.mutators
        machine.heap.touch(target)
        target.append(mutator)
        return mutator
    bound = _bound(machine, kind, dict(keywords), call)
    if isinstance(bound, Unknown):
        add(machine, decorators, Doubt(bound))
        return bound
    existing = [item for item in decorators if _name(item) == bound.name]
    if existing and duplicates != OVERRIDE:
        return None
    machine.heap.touch(decorators)
    decorators[:] = [item for item in decorators if _name(item) != bound.name]
    decorators.append(bound)
    return bound


def _bound(machine: Machine, kind: Any, keywords: dict[str, Any], call: Call) -> BoundDecorator | Unknown:
    if isinstance(kind, MetaflowDecorator):
        return BoundDecorator(kind.name, kind.level, keywords, call.node, call.frame.source)
    if isinstance(kind, str):
        name, _, specification = kind.partition(":")
        level = "flow" if name in FLOW_DECORATORS else "step"
        attributes = {**_specified(specification), **keywords}
        return BoundDecorator(name, level, attributes, call.node, call.frame.source)
    return machine.unknown(call.node, call.frame, "adds something that is no decorator of Metaflow")


def _specified(specification: str) -> dict[str, Any]:
    """The attributes in `name:a=1,b="x"`, as Metaflow reads them."""
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


def remove_decorator(machine: Machine, decorators: DecoratorList, call: Call) -> Any:
    """`remove_decorator(name, deco_args, deco_kwargs)`."""
    name = call.first("deco_name")
    keywords = call.arguments[2] if len(call.arguments) > 2 else call.keywords.get("deco_kwargs")
    if not isinstance(name, str) or keywords is not None:
        cause = machine.first_unknown(name) or machine.unknown(call.node, call.frame, "removes some decorators only")
        add(machine, decorators, Doubt(cause))
        return cause
    kept = [item for item in decorators if _name(item) != name]
    removed = len(kept) < len(decorators)
    machine.heap.touch(decorators)
    decorators[:] = kept
    return removed


def has_decorator(machine: Machine, decorators: DecoratorList, call: Call) -> Any:
    """`has_decorator(name)`."""
    name = call.first("name")
    if not isinstance(name, str):
        return machine.first_unknown(name) or machine.unknown(call.node, call.frame, "asks for no name")
    doubt = next((item for item in decorators if isinstance(item, (Doubt, Conditional))), None)
    if any(isinstance(item, BoundDecorator) and item.name == name for item in decorators):
        return True
    return doubt.cause if doubt is not None else False


def specifications(_machine: Machine, decorators: DecoratorList) -> Any:
    """`decorator_specs`: name, full name, positional arguments, keyword arguments."""
    doubt = next((item for item in decorators if isinstance(item, (Doubt, Conditional))), None)
    if doubt is not None:
        return doubt.cause
    return [(item.name, f"metaflow.{item.name}", [], dict(item.attributes)) for item in decorators]


def _matching_specifications(machine: Machine, decorators: DecoratorList, call: Call) -> Any:
    found = specifications(machine, decorators)
    name = call.first("name")
    return found if isinstance(found, Unknown) else [item for item in found if item[0] == name]


def _name(item: Any) -> str | None:
    if isinstance(item, Conditional):
        return _name(item.decorator)
    return item.name if isinstance(item, BoundDecorator) else None


def run(machine: Machine, flow: FlowState) -> None:
    """Mutates `flow` in Metaflow's order (2.19.39: flowspec._process_config_decorators, cli.start).

    `pre_mutate` of the flow's mutators and then of the steps'; then what `@pypi_base` and `@conda_base` attach;
    then `mutate`, before which every step has `@conda`, as the environment attaches it.
    """
    instances: dict[int, Any] = {}
    for mutator in flow.mutators:  # grows while it is gone through: mutators add mutators
        _call(machine, flow, mutator, "pre_mutate", MutableFlow(flow), instances)
    for step in flow.steps.values():
        for mutator in step.mutators:
            _call(machine, flow, mutator, "pre_mutate", step, instances)
    based = [item.name for item in flow.decorators if isinstance(item, BoundDecorator)]
    early = [name for name in ("pypi", "conda") if f"{name}_base" in based]
    _attach(machine, flow, early)
    if early:
        _mutate_steps(machine, flow, instances)
    _attach(machine, flow, ["conda"])
    for mutator in flow.mutators:
        _call(machine, flow, mutator, "mutate", MutableFlow(flow), instances)
    if not early:
        _mutate_steps(machine, flow, instances)


def _mutate_steps(machine: Machine, flow: FlowState, instances: dict[int, Any]) -> None:
    for step in flow.steps.values():
        for mutator in step.mutators:
            _call(machine, flow, mutator, "mutate", step, instances)


def _attach(machine: Machine, flow: FlowState, names: list[str]) -> None:
    for step in flow.steps.values():
        for name in names:
            if not any(_name(item) == name for item in step.decorators):
                bound = BoundDecorator(name, "step", {}, flow.node, flow.frame.source, implicit=True)
                add(machine, step.decorators, bound)


def _call(
    machine: Machine, flow: FlowState, mutator: Any, method: str, target: Special, instances: dict[int, Any]
) -> None:
    if not isinstance(mutator, Mutator):
        cause = mutator.cause if isinstance(mutator, (Doubt, Conditional)) else None
        if cause is not None:
            target.exposed(machine, cause)
        return
    try:
        if id(mutator) not in instances:
            instances[id(mutator)] = _instance(machine, flow, mutator)
        function = mutator.cls.find(method)
        if mutator.cls.unread is not None:
            target.exposed(machine, mutator.cls.unread)
        elif function is not MISSING:
            call = Call([target], {}, mutator.node, mutator.frame)
            result = machine.call(BoundMethod(function, instances[id(mutator)]), call)
            if isinstance(result, Unknown):
                target.exposed(machine, result)
    except Raised as raised:
        target.exposed(machine, Unknown(raised.source, raised.node, f"raises {raised}"))
    except (Exhausted, RecursionError):
        target.exposed(machine, machine.unknown(mutator.node, mutator.frame, "takes too many steps to follow"))


def _instance(machine: Machine, flow: FlowState, mutator: Mutator) -> Instance:
    """The mutator's object, after Metaflow called `init` with the decorator's arguments."""
    instance = Instance(mutator.cls)
    machine.heap.touch(instance.attributes)
    instance.attributes["_flow_cls"] = flow.cls
    arguments = [configs.resolve(machine, value, flow.configs) for value in mutator.arguments]
    keywords = configs.resolve_attributes(machine, mutator.keywords, flow.configs)
    init = mutator.cls.find("init")
    if init is not MISSING:
        machine.call(BoundMethod(init, instance), Call(arguments, keywords, mutator.node, mutator.frame))
    return instance
