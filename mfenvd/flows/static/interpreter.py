"""The interpreter, put together from its parts."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from mfenvd.flows.static import attributes, binding, calls, decorators, expressions, imports, statements
from mfenvd.flows.static.builtins import BUILTINS
from mfenvd.flows.static.machine import Machine
from mfenvd.flows.static.outcomes import Evidence, Outcome
from mfenvd.flows.static.values import MISSING, Call, Frame, Site


class Interpreter(Machine):
    """One reading of one flow file."""

    def evaluate(self, node: ast.expr, frame: Frame) -> Any:
        """The value of an expression."""
        return expressions.evaluate(self, node, frame)

    def call(self, function: Any, call: Call) -> Any:
        """`function(...)`."""
        return calls.call(self, function, call)

    def find_attribute(self, subject: Any, name: str, at: Site) -> Any:
        """`subject.name`, MISSING when it is certain that there is none."""
        return attributes.find(self, subject, name, at)

    def set_attribute(self, subject: Any, name: str, value: Any, at: Site) -> None:
        """`subject.name = value`."""
        binding.set_attribute(self, subject, name, value, at)

    def assign(self, target: ast.expr, value: Any, frame: Frame) -> None:
        """Binds a target to a value."""
        binding.assign(self, target, value, frame)

    def unbind(self, name: str, frame: Frame) -> None:
        """`del name`."""
        binding.unbind_name(self, name, frame)

    def run_body(self, body: Sequence[ast.stmt], frame: Frame) -> Outcome | None:
        """Executes statements in order; None when they end normally."""
        return statements.run_body(self, body, frame)

    def run_module(self, body: Sequence[ast.stmt], frame: Frame) -> None:
        """Executes the top level of a module or class; a statement that fails does not stop it."""
        statements.run_module(self, body, frame)

    def load(self, name: str, at: Site) -> Any:
        """The module called `name` (dotted, absolute)."""
        return imports.load(self, name, at)

    def decorate(self, decorator: Any, target: Any, at: Site, evidence: Evidence) -> Any:
        """`decorator(target)` for a step or flow, MISSING when `target` is neither."""
        if not decorators.is_decorated(target):
            return MISSING
        return decorators.decorate(self, decorator, target, at, evidence)

    @property
    def builtins(self) -> Mapping[str, Any]:
        """Python's built-in names."""
        return BUILTINS
