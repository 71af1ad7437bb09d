"""What decorators come to, in every way of writing them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mfenvd.flows.reading import StepReading
from tests.flows.static.cases import Case, Step
from tests.flows.static.catalogue import CASES
from tests.flows.static.reading import PYTHON, errors, read


def _kind(step: Step) -> str | None:
    if step.pypi is not None:
        return "mixed" if step.conda else "pypi"
    return None if step.conda is None else "conda"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_steps_are_read_completely(case: Case, tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        case.source,
        case.files,
        name=case.file,
        environ={**os.environ, **case.environ},
        cwd=(tmp_path / case.file).parent,
        python=PYTHON,
    )

    found = {step.name: step for flow in reading.flows if flow.name == "F" for step in flow.steps}
    assert not reading.findings
    assert set(found) == set(case.steps)
    for name, expected in case.steps.items():
        _check(found[name], expected)


def _check(step: StepReading, expected: Step) -> None:
    assert not errors(step)
    assert step.kind == _kind(expected)
    assert (step.pypi, step.conda) == (expected.pypi or {}, expected.conda or {})
    assert step.python == expected.python
    assert step.disabled == expected.disabled
    assert tuple(remote.name for remote in step.remote) == expected.remote
    assert set(step.origins) >= {name.lower() for name in expected.pypi or {}}
