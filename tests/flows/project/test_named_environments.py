"""Environments that the configuration names, and steps that take one by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Severity
from mfenvd.domain.request import MixedSolver
from mfenvd.domain.surroundings import Surroundings
from mfenvd.flows.project import request_from_file, variables_in
from mfenvd.paths import Paths
from tests.flows.project.conftest import LINUX
from tests.flows.project.projects import Open, flow, step_of, targets, write


def test_an_environment_of_the_configuration(root: Path, open_project: Open) -> None:
    write(root / "req.txt", "numpy==1.26.4\n--extra-index-url https://u:p@corp.example/simple\n")
    table = '[envs.serving]\nrequirements = "req.txt"\npackages = ["Pandas<3"]\npython = "3.12"\narchs = ["linux-64"]\n'
    config = write(root / "mfenv.toml", table)
    (serving,) = open_project().read().environments
    assert (serving.source, serving.flow, serving.step, serving.name) == (str(config), None, None, "serving")
    assert (serving.kind, serving.python) == ("pypi", "3.12")
    assert serving.request is not None
    assert serving.request.pypi.requirements == ("Pandas<3", "numpy==1.26.4")
    assert serving.indexes == ("https://corp.example/simple",)
    assert serving.origins["numpy"].path == str(root / "req.txt")
    assert serving.origins["pandas"].line == 3
    assert targets(serving) == {"linux-64": ("archs in mfenv.toml",)}
    assert [finding.code for finding in serving.targets[0].findings] == [Code.GLIBC_ASSUMED]


def test_a_missing_requirements_file_blocks_its_environment_alone(root: Path, open_project: Open) -> None:
    write(root / "mfenv.toml", '[envs.a]\nrequirements = "gone.txt"\n[envs.b]\npackages = ["numpy"]\n')
    reader = open_project()
    plan = reader.read()
    a, b = plan.environments
    assert a.broken
    assert a.request is None
    (missing,) = a.findings
    assert (missing.code, missing.path, missing.line) == (Code.MISSING_FILE, str(root / "mfenv.toml"), 2)
    assert b.request is not None
    write(root / "gone.txt", "numpy\n")
    assert reader.update([root / "gone.txt"]).environments[0].request is not None


def test_local_paths_in_requirement_files_begin_where_pip_would_be_started(
    root: Path, folders: Paths, open_project: Open
) -> None:
    """In the configuration's folder, or the shell's, whatever folder the file is in."""
    write(root / "reqs/dev.txt", "./lib\n")
    write(root / "lib/pyproject.toml", '[project]\nname = "lib"\nversion = "1.0"\n')
    write(root / "mfenv.toml", '[envs.a]\nrequirements = "reqs/dev.txt"\n')

    shell = Surroundings(str(root))
    asked = request_from_file([Path("reqs/dev.txt")], [], "3.11", surroundings=shell, folders=folders, host=LINUX)

    for environment in (*open_project().read().environments, asked):
        assert environment.request is not None
        assert environment.request.pypi.requirements == (f"lib @ {(root / 'lib').as_uri()}",)


PROJECT = """\
[project]
name = "mine"
version = "1"
dependencies = ["six"]
[project.optional-dependencies]
gpu = ["cupy"]
[dependency-groups]
dev = ["pytest"]
"""


def test_extras_and_groups_are_those_of_any_of_the_files(root: Path, folders: Paths, open_project: Open) -> None:
    write(root / "project/pyproject.toml", PROJECT)
    write(root / "more.txt", "attrs\n")
    write(root / "mfenv.toml", '[envs.a]\nrequirements = ["project/pyproject.toml", "more.txt"]\nextras = ["gpu"]\n')

    (configured,) = open_project().read().environments
    asked, wrong = (
        request_from_file(
            [Path("project/pyproject.toml"), Path("more.txt")], [], "3.11", extras=["gpu"], groups=[group],
            surroundings=Surroundings(str(root)), folders=folders, host=LINUX,
        )
        for group in ("dev", "docs")
    )  # fmt: skip

    assert configured.request is not None, configured.findings
    assert configured.request.pypi.requirements == ("attrs", "cupy", "six")
    assert asked.request is not None, asked.findings
    assert asked.request.pypi.requirements == ("attrs", "cupy", "pytest", "six")
    assert wrong.request is None
    assert {finding.code for finding in wrong.findings} == {Code.UNKNOWN_GROUP}
    assert {finding.message for finding in wrong.findings} == {"The dependency group docs does not exist."}


def test_variables_that_requirement_files_use_are_known_by_name(root: Path, folders: Paths) -> None:
    write(root / "reqs/dev.txt", "--index-url https://${LOGIN}@index.example/simple\n-r ${WHERE}.txt\n")
    write(root / "reqs/more.txt", "numpy==${VERSION}\n")
    write(root / "mfenv.toml", '[envs.a]\nrequirements = "reqs/dev.txt"\n')
    flow = write(root / "flow.py", "")
    environ = {"WHERE": "more"}

    for path in (root, flow, root / "reqs/dev.txt"):
        assert variables_in([path], environ, folders) == {"LOGIN", "WHERE", "VERSION"}
    assert variables_in([root / "reqs/more.txt"], {}, folders) == {"VERSION"}


def test_a_bad_package_of_the_configuration_is_said_at_its_line(root: Path, open_project: Open) -> None:
    write(root / "mfenv.toml", '[envs.a]\npackages = [\n  "numpy",\n  "pan das",\n]\n')
    (environment,) = open_project().read().environments
    (finding,) = environment.findings
    assert (finding.code, finding.line) == (Code.BAD_REQUIREMENT, 4)


def test_python_of_an_environment_comes_from_its_file(root: Path, open_project: Open) -> None:
    project = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.12"\ndependencies = ["numpy"]\n'
    write(root / "sub/pyproject.toml", project)
    write(root / "mfenv.toml", '[envs.a]\nrequirements = "sub/pyproject.toml"\n')
    (environment,) = open_project().read().environments
    assert environment.python == "3.12"
    assert environment.targets[0].target.python == "3.12"


def test_an_environment_yml_is_of_the_conda_kind_and_a_mixture_of_both(root: Path, open_project: Open) -> None:
    write(root / "environment.yml", "channels: [conda-forge]\ndependencies:\n- python=3.10\n- numpy=1.26\n")
    write(root / "mixed.yml", "dependencies:\n- numpy=1.26\n- pip:\n  - pandas==2.2.2\n")
    write(root / "mfenv.toml", '[envs.c]\nrequirements = "environment.yml"\n[envs.m]\nrequirements = "mixed.yml"\n')
    conda, mixed = open_project().read().environments
    assert (conda.kind, conda.python, conda.channels) == ("conda", "3.10", ("conda-forge",))
    assert "numpy" in conda.conda
    assert (mixed.kind, mixed.pypi) == ("mixed", {"pandas": "==2.2.2"})


def test_who_resolves_mixed_environments_is_part_of_their_requests_and_of_no_others(
    root: Path, open_project: Open
) -> None:
    write(root / "mixed.yml", "dependencies:\n- numpy=1.26\n- pip:\n  - pandas==2.2.2\n")
    environments = '[envs.m]\nrequirements = "mixed.yml"\n[envs.p]\npackages = ["pandas"]\n'
    write(root / "mfenv.toml", environments)
    mixed, pypi = open_project().read().environments
    write(root / "mfenv.toml", f'mixed-resolver = "conda-lock"\n{environments}')
    other_mixed, same_pypi = open_project().read().environments
    assert mixed.request
    assert other_mixed.request
    assert mixed.request.mixed_solver is MixedSolver.UV
    assert other_mixed.request.mixed_solver is MixedSolver.CONDA_LOCK
    assert mixed.request.key != other_mixed.request.key
    assert pypi.request == same_pypi.request


def test_a_lock_that_lacks_a_wheel_for_a_target_says_so_there(root: Path, open_project: Open) -> None:
    wheel = "numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    write(
        root / "pylock.toml",
        f"""\
