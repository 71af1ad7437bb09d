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
        ("@pypi\n@pypi(packages={})", "@pypi is there twice; Metaflow allows it once.", "Merge the two @pypi."),
    ],
)
def test_what_metaflow_refuses(decorator: str, message: str, fix: str, tmp_path: Path) -> None:
    source = flow(decorator)

    step = read_start(tmp_path, source)

    finding = next(finding for finding in errors(step) if finding.message == message)
    assert (finding.code, finding.fix) == ("MFE108", fix)
    assert finding.line == line_of(source, "@pypi" if "@pypi" in decorator else "@conda")


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

    assert [finding.code for finding in errors(read_start(tmp_path, source))] == ["MFE108"]


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
