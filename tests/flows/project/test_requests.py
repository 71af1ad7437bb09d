from __future__ import annotations

from pathlib import Path

import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Location, Severity
from mfenvd.domain.request import Kind
from mfenvd.flows.origins import origin_of
from mfenvd.flows.requests import RequestFacts, step_request
from tests.flows.project.steps import HERE, step

FACTS = RequestFacts(python="3.11.7")


def test_metaflows_pins_lie_under_the_steps_own_packages() -> None:
    asked = step_request(step(kind="pypi", pypi={"pandas": "2.2.2"}), FACTS)
    assert asked.request is not None
    assert asked.request.kind is Kind.PYPI
    assert asked.request.pypi.requirements == ("pandas==2.2.2", "requests>=2.21.0")
    own = step_request(step(kind="pypi", pypi={"requests": "2.31.0"}), FACTS)
    assert own.request is not None
    assert own.request.pypi.requirements == ("requests==2.31.0",)


@pytest.mark.parametrize(
    ("datastore", "pins"), [("s3", ("boto3>=1.14.0", "requests>=2.21.0")), ("local", ("requests>=2.21.0",))]
)
def test_the_datastore_decides_about_the_pins(datastore: str, pins: tuple[str, ...]) -> None:
    asked = step_request(step(kind="pypi"), RequestFacts(python="3.11.7", datastore=datastore))
    assert asked.request is not None
    assert asked.request.pypi.requirements == pins


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("numpy", "", "numpy"),
        ("numpy", "1.26.*", "numpy==1.26.*"),
        ("numpy", ">=1.20,<2", "numpy<2,>=1.20"),
        ("numpy", "~=1.2", "numpy~=1.2"),
        ("numpy", "!=1.2", "numpy!=1.2"),
        ("numpy", "1.2,!=1.2.1", "numpy!=1.2.1,==1.2"),
        ("requests[socks]", "2.31.0", "requests[socks]==2.31.0"),
        ("clip@git+https://example.org/clip.git", "", "clip @ git+https://example.org/clip.git"),
        ("clip", "@ git+https://example.org/clip.git@v1", "clip @ git+https://example.org/clip.git@v1"),
        ("git+https://example.org/clip.git#egg=clip", "", "clip @ git+https://example.org/clip.git"),
        ("tomli", "2.0; python_version < '3.11'", 'tomli==2.0; python_version < "3.11"'),
    ],
)
def test_packages_become_the_requirements_that_metaflow_hands_to_pip(name: str, version: str, expected: str) -> None:
    asked = step_request(step(kind="pypi", pypi={name: version}), FACTS)
    assert asked.findings == ()
    assert asked.request is not None
    assert asked.request.pypi.requirements == tuple(sorted((expected, "requests>=2.21.0")))


@pytest.mark.parametrize(("name", "version"), [("numpy", "latest version"), ("numpy", "*"), ("num py", "1"), ("", "1")])
def test_what_pip_would_not_understand_is_an_error_at_its_line(name: str, version: str) -> None:
    place = Location("/project/flow.py", 3, 7)
    asked = step_request(step(kind="pypi", pypi={name: version}, origins={name: place}), FACTS)
    assert asked.request is None
    (finding,) = asked.findings
    assert (finding.code, finding.severity) == (Code.BAD_REQUIREMENT, Severity.ERROR)
    assert (finding.path, finding.line, finding.column) == (place.path, 3, 7)


def test_an_operator_that_metaflow_doubles_is_explained() -> None:
    asked = step_request(step(kind="pypi", pypi={"numpy": "==1.26.4"}), FACTS)
    (finding,) = asked.findings
    assert finding.fix is not None
    assert '{"numpy": "1.26.4"}' in finding.fix


def test_a_local_package_is_found_from_the_folder_of_the_launch(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "pyproject.toml").write_text('[project]\nname = "My-Lib"\nversion = "1"\n')
    facts = RequestFacts(python="3.11.7", folders=(tmp_path,))
    asked = step_request(step(kind="pypi", pypi={"./lib": ""}), facts)
    assert asked.request is not None
    (local,) = [text for text in asked.request.pypi.requirements if "@" in text]
    assert local.endswith(f"@ {(tmp_path / 'lib').as_uri()}")
    assert str(tmp_path / "lib" / "pyproject.toml") in asked.reads


def test_conda_has_the_pins_among_its_libraries_and_no_wheels() -> None:
    given = step(kind="conda", conda={"conda-forge::numpy": "1.26"}, channels=("conda-forge",))
    asked = step_request(given, FACTS)
    assert asked.request is not None
    assert asked.request.kind is Kind.CONDA
    assert asked.request.conda.packages == (("conda-forge::numpy", "==1.26"), ("pip", ""), ("requests", ">=2.21.0"))
    assert asked.request.conda.channels == ("conda-forge",)
    assert asked.request.pypi.requirements == ()


