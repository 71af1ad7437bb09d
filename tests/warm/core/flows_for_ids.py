"""Flows whose steps have every combination of environment decorators, written out and as mfenv reads them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from mfenvd.domain.loaded import DeclaredFlow, DeclaredStep

_PACKAGES: tuple[dict[str, str], ...] = (
    {},
    {"six": "1.16.0"},
    {"pandas": ">=2,<3", "numpy": ""},
    {"requests": "2.32.0", "Zope.Interface": "6.0"},
    {"b": "1", "a": "2", "boto3": ">=1.20"},
)
_PYTHONS = (None, "3.10", "3.9.18")
_BASES = {
    "PypiBaseFlow": ("pypi", {"six": "1.15.0", "idna": "3.7"}, "3.10"),
    "CondaBaseFlow": ("conda", {"numpy": "1.26"}, None),
    "PlainFlow": (None, {}, None),
}


class Combination:
    """A step's own decorators."""

    def __init__(self, kind: str | None, packages: dict[str, str], python: str | None, disabled: bool | None) -> None:
        self.kind, self.packages, self.python, self.disabled = kind, packages, python, disabled

    @property
    def lines(self) -> list[str]:
        if self.kind is None:
            return []
        arguments = [f"packages={self.packages!r}"] if self.packages else []
        arguments += [f"python={self.python!r}"] if self.python else []
        arguments += [f"disabled={self.disabled}"] if self.disabled is not None else []
        return [f"    @{self.kind}({', '.join(arguments)})"]


def combinations() -> list[Combination]:
    """Every one of them, in a random but fixed order."""
    found = [
        Combination(kind, packages, python, disabled)
        for kind, packages, python, disabled in itertools.product(
            ("conda", "pypi"), _PACKAGES, _PYTHONS, (None, False, True)
        )
        if not disabled or (packages == _PACKAGES[1] and python is None)
    ]
    random.Random(4).shuffle(found)  # noqa: S311 - nothing secret
    return [*found, Combination(None, {}, None, None)]


def flows() -> Iterator[tuple[str, str, DeclaredFlow]]:
    """Name, source and reading of flows that together have each combination, below each flow decorator."""
    for name, (base, packages, python) in _BASES.items():
        # Metaflow core takes no packages of one kind beside packages of the other.
        steps = [one for one in combinations() if base is None or one.kind in {base, None}]
        yield name, _source(name, base, packages, python, steps), _declared(name, base, packages, python, steps)


def _source(name: str, base: str | None, packages: dict[str, str], python: str | None, steps: list[Combination]) -> str:
    lines = ["from metaflow import FlowSpec, Parameter, conda, conda_base, pypi, pypi_base, step", "", ""]
    lines += ["print('a flow may print')", ""]
    if base:
        lines.append(f"@{base}_base(packages={packages!r}, python={python!r})")
    lines += [f"class {name}(FlowSpec):", "    wanted = Parameter('wanted', default=1)", ""]
    names = _names(steps)
    for index, (step, combination) in enumerate(zip(names, steps, strict=True)):
        lines += [*combination.lines, "    @step", f"    def {step}(self):"]
        lines += [f"        self.next(self.{names[index + 1]})" if step != "end" else "        pass", ""]
    return "\n".join([*lines, "", "if __name__ == '__main__':", f"    {name}()", ""])


def _declared(
    name: str, base: str | None, packages: dict[str, str], python: str | None, steps: list[Combination]
) -> DeclaredFlow:
    found = [
        DeclaredStep(
            step,
            one.kind or base,
            bool(one.disabled),
            one.python or python,
            {**packages, **one.packages} if base else one.packages,
        )
        for step, one in zip(_names(steps), steps, strict=True)
    ]
    return DeclaredFlow(name, tuple(found))


def _names(steps: list[Combination]) -> list[str]:
    return ["start", *(f"s{index}" for index in range(len(steps) - 2)), "end"]
