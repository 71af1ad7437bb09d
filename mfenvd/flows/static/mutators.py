"""Mutators: classes of the project that add and remove decorators when a flow's class is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import configs
from mfenvd.flows.static.classes import NEW
from mfenvd.flows.static.decorators import BoundDecorator, add, is_flow, is_step
from mfenvd.flows.static.heap import Conditional, DecoratorList, Doubt
from mfenvd.flows.static.mutable import FlowState, MutableFlow, StepState, Wrapper, name_of
from mfenvd.flows.static.outcomes import Exhausted, Raised
from mfenvd.flows.static.values import (
    MISSING,
    BoundMethod,
    Builtin,
    Call,
    ClassValue,
    Instance,
    Namespace,
    Special,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


class Mutator(Special):
    """An instance of a mutator class, applied or ready to be."""

    __slots__ = ("arguments", "cls", "level")

    def __init__(self, cls: ClassValue, level: str, arguments: Call) -> None:
        self.cls = cls
        self.level = level
        self.arguments = arguments

    def call(self, machine: Machine, call: Call) -> Any:
        """Applies it to a step or flow."""
        return _apply(machine, self, call.arguments[0] if call.arguments else None)


def _apply(machine: Machine, mutator: Mutator, target: Any) -> Any:
    """Notes the mutator with its step or flow, which stays what it is."""
    if mutator.level == "step" and is_step(target):
        add(machine, target.attributes["config_decorators"], mutator)
    elif mutator.level == "flow" and isinstance(target, ClassValue):
        machine.heap.touch(target.attributes)
        add(machine, target.attributes.setdefault("mutators", DecoratorList()), mutator)
    return target


def _new(level: str) -> Builtin:
    def implementation(machine: Machine, call: Call) -> Any:
        cls, inner = call.arguments
        bare = len(inner.arguments) == 1 and (is_step(inner.arguments[0]) or is_flow(inner.arguments[0]))
        if not bare:
            return Mutator(cls, level, inner)
        return _apply(machine, Mutator(cls, level, Call([], inner.keywords, inner.at)), inner.arguments[0])

    return Builtin(NEW, implementation)


def _class(name: str, level: str) -> ClassValue:
    cls = ClassValue(name, Namespace({NEW: _new(level)}))
    cls.mro = (cls,)
    return cls


STEP_MUTATOR = _class("StepMutator", "step")
FLOW_MUTATOR = _class("FlowMutator", "flow")
USER_STEP_DECORATOR = _class("UserStepDecorator", "wrapper")


def user_step_decorator(_machine: Machine, call: Call) -> Any:
    """`user_step_decorator(generator)`."""
    return Wrapper() if call.arguments else Builtin("user_step_decorator", user_step_decorator)


def run(machine: Machine, flow: FlowState) -> None:
    """Mutates `flow` in Metaflow's order (2.19.39: flowspec._process_config_decorators, cli.start).

    `pre_mutate` of the flow's mutators and then of the steps'; then what `@pypi_base` and `@conda_base` attach;
    then `mutate`, before which every step has `@conda`, as the environment attaches it.
    """
    run = _Run(machine, flow)
    run.flow("pre_mutate")
    run.steps("pre_mutate")
    based = [item.name for item in flow.decorators if isinstance(item, BoundDecorator)]
    early = [name for name in ("pypi", "conda") if f"{name}_base" in based]
    _attach(machine, flow, early)
    if early:
        run.steps("mutate")
    _attach(machine, flow, ["conda"])
    run.flow("mutate")
    if not early:
        run.steps("mutate")


def _attach(machine: Machine, flow: FlowState, names: list[str]) -> None:
    for step in flow.steps.values():
        for name in names:
            if not any(name_of(item) == name for item in step.decorators):
                add(machine, step.decorators, BoundDecorator(name, "step", {}, flow.at, implicit=True))


class _Run:
    """The mutators of one flow at work; each is one object from start to end."""

    def __init__(self, machine: Machine, flow: FlowState) -> None:
        self._machine = machine
        self._flow = flow
        self._instances: dict[int, Instance] = {}
        self._added: dict[int, Mutator] = {}

    def flow(self, method: str) -> None:
        """Calls `method` of the flow's mutators; it may add more."""
        for mutator in self._flow.mutators:
            self._call(mutator, method, MutableFlow(self._flow), "flow")

    def steps(self, method: str) -> None:
        """Calls `method` of the mutators of each step."""
        for step in self._flow.steps.values():
            for mutator in step.mutators:
                self._call(mutator, method, step, "step")

    def _call(self, entry: Any, method: str, target: MutableFlow | StepState, level: str) -> None:
        if isinstance(entry, (Doubt, Conditional)):
            target.exposed(self._machine, entry.cause)
            return
        if isinstance(entry, tuple):  # added by another mutator
            cls, arguments = entry
            entry = self._added.setdefault(id(entry), Mutator(cls, level, arguments))
        try:
            self._run(entry, method, target)
        except Raised as raised:
            target.exposed(self._machine, raised.as_unknown())
        except (Exhausted, RecursionError):
            cause = self._machine.unknown(entry.arguments.at, "takes too many steps to follow")
            target.exposed(self._machine, cause)

    def _run(self, mutator: Mutator, method: str, target: MutableFlow | StepState) -> None:
        if mutator.cls.unread is not None:
            target.exposed(self._machine, mutator.cls.unread)
            return
        instance = self._instances.get(id(mutator)) or self._make(mutator)
        function = mutator.cls.find(method)
        if function is MISSING:
            return
        with self._machine.fresh_budget():
            result = self._machine.call(BoundMethod(function, instance), Call([target], {}, mutator.arguments.at))
        if isinstance(result, Unknown):
            target.exposed(self._machine, result)

    def _make(self, mutator: Mutator) -> Instance:
        """The mutator's object, after Metaflow called `init` with the decorator's arguments."""
        machine, values = self._machine, self._flow.configs
        instance = Instance(mutator.cls, Namespace({"_flow_cls": self._flow.cls}))
        arguments = [configs.resolve(machine, value, values) for value in mutator.arguments.arguments]
        keywords = configs.resolve_attributes(machine, mutator.arguments.keywords, values)
        init = mutator.cls.find("init")
        if init is not MISSING:
            machine.call(BoundMethod(init, instance), Call(arguments, keywords, mutator.arguments.at))
        self._instances[id(mutator)] = instance
        return instance