def test_an_empty_pypi_step_is_still_one() -> None:
    assert step_request(step(kind="pypi"), FACTS).kind is Kind.PYPI


@pytest.mark.parametrize(("core", "severity"), [(None, Severity.WARNING), (True, Severity.ERROR)])
def test_mixing_is_refused_by_core(core: bool | None, severity: Severity) -> None:
    given = step(kind="mixed", conda={"numpy": "1"}, pypi={"pandas": "2"})
    asked = step_request(given, RequestFacts(python="3.11.7", core=core))
    assert asked.kind is Kind.MIXED
    (finding,) = asked.findings
    assert (finding.code, finding.severity, finding.line) == (Code.MIXED_IN_CORE, severity, HERE.line)
    assert asked.request is not None
    # metaflow-netflixext, which does mix, takes Metaflow's own packages from conda.
    assert asked.request.conda.packages == (("numpy", "==1"), ("pip", ""), ("requests", ">=2.21.0"))
    assert asked.request.pypi.requirements == ("pandas==2",)


def test_nothing_is_said_of_a_mixture_where_the_extension_is_known_to_be() -> None:
    given = step(kind="mixed", conda={"numpy": "1"}, pypi={"pandas": "2"})
    assert step_request(given, RequestFacts(python="3.11.7", core=False)).findings == ()


def test_a_mixture_that_the_reading_has_said_is_said_once() -> None:
    told = Finding(Code.MIXED_IN_CORE, Severity.WARNING, "…")
    given = step(kind="mixed", conda={"numpy": "1"}, pypi={"pandas": "2"}, findings=(told,))
    assert step_request(given, FACTS).findings == ()


def test_libraries_under_a_pypi_decorator_without_packages_are_a_mixture_as_in_core() -> None:
    assert step_request(step(kind="pypi", conda={"numpy": "1"}), FACTS).kind is Kind.MIXED


def test_steps_without_or_with_a_disabled_environment_have_no_request() -> None:
    assert step_request(step(), FACTS).request is None
    disabled = step_request(step(kind="pypi", pypi={"numpy": "1"}, disabled=True), FACTS)
    assert (disabled.kind, disabled.request, disabled.findings) == (Kind.PYPI, None, ())


def test_what_is_not_wholly_known_is_not_guessed() -> None:
    error = Finding(Code.UNKNOWN_VALUE, Severity.ERROR, "…")
    notice = Finding(Code.CONDITIONAL_REMOTE, Severity.NOTICE, "…")
    assert step_request(step(kind="pypi", findings=(error,)), FACTS).request is None
    assert step_request(step(kind="pypi", findings=(notice,)), FACTS).request is not None


@pytest.mark.parametrize(
    ("declared", "python"),
    [(None, "3.11.7"), ("3.9", "3.9"), ("3.9.13", "3.9.13"), ("3.10.*", "3.10.20"), ("3.13t", "3.13t")],
)
def test_python_is_the_declared_one_else_the_projects(declared: str | None, python: str) -> None:
    asked = step_request(step(kind="pypi", python=declared), FACTS)
    assert asked.python == python
    assert asked.request is not None
    assert asked.request.python == python


@pytest.mark.parametrize("declared", [">=3.9", "python3", "2.7", "three"])
def test_a_python_that_is_no_version_is_an_error(declared: str) -> None:
    asked = step_request(step(kind="pypi", python=declared), FACTS)
    assert asked.request is None
    (finding,) = asked.findings
    assert (finding.code, finding.severity) == (Code.BAD_ARGUMENT, Severity.ERROR)


def test_indexes_of_the_decorator_are_extra_ones() -> None:
    asked = step_request(step(kind="pypi", indexes=("https://u:p@corp.example/simple",)), FACTS)
    assert asked.request is not None
    assert asked.request.pypi.indexes.extra_index_urls == ("https://u:p@corp.example/simple",)


@pytest.mark.parametrize("name", ["Pandas", "pandas", "pandas[x]", "conda-forge::pandas", "pandas@git+https://x/y"])
def test_origins_are_found_under_any_spelling(name: str) -> None:
    assert origin_of(name, {"pandas": HERE}) == HERE


def test_the_same_packages_in_another_order_are_the_same_request() -> None:
    first = step_request(step(kind="pypi", pypi={"a": "1", "b": "2"}), FACTS).request
    second = step_request(step(kind="pypi", pypi={"b": "2", "a": "1"}), FACTS).request
    assert first is not None
    assert second is not None
    assert first.key == second.key
