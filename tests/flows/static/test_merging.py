"""What Metaflow refuses or misreads is said with its fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfenvd.domain.finding import Severity
from tests.flows.static.reading import errors, flow, line_of, read_start


@pytest.mark.parametrize(
    ("decorator", "message", "fix"),
    [
        ("@pypi(packages=['a'])", "packages of @pypi is a list, not a dict.", 'Write packages={"name": "version"}.'),
        ("@pypi(packages={'a': 1.5})", "The version of a in @pypi is 1.5, not a string.", 'Write "a": "1.5".'),
        ("@pypi(packages={'a': None})", "The version of a in @pypi is None, not a string.", 'Write "a": "".'),
        (
            "@pypi(packages={'a': '==1.0'})",
            "Metaflow reads the version '==1.0' of a as `a====1.0`, which no version matches.",
            'Write "a": "1.0".',
        ),
        ("@pypi(packages={1: '1'})", "packages of @pypi has the key 1, which is no name.", "Use a string."),
        ("@pypi(python=3.10)", "python of @pypi is 3.1, not a string.", 'Write it as a string: python="3.10".'),
        ("@conda(python=3)", "python of @conda is 3, not a string.", 'Write it as a string: python="3.10".'),
        ("@pypi(libraries={})", "@pypi has no argument `libraries`.", "Remove `libraries`."),
    ],
)
def test_what_metaflow_refuses(decorator: str, message: str, fix: str, tmp_path: Path) -> None:
    source = flow(decorator)

    step = read_start(tmp_path, source)

    finding = next(finding for finding in errors(step) if finding.message == message)
    assert (finding.code, finding.fix) == ("MFE108", fix)
    assert finding.line == line_of(source, "@pypi" if "@pypi" in decorator else "@conda")


@pytest.mark.parametrize(
    ("decorator", "argument", "refusing"),
    [
        ("@conda(packages={'a': '1'})", "packages", False),
        ("@conda(libraries={'a': '1'}, channels=['b'])", "channels", True),
        ("@pypi(packages={'a': '1'}, extra_indices=['https://x/simple'])", "extra_indices", True),
    ],
)
def test_an_argument_that_the_other_metaflow_has_is_refused_where_it_is_known_which_one_runs(
    decorator: str, argument: str, refusing: bool, tmp_path: Path
) -> None:
    for core in (True, False, None):
        found = errors(read_start(tmp_path, flow(decorator), core=core))
        assert [f"has no argument `{argument}`" in one.message for one in found] == [True] * (core is refusing)


def test_a_virtual_package_has_a_version(tmp_path: Path) -> None:
    source = flow("@sys_packages(packages={'__glibc': '2.17=0', '__cuda': 'newest'})", header="from metaflow import *")
    step = read_start(tmp_path, source)
    assert step.system == {"__glibc": "2.17=0"}
    assert [(finding.code, finding.severity) for finding in step.findings] == [("MFE108", Severity.WARNING)]


def test_a_decorator_that_is_there_twice_is_for_the_extension_alone(tmp_path: Path) -> None:
    step = read_start(tmp_path, flow("@pypi(packages={'a': '1'})\n@pypi(packages={'b': '2'})"))

    (finding,) = errors(step)
    assert (finding.code, finding.fix) == ("MFE114", "Merge the two @pypi.")
    assert step.decorators is not None
    assert [one.attributes for one in step.decorators] == [{"packages": {"b": "2"}}, {"packages": {"a": "1"}}]


def test_a_decorator_that_is_not_known_in_full_is_told_to_nobody(tmp_path: Path) -> None:
    source = flow("@pypi(packages={'a': '1'}, conda_only={'b': sys.argv[1]})", decorators="@conda_base(python='3.11')")

    assert read_start(tmp_path, source).decorators is None


def test_system_packages_of_the_step_go_before_those_of_the_flow(tmp_path: Path) -> None:
    header = "from metaflow import sys_packages, sys_packages_base"
    both = "@sys_packages_base(packages={'__glibc': '2.28', '__cuda': '12.2'})"
    step = read_start(tmp_path, flow("@sys_packages(packages={'__glibc': '2.17'})", header=header, decorators=both))

    assert step.system == {"__glibc": "2.17", "__cuda": "12.2"}
    assert (step.kind, step.findings) == (None, ())


def test_the_other_packages_stay_known(tmp_path: Path) -> None:
    source = flow("@pypi(packages={\n    'a': '1',\n    'Bad_Name': 2,\n})")

    step = read_start(tmp_path, source)

    assert step.pypi == {"a": "1"}
    (finding,) = errors(step)
    assert (finding.package, finding.line) == ("bad-name", line_of(source, "Bad_Name"))


def test_conda_takes_numbers_as_versions(tmp_path: Path) -> None:
    step = read_start(tmp_path, flow("@conda(packages={'a': 1.5})"))

    assert step.conda == {"a": "1.5"}
    assert [finding.severity for finding in step.findings] == [Severity.WARNING]


def test_conda_base_misreads_python_3_10_as_a_number(tmp_path: Path) -> None:
    step = read_start(tmp_path, flow(decorators="@conda_base(python=3.10)"))

    assert [finding.code for finding in errors(step)] == ["MFE108"]


def test_two_flow_decorators_of_a_kind(tmp_path: Path) -> None:
    source = flow(decorators="@pypi_base(packages={'a': '1'})\n@pypi_base(packages={'b': '2'})")

    assert [finding.code for finding in errors(read_start(tmp_path, source))] == ["MFE114"]


def test_mixing_conda_and_pypi_packages_is_a_warning(tmp_path: Path) -> None:
    step = read_start(tmp_path, flow("@conda(packages={'a': '1'})\n@pypi(packages={'b': '2'})"))

    assert step.kind == "mixed"
    assert [(finding.code, finding.severity) for finding in step.findings] == [("MFE107", Severity.WARNING)]


def test_a_disabled_mix_is_no_warning(tmp_path: Path) -> None:
    step = read_start(tmp_path, flow("@conda(packages={'a': '1'})\n@pypi(packages={'b': '2'}, disabled=True)"))

    assert (step.disabled, step.findings) == (True, ())


def test_a_config_spread_into_packages_is_refused(tmp_path: Path) -> None:
    body = "config = Config('config', default_value={'p': {'a': '1'}})"

    (finding,) = errors(read_start(tmp_path, flow("@pypi(packages={**config.p})", body=body)))

    assert finding.code == "MFE108"
    assert "packages=config.entry" in (finding.fix or "")
