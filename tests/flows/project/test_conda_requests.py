"""What steps and files ask of conda: what Metaflow itself would ask micromamba."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfenvd.condarc.configuration import CondaConfiguration
from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Severity
from mfenvd.domain.match_specs import match_specs
from mfenvd.domain.plan import Environment
from mfenvd.domain.request import ChannelPriority, CondaPart, Kind
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.flows.conda_packages import metaflow_spec
from mfenvd.flows.project import request_from_file, variables_in
from mfenvd.flows.project_reader import ProjectReader
from mfenvd.flows.requests import RequestFacts, StepRequest, step_request
from mfenvd.paths import Paths
from tests.flows.project.conftest import LINUX
from tests.flows.project.steps import step

FACTS = RequestFacts(python="3.11.7", core=True)
EXTENDED = RequestFacts(python="3.11.7")


def _metaflows_pattern() -> str:
    """What Metaflow takes out of `name==version`, from its source: importing it takes longer than all tests here."""
    metaflow = importlib.util.find_spec("metaflow")
    assert metaflow is not None
    assert metaflow.origin is not None
    source = (Path(metaflow.origin).parent / "plugins/pypi/micromamba.py").read_text("utf-8")
    found = re.search(r'_double_equal_match = re.compile\("(.+)"\)', source)
    assert found is not None
    return found[1]


METAFLOWS_PATTERN = _metaflows_pattern()


def ask(facts: RequestFacts = FACTS, **values: Any) -> StepRequest:
    return step_request(step(kind=values.pop("kind", "conda"), **values), facts)


def conda(asked: StepRequest) -> CondaPart:
    assert asked.request is not None
    return asked.request.conda


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


@given(st.from_regex(r"(==|=|>=|<=|>|<|!=|~=)?[1-3]\.[0-9](\.[0-9])?(,(<|!=)[4-9])?", fullmatch=True))
def test_versions_are_what_metaflow_hands_to_micromamba(version: str) -> None:
    theirs = re.sub(METAFLOWS_PATTERN, "", f"pandas=={version}")
    assert f"pandas{metaflow_spec(version)}" == theirs


@pytest.mark.parametrize(
    ("version", "spec"),
    [("1.5.0", "==1.5.0"), ("==1.5.0", "==1.5.0"), (">=3.8,<3.9", ">=3.8,<3.9"), ("=1.5", "=1.5"), ("1.5.*", "1.5.*"),
     ("*", ""), ("", ""), ("1.5|1.6", "==1.5|1.6"), ("1.5.0=py39_0", "==1.5.0=py39_0")],
)  # fmt: skip
def test_a_version_becomes_a_spec(version: str, spec: str) -> None:
    assert metaflow_spec(version) == spec


NETFLIXEXT = RequestFacts(python="3.11.7", core=False)


@pytest.mark.parametrize("kind", ["conda", "pypi"])
def test_a_marker_limits_a_package_of_the_extension_to_archs(kind: str) -> None:
    asked = ask(
        NETFLIXEXT, kind=kind, pypi={"six": ""} if kind == "pypi" else {},
        conda={
            "appnope": '; sys_platform == "darwin"', "new": '>=2; python_version >= "3.12"',
            "old": "1.0;python_version<'4'",
        },
    )  # fmt: skip
    part = conda(asked)
    assert asked.findings == ()
    here, mac = Target(Arch.LINUX_64, "3.11.7"), Target(Arch.OSX_ARM64, "3.11.7")
    assert asked.request is not None
    specs = {target: set(match_specs(asked.request, target)) for target in (here, mac)}
    assert specs[mac] - specs[here] == {"appnope"}
    assert "old==1.0" in specs[here]
    assert not any(spec.startswith("new") for found in specs.values() for spec in found)
    assert ("python", "3.11.*") in part.packages


def test_a_marker_that_is_none_is_told() -> None:
    asked = ask(NETFLIXEXT, conda={"six": "1.0; this is none"})
    assert [finding.code for finding in asked.findings] == [Code.BAD_MATCH_SPEC]
    assert "six 1.0; this is none" in asked.findings[0].message


def test_a_request_has_the_pins_and_pip_and_python_where_it_is_declared() -> None:
    asked = ask(conda={"pandas": "1.5.0", "conda-forge::numpy": ">=1.20"}, python="3.9.13")
    assert conda(asked).packages == (
        ("conda-forge::numpy", ">=1.20"), ("pandas", "==1.5.0"), ("pip", ""), ("python", "==3.9.13"),
        ("requests", ">=2.21.0"),
    )  # fmt: skip
    assert asked.findings == ()
    undeclared = ask(conda={"pandas": "1.5.0"})
    assert undeclared.request is not None
    specs = match_specs(undeclared.request, Target(Arch.LINUX_64, undeclared.python))
    assert specs == ("pandas==1.5.0", "pip", "requests>=2.21.0", "python==3.11.7")


def test_a_free_threaded_python_is_asked_for_as_metaflow_does() -> None:
    packages = conda(ask(python="3.13.1t")).packages
    assert {("python", "==3.13.1"), ("python-freethreading", "")} <= set(packages)


@pytest.mark.parametrize(("python", "spec", "said"), [("3.9", "==3.9", True), ("3.9.*", "3.9.*", False)])
def test_a_short_python_is_exact_to_metaflow_core(python: str, spec: str, said: bool) -> None:
    asked = ask(python=python)
    assert ("python", spec) in conda(asked).packages
    assert [finding.code for finding in asked.findings] == [Code.EXACT_PYTHON] * said


def test_an_extension_takes_a_short_python_for_any_release_and_hands_ranges_on() -> None:
    mixed = ask(EXTENDED, kind="mixed", conda={"numpy": "1.26"}, pypi={"six": ""}, python="3.9")
    assert ("python", "=3.9") in conda(mixed).packages
    ranged = ask(EXTENDED, python=">=3.8,<3.10")
    assert ranged.python == "3.8"
    assert ("python", ">=3.8,<3.10") in conda(ranged).packages
    assert [f.code for f in ask(FACTS, python=">=3.8,<3.10").findings] == [Code.BAD_ARGUMENT]


def test_an_empty_version_is_any_and_a_warning() -> None:
    asked = ask(conda={"pandas": ""})
    assert ("pandas", "") in conda(asked).packages
    (finding,) = asked.findings
    assert (finding.code, finding.severity) == (Code.BAD_MATCH_SPEC, Severity.WARNING)
    assert ask(conda={"pandas": "*"}).findings == ()


def test_what_conda_would_not_understand_is_an_error() -> None:
    asked = ask(conda={"pandas": "=>1.5"})
    assert asked.request is None
    (finding,) = asked.findings
    assert (finding.code, finding.severity) == (Code.BAD_MATCH_SPEC, Severity.ERROR)
    assert "`=>`" in finding.message


def test_channels_are_the_steps_then_the_configured_ones_then_those_of_packages() -> None:
    configured = CondaConfiguration(configured=("corp", "conda-forge"), channel_priority=ChannelPriority.STRICT)
    facts = RequestFacts(python="3.11.7", conda=configured)
    given = {"bioconda::samtools": "1.2", "corp::x": "1"}
    plain = conda(ask(facts, conda=given))
    assert plain.channels == ("corp", "conda-forge", "bioconda")
    assert plain.channel_priority is ChannelPriority.STRICT
    own = conda(ask(facts, conda=given, channels=("mine", "corp")))
    assert own.channels == ("mine", "corp", "conda-forge", "bioconda")
    assert own.channel_priority is ChannelPriority.FLEXIBLE
    assert conda(ask(facts, channels=("mine", "nodefaults"))).channels == ("mine",)
    assert conda(ask()).channels == ("conda-forge",)


# Named environments, files and command lines


@pytest.fixture
def shell(root: Path, tmp_path: Path) -> Surroundings:
    home = tmp_path / "home"
    home.mkdir()
    return Surroundings(str(root), python="3.11.7", environ={"HOME": str(home)})


def resolve(
    root: Path, folders: Paths, shell: Surroundings, text: str = "", *, packages: tuple[str, ...] = (), **options: Any
) -> Environment:
    files = []
    if text:
        write(root / "environment.yml", text)
        files = [Path("environment.yml")]
    python = options.pop("python", None)
    return request_from_file(files, packages, python, surroundings=shell, folders=folders, host=LINUX, **options)


def test_an_environment_file_is_a_request(root: Path, folders: Paths, shell: Surroundings) -> None:
    found = resolve(
        root,
        folders,
        shell,
        "channels: [bioconda, nodefaults]\ndependencies:\n- python=3.9\n- numpy=1.23.0\n- cudnn # [linux]\n"
        "- pip:\n  - six>=1\n",
    )
    assert found.findings == ()
    assert found.request is not None
    assert (found.kind, found.python) == (Kind.MIXED, "3.9")
    assert found.request.conda == CondaPart(
        packages=(("numpy", "=1.23.0"), ("pip", ""), ("python", "=3.9")),
        channels=("bioconda",),
        arch_packages={Arch.LINUX_64: (("cudnn", ""),), Arch.LINUX_AARCH64: (("cudnn", ""),)},
    )
    assert found.request.pypi.requirements == ("six>=1",)
    assert found.conda == {"numpy": "=1.23.0", "cudnn": "[linux-64, linux-aarch64]"}
    assert found.channels == ("bioconda",)
    assert found.origins["numpy"].line == 4


@pytest.mark.parametrize(
    ("dependencies", "kind"),
    [
        ("[numpy]", Kind.CONDA), ("[python=3.11]", Kind.CONDA), ("[python=3.11, pip, {pip: [six]}]", Kind.PYPI),
        ("[numpy, {pip: [six]}]", Kind.MIXED), ("[{pip: [six]}]", Kind.PYPI),
    ],
)  # fmt: skip
def test_the_kind_of_an_environment_file(
    root: Path, folders: Paths, shell: Surroundings, dependencies: str, kind: Kind
) -> None:
    assert resolve(root, folders, shell, f"dependencies: {dependencies}").kind is kind


def test_a_range_of_python_is_held_to_the_projects(root: Path, folders: Paths, shell: Surroundings) -> None:
    found = resolve(root, folders, shell, "dependencies: [numpy, 'python>=3.8']")
    assert found.request is not None
    assert found.request.conda.packages == (
        ("numpy", ""), ("pip", ""), ("python", "=3.11"), ("python", ">=3.8"),
    )  # fmt: skip
    assert {planned.target.python for planned in found.targets} == {"3.11"}
    asked = resolve(root, folders, shell, "dependencies: [numpy, 'python>=3.8']", python="3.12")
    assert asked.request is not None
    assert asked.request.conda.packages == (("numpy", ""), ("pip", ""), ("python", "=3.12"))


def test_packages_and_channels_of_a_command_line(root: Path, folders: Paths, shell: Surroundings) -> None:
    found = resolve(
        root, folders, shell, packages=("six",), conda=("numpy>=1.20", "python=3.10"), channels=("./local", "corp")
    )
    assert found.request is not None
    assert (found.kind, found.python) == (Kind.MIXED, "3.10")
    assert found.request.conda.packages == (("numpy", ">=1.20"), ("pip", ""), ("python", "=3.10"))
    assert found.request.conda.channels == ((root / "local").as_uri(), "corp")
    bad = resolve(root, folders, shell, conda=("numpy=>1",))
    assert [finding.code for finding in bad.findings] == [Code.BAD_MATCH_SPEC]


def test_a_channels_credentials_are_used_and_not_shown(root: Path, folders: Paths, shell: Surroundings) -> None:
    text = "channels: ['https://ada:hush@host.example/x', 'https://host.example/t/tk-hush/y']\ndependencies: [numpy]"
    found = resolve(root, folders, shell, text)
    assert found.request is not None
    assert "hush" in "".join(found.request.conda.channels)
    assert found.channels == ("https://host.example/x", "https://host.example/y")


def test_the_configuration_names_conda_packages_in_place(root: Path, folders: Paths, shell: Surroundings) -> None:
    write(root / "mfenv.toml", '[envs.a]\nconda = ["numpy>=1.20", "=1"]\nchannels = ["corp"]\npython = "3.10"\n')
    plan = ProjectReader(root, shell, folders, host=LINUX).read()
    (found,) = plan.environments
    (finding,) = found.findings
    assert (finding.code, finding.line, finding.column) == (Code.BAD_MATCH_SPEC, 2, 26)
    write(root / "mfenv.toml", '[envs.a]\nconda = ["numpy>=1.20"]\nchannels = ["corp"]\npython = "3.10"\n')
    (found,) = ProjectReader(root, shell, folders, host=LINUX).read().environments
    assert found.request is not None
    assert found.request.conda.packages == (("numpy", ">=1.20"), ("pip", ""), ("python", "=3.10"))
    assert found.channels == ("corp",)


FLOW = """
from metaflow import FlowSpec, conda, step