lock-version = "1.0"
created-by = "test"
[[packages]]
name = "numpy"
version = "1.26.4"
[[packages.wheels]]
url = "https://files.example/{wheel}"
hashes = {{sha256 = "{"0" * 64}"}}
""",
    )
    write(
        root / "mfenv.toml",
        '[envs.locked]\nrequirements = "pylock.toml"\narchs = ["linux-64", "osx-64"]\npython = "3.11"\n',
    )
    (environment,) = open_project().read().environments
    linux, osx = environment.targets
    assert Code.LOCK_GAP not in {finding.code for finding in linux.findings}
    assert [finding.code for finding in osx.findings] == [Code.LOCK_GAP]
    assert osx.broken


def test_a_step_may_use_an_environment_of_the_configuration_by_name(root: Path, open_project: Open) -> None:
    text = flow(packages="", extra='@named_env(name="mine")').replace("import FlowSpec,", "import FlowSpec, named_env,")
    write(root / "train.py", text)
    reader = open_project()
    plan = reader.read()
    start = step_of(plan)
    assert start.named_env == "mine"
    assert start.request is None
    assert [finding.code for finding in start.findings] == [Code.NAMED_ENVIRONMENT]
    # There is no verdict to say so with.
    assert plan.beside_verdicts == start.findings
    write(root / "mfenv.toml", '[envs.mine]\npackages = ["numpy"]\npython = "3.10"\n')
    plan = reader.update([root / "mfenv.toml"])
    start = step_of(plan)
    assert start.findings == plan.beside_verdicts == ()
    assert start.request is not None
    assert (start.python, start.request.pypi.requirements) == ("3.10", ("numpy",))


def named_flow(decorator: str) -> str:
    return flow(packages="", extra=decorator).replace("import FlowSpec,", "import FlowSpec, named_env,")


@pytest.mark.parametrize("name", ["team/serving:v1", "serving"])
def test_a_step_may_use_an_alias_of_an_environment(root: Path, open_project: Open, name: str) -> None:
    write(root / "train.py", named_flow(f'@named_env(name="{name}")'))
    write(root / "mfenv.toml", '[envs.serving]\nalias = "team/serving:v1"\npackages = ["numpy"]\npython = "3.10"\n')
    start = step_of(open_project().read())
    assert start.findings == ()
    assert start.request is not None
    assert start.request.pypi.requirements == ("numpy",)


def test_an_alias_without_a_tag_means_the_latest(root: Path, open_project: Open) -> None:
    write(root / "train.py", named_flow('@named_env(name="team/serving:latest")'))
    write(root / "mfenv.toml", '[envs.serving]\nalias = "team/serving"\npackages = ["numpy"]\n')
    assert step_of(open_project().read()).findings == ()


@pytest.mark.parametrize(
    ("decorator", "code", "said"),
    [
        ('@named_env(name="team/servign:v1")', Code.NAMED_ENVIRONMENT, "Did you mean 'team/serving:v1'?"),
        ('@named_env(name="Team/Serving:v1")', Code.BAD_ALIAS, "lowercase"),
        ('@named_env(name="team/@{lane}:v1")', Code.NAMED_AT_RUN_TIME, "when the step runs"),
        ('@named_env(pathspec="TrainFlow/17/start")', Code.NAMED_ENVIRONMENT, "step:TrainFlow/17/start"),
        ('@named_env(name="team/serving:v1", pathspec="F/1/s")', Code.BAD_ARGUMENT, "both"),
    ],
)
def test_a_name_that_is_not_known_says_why(
    root: Path, open_project: Open, decorator: str, code: Code, said: str
) -> None:
    write(root / "train.py", named_flow(decorator))
    write(root / "mfenv.toml", '[envs.serving]\nalias = "team/serving:v1"\npackages = ["numpy"]\n')
    (finding,) = step_of(open_project().read()).findings
    assert finding.code is code
    assert said in finding.message


def test_nothing_is_said_of_the_name_that_a_disabled_step_has(root: Path, open_project: Open) -> None:
    write(root / "train.py", named_flow('@named_env(name="team/serving:v1", disabled=True)'))
    assert step_of(open_project().read()).findings == ()


@pytest.mark.parametrize(("late", "severity"), [("", Severity.ERROR), (", fetch_at_exec=True", Severity.WARNING)])
def test_an_environment_that_is_not_for_an_arch_of_the_step_says_so_there(
    root: Path, open_project: Open, late: str, severity: Severity
) -> None:
    write(root / "train.py", named_flow(f'@named_env(name="team/serving:v1"{late})'))
    write(
        root / "mfenv.toml",
        'archs = ["linux-64"]\n[envs.serving]\nalias = "team/serving:v1"\npackages = ["numpy"]\narchs = ["linux-64"]\n',
    )
    osx, linux = step_of(open_project().read()).targets
    assert (linux.target.arch, osx.target.arch) == (Arch.LINUX_64, Arch.OSX_ARM64)
    assert Code.NOT_SHARED_FOR_ARCH not in {finding.code for finding in linux.findings}
    (finding,) = osx.findings
    assert (finding.code, finding.severity) == (Code.NOT_SHARED_FOR_ARCH, severity)
    assert finding.line == 4, "the decorator's"
    assert osx.broken is (severity is Severity.ERROR)


def test_an_alias_that_only_the_extensions_manifest_has_is_checked_there(
    root: Path, open_project: Open, shell: Surroundings, folders: Paths
) -> None:
    python = root / ".venv"
    for package in ("metaflow", "metaflow_extensions/netflixext"):
        (python / "lib/python3.11/site-packages" / package).mkdir(parents=True)
    write(python / "pyvenv.cfg", "version = 3.11.7\n")
    write(python / "bin/python", "")
    write(root / "train.py", named_flow('@named_env(name="team/serving:v1")'))
    write(root / "mfenv.toml", 'archs = ["linux-64"]\n')
    manifest = root / ".metaflow" / "conda_v2.cnd"
    req, full = "a" * 40, "b" * 40

    def known(*archs: str) -> Path:
        environments = {arch: {req: {"_default": full, full: {"packages": []}}} for arch in archs}
        return write(manifest, json.dumps({"aliases": {"team/serving/v1": [req, full]}, "environments": environments}))

    reader = open_project()
    (finding,) = step_of(reader.read()).findings
    assert (finding.code, finding.line) == (Code.NAMED_ENVIRONMENT, 4)
    assert f"and not in {manifest}" in finding.message
    assert "mfenv env show team/serving:v1" in str(finding.fix)
    start = step_of(reader.update([known("linux-64")]))
    assert [str(planned.target.arch) for planned in start.targets] == ["osx-arm64"]
    (finding,) = start.findings
    assert (finding.code, finding.severity) == (Code.NOT_SHARED_FOR_ARCH, Severity.ERROR)
    assert "mfenv resolve --from team/serving:v1 --arch osx-arm64" in str(finding.fix)
    start = step_of(reader.update([known("linux-64", "osx-arm64")]))
    assert (start.findings, start.targets) == ((), ())
    manifest.write_text("{")
    (finding,) = step_of(reader.update([manifest])).findings
    assert finding.code is Code.NAMED_ENVIRONMENT


def test_an_alias_in_the_configuration_is_one_that_can_be_given(root: Path, open_project: Open) -> None:
    for alias in ("Team/Serving", "step:F/1/s", "a" * 40):
        write(root / "mfenv.toml", f'[envs.serving]\nalias = "{alias}"\npackages = ["numpy"]\n')
        assert [finding.code for finding in open_project().read().findings] == [Code.BAD_SETTING]
