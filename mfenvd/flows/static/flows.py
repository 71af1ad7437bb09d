"""From an executed module to the flows that it defines."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.loaded import DeclaredDecorator
from mfenvd.flows.decorator_names import ENVIRONMENT_FLOW, ENVIRONMENT_STEP, REMOTE
from mfenvd.flows.reading import FlowReading, RemoteDecorator, StepReading
from mfenvd.flows.static import configs, findings, mutators
from mfenvd.flows.static.decorators import BoundDecorator, Removed, is_flow, is_step
from mfenvd.flows.static.heap import Conditional, Doubt
from mfenvd.flows.static.merge import Declared, Merged
from mfenvd.flows.static.mutable import FlowState, StepState, name_of
from mfenvd.flows.static.values import ClassValue, Frame, Function, Module, Site, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def read_flows(machine: Machine, module: Module) -> tuple[FlowReading, ...]:
    """The FlowSpec subclasses that the file of `module` defines, in the order of the file."""
    found: dict[int, ClassValue] = {}
    for value in module.names.values():
        for candidate in (value, *(value.options if isinstance(value, Unknown) else ())):
            if is_flow(candidate) and candidate.source is module.source:
                found[id(candidate)] = candidate
    return tuple(_FlowReader(machine, cls).read() for cls in sorted(found.values(), key=_line))


def looks_like_flow(node: ast.ClassDef) -> bool:
    """Whether a class has methods behind a decorator called `step`."""
    return any(
        (isinstance(decorator, ast.Name) and decorator.id == "step")
        or (isinstance(decorator, ast.Attribute) and decorator.attr == "step")
        for item in node.body
        if isinstance(item, ast.FunctionDef)
        for decorator in item.decorator_list
    )


def unread_flows(module: Module, flows: tuple[FlowReading, ...]) -> tuple[Finding, ...]:
    """A finding for each class of the top level that looks like a flow and is not among `flows`."""
    lines = {flow.location.line for flow in flows}
    found = []
    started = "__main__" in module.source.text and not flows
    for node in _classes(module.source.tree.body, in_functions=started):
        value = module.names.get(node.name)
        mixin = isinstance(value, ClassValue) and value.unread is None
        if node.lineno not in lines and looks_like_flow(node) and not mixin:
            unknown = value if isinstance(value, Unknown) else None
            found.append(findings.unread_flow(node.name, module.source.location(node), unknown))
    return tuple(found)


def _classes(body: Sequence[ast.stmt], *, in_functions: bool = False) -> Iterator[ast.ClassDef]:
    """The classes of a body, also those under `if` and `try`."""
    compound = (ast.If, ast.Try, ast.With, ast.For, *((ast.FunctionDef, ast.ClassDef) if in_functions else ()))
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield statement
        for part in ("body", "orelse", "finalbody"):
            if isinstance(statement, compound):
                yield from _classes(getattr(statement, part, ()), in_functions=in_functions)


def has_candidates(tree: ast.Module) -> bool:
    """Whether there is a class that could be a flow, also one that a function makes: one with a base."""
    if any(node.bases for node in _classes(tree.body)):
        return True
    return any(looks_like_flow(node) for node in _classes(tree.body, in_functions=True))


def _line(cls: ClassValue) -> int:
    return cls.node.lineno if cls.node is not None else 0


class _FlowReader:
    """Reads one flow."""

    def __init__(self, machine: Machine, cls: ClassValue) -> None:
        self._machine = machine
        self._cls = cls
        assert cls.source is not None  # noqa: S101 - a flow of this file has a source
        assert cls.node is not None  # noqa: S101
        self._source = cls.source
        self._node = cls.node

    def read(self) -> FlowReading:
        module = Module(self._cls.names.get("__module__", ""), self._source, "")
        at = Site(self._node, Frame(module, module.names))
        state = FlowState(self._cls, configs.values_of(self._machine, self._cls), at)
        for cls in self._cls.mro:
            state.decorators.extend(cls.attributes.get("decorators", ()))
            state.mutators.extend(cls.attributes.get("mutators", ()))
        for name, function, doubt in _steps(self._cls):
            state.steps[name] = StepState(name, function, state)
            if doubt is not None:
                state.steps[name].decorators.append(Doubt(doubt))
        if state.mutators or any(step.mutators for step in state.steps.values()):
            mutators.run(self._machine, state)
        unread = self._cls.unread
        return FlowReading(
            name=self._cls.name,
            location=self._source.location(self._node),
            steps=tuple(self._step(state, step) for step in state.steps.values()),
            findings=(
                *((findings.unknown_base(self._cls.name, unread),) if unread is not None else ()),
                *(
                    findings.unknown_value(f"Config {name}", value, Severity.WARNING)
                    for name, value in _failing(state.configs)
                ),
            ),
        )

    def _step(self, state: FlowState, step: StepState) -> StepReading:
        problems: list[Finding] = []
        flow_declared = self._declared(state, step, state.decorators, ENVIRONMENT_FLOW, problems)
        step_declared = self._declared(state, step, step.decorators, ENVIRONMENT_STEP, problems)
        merged = Merged([*flow_declared, *step_declared], step.name)
        remote = self._remote(state, step, problems)
        function = step.function
        while isinstance(wrapped := function.attributes.get("__wrapped__"), Function):
            function = wrapped  # what the decorators of the project stand around
        return StepReading(
            name=step.name,
            location=function.source.location(function.node),
            kind=merged.kind,
            disabled=merged.disabled,
            python=merged.python,
            conda=merged.conda,
            pypi=merged.pypi,
            channels=merged.channels,
            indexes=merged.indexes,
            named_env=merged.named_env,
            named_at=merged.named_at,
            fetch_at_exec=merged.fetch_at_exec,
            remote=remote,
            gpu=self._resources_gpu(state, step),
            system=merged.system,
            decorators=_verbatim([*flow_declared, *step_declared]),
            origins=merged.origins,
            findings=_unique([*problems, *merged.problems]),
        )

    def _declared(
        self, state: FlowState, step: StepState, decorators: Any, names: tuple[str, ...], problems: list[Finding]
    ) -> list[Declared]:
        found: list[Declared] = []
        mutated = bool(state.mutators or step.mutators)
        if cause := self._machine.heap.doubted(decorators):
            problems.append(findings.unknown_decorator(f"Step {step.name}", cause))
        for item in decorators:
            if isinstance(item, Doubt):
                doubt = findings.mutator if mutated else findings.unknown_decorator
                problems.append(doubt(f"Step {step.name}", item.cause))
            elif isinstance(inner := item.decorator if isinstance(item, Conditional) else item, Removed):
                if any(name_of(other) == f"{inner.name}_base" for other in state.decorators):
                    problems.append(findings.mutator(f"Step {step.name}", inner.cause))
            elif name_of(item) in names:
                if isinstance(item, Conditional):
                    problems.append(findings.unknown_decorator(f"Step {step.name}", item.cause))
                elif not item.implicit:
                    values = configs.resolve_attributes(self._machine, item.attributes, state.configs)
                    found.append(Declared(self._machine, item, values, step.name))
        problems.extend(_duplicates(found))
        return found

    def _remote(self, state: FlowState, step: StepState, problems: list[Finding]) -> tuple[RemoteDecorator, ...]:
        found: list[RemoteDecorator] = []
        resources = self._resources_gpu(state, step)
        for item in step.decorators:
            bound = item.decorator if isinstance(item, Conditional) else item
            if not isinstance(bound, BoundDecorator) or bound.name not in REMOTE:
                continue
            condition = item.cause if isinstance(item, Conditional) else None
            if condition is not None:
                problems.append(findings.conditional_remote(bound.name, step.name, condition))
            values = configs.resolve_attributes(self._machine, bound.attributes, state.configs)
            image = values.get("image", values.get("**"))
            if isinstance(image, Unknown):
                what = f"The image of @{bound.name}"
                problems.append(findings.unknown_value(what, image, Severity.NOTICE))
            found.append(
                RemoteDecorator(
                    name=bound.name,
                    location=bound.at.location,
                    image=str(image) if isinstance(image, str) and image else None,
                    gpu=_larger(_number(values.get("gpu")), resources),
                    arch=self._arch(bound.name),
                    condition=condition.expression if condition is not None else None,
                    image_known=not isinstance(image, Unknown),
                )
            )
        return tuple(found)

    def _resources_gpu(self, state: FlowState, step: StepState) -> int | None:
        """What `@resources` asks for."""
        resources = next((item for item in step.decorators if name_of(item) == "resources"), None)
        if not isinstance(resources, BoundDecorator):
            return None
        return _number(configs.resolve_attributes(self._machine, resources.attributes, state.configs).get("gpu"))

    def _arch(self, name: str) -> str | None:
        if name == "kubernetes":  # KubernetesDecorator.target_platform
            return self._machine.facts.environ.get("METAFLOW_KUBERNETES_CONDA_ARCH")
        return None


def _steps(cls: ClassValue) -> list[tuple[str, Function, Unknown | None]]:
    """The steps by name: inherited ones first, each in the order of its file.

    With each stands why it is in doubt, where it is one of several things that the name may stand for.
    """
    found: dict[str, Any] = {}
    for base in reversed(cls.mro):
        for name, value in base.names.items():
            found.pop(name, None)
            found[name] = value
    steps: list[tuple[str, Function, Unknown | None]] = []
    for name, value in found.items():
        doubt = value if isinstance(value, Unknown) else None
        for candidate in doubt.held() if doubt is not None else [value]:
            if isinstance(candidate, Function) and is_step(candidate):
                steps.append((name, candidate, doubt))
                break
    return steps


def _larger(one: int | None, other: int | None) -> int | None:
    """As Metaflow weighs a decorator's own and `@resources` (aws_utils.compute_resource_attributes)."""
    return max((number for number in (one, other) if number is not None), default=None)


def _failing(values: dict[str, Any]) -> list[tuple[str, Unknown]]:
    """The configs that are certain to fail as the flow is started."""
    return [(name, value) for name, value in values.items() if isinstance(value, Unknown) and value.fails]


def _number(value: Any) -> int | None:
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            return int(float(value))
        except ValueError:
            return None
    return None


def _duplicates(declared: list[Declared]) -> list[Finding]:
    """A decorator that is there twice: Metaflow refuses the flow."""
    seen: set[str] = set()
    found = []
    for one in declared:
        if one.decorator.name in seen:
            found.append(findings.twice_in_core(one.label, one.decorator.at.location))
        seen.add(one.decorator.name)
    return found


def _verbatim(declared: list[Declared]) -> tuple[DeclaredDecorator, ...] | None:
    """All as they are written; None where one of them is not known in full."""
    found = [one.verbatim() for one in declared]
    return None if None in found else tuple(one for one in found if one is not None)


def _unique(problems: list[Finding]) -> tuple[Finding, ...]:
    found: dict[tuple[str, str, str], Finding] = {}
    for finding in problems:
        found.setdefault((finding.code, finding.place, finding.message), finding)
    return tuple(found.values())