class F(FlowSpec):
    @conda(packages={"numpy": "1.26.4"})
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_a_change_of_condas_configuration_changes_the_requests(
    root: Path, folders: Paths, shell: Surroundings, tmp_path: Path
) -> None:
    write(root / "flow.py", FLOW)
    condarc = tmp_path / "home" / ".condarc"
    reader = ProjectReader(root, shell, folders, host=LINUX)

    def channels() -> tuple[str, ...]:
        plan = reader.update([condarc])
        request = plan.environments[0].request
        assert request is not None
        return request.conda.channels

    assert channels() == ("conda-forge",)
    assert str(condarc) in reader.watched
    write(condarc, "channels: [corp]\n")
    assert channels() == ("corp",)
    write(condarc, "channels: [corp]\nchannel_alias: https://corp.example\n")
    assert channels() == ("https://corp.example/corp",)
    write(condarc, "channels: [other\n")
    assert channels() == ("https://corp.example/corp",), "while a file cannot be read, what it said holds"
    assert [finding.code for finding in reader.update([]).findings] == [Code.CONDARC_UNREADABLE]
    condarc.unlink()
    assert channels() == ("conda-forge",)


def test_reading_a_project_loads_no_solver(root: Path, folders: Paths, shell: Surroundings) -> None:
    write(root / "flow.py", FLOW)
    code = (
        "import sys; from pathlib import Path; from mfenvd.flows.project_reader import ProjectReader\n"
        "from mfenvd.domain.surroundings import Surroundings; from mfenvd.paths import find_paths\n"
        f"root = Path({str(root)!r})\n"
        "plan = ProjectReader(root, Surroundings(str(root)), find_paths({'MFENV_HOME': str(root / 'm')})).read()\n"
        "assert plan.environments[0].request\n"
        "print(sorted({'rattler', 'conda_lock', 'conda'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_variables_of_condas_configuration_reach_the_daemon(root: Path, folders: Paths, tmp_path: Path) -> None:
    urls = "'https://ada:$REPO_KEY@repo.example/x', 'file://$HOME/y', '$CONDA_TEAM'"
    write(tmp_path / ".condarc", f"channels: [{urls}]\n")
    assert variables_in([root], {"HOME": str(tmp_path)}, folders) == {"REPO_KEY"}
