"""What metaflow-netflixext asks for takes the place of what was read only where it means something else."""

from __future__ import annotations

from typing import Any

import pytest

from mfenvd.domain.finding import Location
from mfenvd.domain.identity import RequestIdentity, split_dependency
from mfenvd.flows.loaded_request import as_requested
from mfenvd.flows.reading import StepReading

PYTHON = "3.11.7"
PLACE = Location("/project/flow.py", 3)


def request(env_type: str, datastore: str = "local", **deps: tuple[str, ...]) -> RequestIdentity:
    return RequestIdentity("a" * 40, "linux-64", env_type, deps, {}, datastore, None, "/r/m", "linux-64")


def read(**values: Any) -> StepReading:
    return StepReading("start", PLACE, **values)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("six", ("six", "")),
        ("six==1.0", ("six", "1.0")),
        ("requests==>=2.21.0", ("requests", ">=2.21.0")),
        ("conda-forge::numpy==1.*", ("conda-forge::numpy", "1.*")),
        ('six;os_name == "nt"', ("six", ';os_name == "nt"')),
        ('six==>=1; sys_platform == "linux"', ("six", '>=1; sys_platform == "linux"')),
    ],
)
def test_a_dependency_is_a_name_and_a_spec(text: str, parts: tuple[str, str]) -> None:
    assert split_dependency(text) == parts


def test_what_means_the_same_stays_as_it_was_read() -> None:
    step = read(kind="pypi", python="3.10.0", pypi={"Demo": "1.0.0", "other": ">=1", "any": ""})
    asked = request("pypi-only", conda=("python==3.10",), pypi=("any", "demo==1", "other==>=1", "requests==>=2.21.0"))
    assert as_requested(step, asked, PYTHON) == step


def test_what_a_mutator_changed_counts() -> None:
    step = read(kind="pypi", pypi={"demo": "1.0"}, python="3.10")
    asked = request("pypi-only", conda=("python==3.12",), pypi=("demo==2", "new==>1", "requests==>=2.21.0"))
    seen = as_requested(step, asked, PYTHON)
    assert (seen.python, seen.pypi) == ("3.12", {"demo": "2", "new": ">1"})


def test_pins_are_not_taken_for_the_flows_own() -> None:
    step = read(kind="conda", conda={"requests": "2.31.0", "boto3": ""})
    asked = request(
        "conda-only", "s3",
        conda=("python==3.11.*", "requests==2.31.0,>=2.21.0", "boto3==>=1.14.0"), sys=("__glibc==2.36=0",),
    )  # fmt: skip
    assert as_requested(step, asked, PYTHON) == step


def test_a_step_without_a_decorator_gets_the_launching_python() -> None:
    seen = as_requested(read(), request("conda-only", conda=("python==3.11.*", "requests==>=2.21.0")), PYTHON)
    assert (seen.kind, seen.python, seen.conda) == ("conda", None, {})


@pytest.mark.parametrize(
    ("env_type", "kind", "conda"), [("mixed", "mixed", {"git-lfs": ""}), ("pypi-only", "pypi", {})]
)
def test_beside_wheels_what_is_no_python_package_makes_no_mixture(
    env_type: str, kind: str, conda: dict[str, str]
) -> None:
    step = read(kind="pypi", pypi={"demo": "1.0"})
    asked = request(env_type, conda=("python==3.11.*",), npconda=("git-lfs",), pypi=("demo==1.0",))
    seen = as_requested(step, asked, PYTHON)
    assert (seen.kind, seen.conda, seen.pypi) == (kind, conda, {"demo": "1.0"})
