from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Severity
from mfenvd.domain.plan import Environment, Plan
from mfenvd.domain.request import MixedSolver
from mfenvd.domain.surroundings import Surroundings
from mfenvd.flows.host import Host
from mfenvd.flows.project import project_root, read_paths, request_from_file, variables_in
from mfenvd.flows.project_reader import ProjectReader
from mfenvd.paths import Paths
from tests.flows.project.conftest import LINUX, MAC

Open = Callable[..., ProjectReader]

FLOW = """\
from metaflow import FlowSpec, {imports}step

class {name}(FlowSpec):
{start}
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    {name}()
"""


def flow(name: str = "TrainFlow", packages: str = '{"pandas": "2.2.2"}', extra: str = "") -> str:
    lines = [line for line in (extra, f'@pypi(packages={packages}, python="3.11")' if packages else "") if line]
    imports = "".join(f"{word}, " for word in ("pypi", "batch", "kubernetes"))
    return FLOW.format(name=name, imports=imports, start="\n".join(f"    {line}" for line in lines))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.stat().st_mtime_ns if path.exists() else None
    path.write_text(text)
    if before is not None and path.stat().st_mtime_ns == before:
        os.utime(path, ns=(before + 1, before + 1))
    return path


@pytest.fixture
def shell(root: Path, tmp_path: Path) -> Surroundings:
    return Surroundings(cwd=str(root), environ={"HOME": str(tmp_path / "home")}, python="3.11.7")


@pytest.fixture
def open_project(root: Path, shell: Surroundings, folders: Paths) -> Open:
    def open_(host: Host = MAC, **options: object) -> ProjectReader:
        return ProjectReader(root, shell, folders, host=host, **options)  # type: ignore[arg-type]

    return open_


def step_of(plan: Plan, step: str = "start", flow: str | None = None) -> Environment:
    (found,) = [e for e in plan.environments if e.step == step and flow in {None, e.flow}]
    return found


def targets(environment: Environment) -> dict[str, tuple[str, ...]]:
    return {str(target.target.arch): target.reasons for target in environment.targets}


def codes(plan: Plan) -> list[str]:
    return [str(finding.code) for finding in plan.findings]


# Reading


def test_a_project_becomes_a_plan(root: Path, open_project: Open) -> None:
    source = write(root / "flows/train.py", flow(extra='@batch(image="amazonlinux:2")'))
    write(root / "util.py", "x = 1\n")
    plan = open_project().read()
    assert plan.root == str(root)
    assert [(e.flow, e.step, e.kind) for e in plan.environments] == [
        ("TrainFlow", "start", "pypi"), ("TrainFlow", "end", None)
    ]  # fmt: skip
    start = step_of(plan)
    assert start.source == str(source)
    assert start.python == "3.11"
    assert start.pypi == {"pandas": "2.2.2"}
    assert start.remote == ("batch",)
    assert targets(start) == {"osx-arm64": ("local",), "linux-64": ("@batch on start",)}
    assert start.targets[1].target.glibc == "2.26"
    assert start.request is not None
    assert start.request.pypi.requirements == ("pandas==2.2.2", "requests>=2.21.0")
    assert start.origins["pandas"].line == 4 + 1
    end = step_of(plan, "end")
    assert (end.request, end.env, targets(end)) == (None, "end", {"osx-arm64": ("local",)})
    assert plan.findings == ()


def test_an_empty_and_a_missing_folder_are_empty_plans(root: Path, open_project: Open, shell: Surroundings) -> None:
    assert open_project().read().environments == ()
    root.rmdir()
    assert open_project().read().environments == ()


def test_the_datastore_comes_from_either_configuration(root: Path, open_project: Open) -> None:
    write(root / "train.py", flow())
    write(root / ".metaflow/config.json", '{"METAFLOW_DEFAULT_DATASTORE": "s3"}')
    request = step_of(open_project().read()).request
    assert request is not None
    assert "boto3>=1.14.0" in request.pypi.requirements
    write(root / "mfenv.toml", 'datastore = "local"')
    request = step_of(open_project().read()).request
    assert request is not None
    assert "boto3>=1.14.0" not in request.pypi.requirements


def test_a_launch_in_a_script_concerns_the_flow_it_names_alone(root: Path, open_project: Open) -> None:
    write(root / "flows/a.py", flow("A"))
    write(root / "flows/b.py", flow("B"))
    write(root / "scripts/deploy.sh", "cd ..\npython flows/a.py run --with kubernetes:image=ubuntu:22.04\n")
    plan = open_project().read()
    reasons = ("launched --with kubernetes in scripts/deploy.sh:2",)
    assert targets(step_of(plan, flow="A")) == {"osx-arm64": ("local",), "linux-64": reasons}
    assert step_of(plan, flow="A").targets[1].target.glibc == "2.35"
    assert targets(step_of(plan, flow="B")) == {"osx-arm64": ("local",)}
    assert str(root / "scripts/deploy.sh") in plan.reads[str(root / "flows/a.py")]


def test_steps_of_the_project_that_share_a_request_have_the_lowest_glibc(root: Path, open_project: Open) -> None:
    write(root / "a.py", flow("A", extra='@batch(image="amazonlinux:2")'))
    write(root / "b.py", flow("B"))
    write(root / "c.py", flow("C", packages='{"numpy": "1.26.4"}'))
    plan = open_project(LINUX).read()
    lowered = step_of(plan, flow="B").targets[0]
    assert lowered.target.glibc == "2.26"
    assert [finding.code for finding in lowered.findings] == [Code.LOWEST_GLIBC]
    assert step_of(plan, flow="C").targets[0].target.glibc == "2.36"


@pytest.mark.parametrize(
    ("installed", "severities"),
    [(("metaflow",), ["error"]), ((), ["warning"]), (("metaflow", "metaflow_extensions/netflixext"), [])],
)
def test_a_mixture_is_an_error_where_metaflow_core_is_installed_and_none_with_the_extension(
    root: Path, open_project: Open, installed: tuple[str, ...], severities: list[str]
) -> None:
    text = flow(extra='@conda(libraries={"numpy": "1.26"})').replace("import FlowSpec,", "import FlowSpec, conda,")
    write(root / "a.py", text)
    write(root / ".venv/pyvenv.cfg", "version = 3.11.7\n")
    write(root / ".venv/bin/python", "")
    for package in installed:
        write(root / f".venv/lib/python3.11/site-packages/{package}/__init__.py", "")
    start = step_of(open_project().read())
    assert start.kind == "mixed"
    assert [(f.code, str(f.severity)) for f in start.findings] == [(Code.MIXED_IN_CORE, one) for one in severities]


def test_a_step_is_resolved_for_the_system_that_it_names(root: Path, open_project: Open) -> None:
    extra = '@sys_packages(packages={"__glibc": "2.17", "__cuda": "12.2=0"})'
    write(root / "a.py", flow(extra=extra).replace("import FlowSpec,", "import FlowSpec, sys_packages,"))
    write(root / "mfenv.toml", 'archs = ["linux-64"]\n')
    osx, linux = step_of(open_project().read()).targets
    assert (linux.target.glibc, linux.target.cuda, linux.findings) == ("2.17", "12.2", ())
    assert (osx.target.glibc, osx.target.cuda) == (None, None)


def test_an_assumed_python_is_said_once_and_only_where_it_matters(
    root: Path, open_project: Open, shell: Surroundings, folders: Paths
) -> None:
    unknown = Surroundings(cwd=shell.cwd, environ=shell.environ)
    write(root / "a.py", flow())
    assert codes(ProjectReader(root, unknown, folders, host=MAC).read()) == []
    write(root / "a.py", flow().replace(', python="3.11"', ""))
    write(root / "b.py", flow("B").replace(', python="3.11"', ""))
    plan = ProjectReader(root, unknown, folders, host=MAC).read()
    assert codes(plan) == [Code.PYTHON_ASSUMED]
    assert step_of(plan, flow="B").python == "3.11.7"


def test_what_cannot_be_read_stops_nothing(root: Path, open_project: Open) -> None:
    write(root / "good.py", flow())
    (root / "binary.py").write_bytes(b"import metaflow\x00\xff\xfe")
    (root / "latin.py").write_bytes("# metaflow \xe9\n".encode("latin-1"))
    (root / "huge.py").write_bytes(b"from metaflow import FlowSpec\n" + b"#" * (5 << 20))
    (root / "dangling.py").symlink_to(root / "nowhere.py")
    (root / "folder.py").mkdir()
    (root / "loop").symlink_to(root, target_is_directory=True)
    os.mkfifo(root / "pipe.py")
    plan = open_project().read()
    assert [e.flow for e in plan.environments] == ["TrainFlow", "TrainFlow"]
    assert {Path(finding.path or "").name for finding in plan.findings} <= {"binary.py", "latin.py", "huge.py"}
    assert {str(Code.UNREADABLE_FILE), str(Code.SYNTAX_ERROR)} >= set(codes(plan))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_without_permission_is_said(root: Path, open_project: Open) -> None:
    write(root / "secret.py", flow()).chmod(0)
    assert codes(open_project().read()) == [Code.UNREADABLE_FILE]


# Environments that the configuration names


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


# Updating


def test_a_changed_flow_is_read_again_and_the_others_are_not(root: Path, open_project: Open) -> None:
    a = write(root / "a.py", flow("A"))
    write(root / "b.py", flow("B"))
    reader = open_project()
    before = reader.read()
    write(a, flow("A", packages='{"pandas": "2.2.3"}'))
    after = reader.update([a])
    assert step_of(after, flow="A").pypi == {"pandas": "2.2.3"}
    assert step_of(after, flow="B") is step_of(before, flow="B")


def test_a_save_that_changes_nothing_gives_the_same_plan(root: Path, open_project: Open) -> None:
    a = write(root / "a.py", flow())
    reader = open_project()
    before = reader.read()
    write(a, flow() + "\n# a comment\n")
    assert reader.update([a]) is before
    assert reader.update([]) is before
    assert reader.update([root / "nothing.txt", root / "nowhere"]) is before


def test_files_come_and_go(root: Path, open_project: Open) -> None:
    reader = open_project()
    assert reader.read().environments == ()
    a = write(root / "a.py", flow())
    assert len(reader.update([a]).environments) == 2
    a.rename(root / "b.py")
    plan = reader.update([a, root / "b.py"])
    assert {e.source for e in plan.environments} == {str(root / "b.py")}
    (root / "b.py").unlink()
    assert reader.update([root / "b.py"]).environments == ()


def test_folders_come_and_go(root: Path, open_project: Open, tmp_path: Path) -> None:
    reader = open_project()
    reader.read()
    write(tmp_path / "new/deep/a.py", flow())
    write(tmp_path / "new/deploy.sh", "python deep/a.py run --with batch\n")
    shutil.move(str(tmp_path / "new"), root / "new")
    plan = reader.update([root / "new"])
    assert set(targets(step_of(plan))) == {"osx-arm64", "linux-64"}
    shutil.rmtree(root / "new")
    assert reader.update([root / "new"]).environments == ()


def test_a_file_that_stops_being_a_flow_is_forgotten(root: Path, open_project: Open) -> None:
    a = write(root / "a.py", flow())
    reader = open_project()
    reader.read()
    write(a, "print('hello')\n")
    assert reader.update([a]).environments == ()


def test_a_syntax_error_keeps_the_last_environments_and_is_said_at_its_line(root: Path, open_project: Open) -> None:
    a = write(root / "a.py", flow())
    reader = open_project()
    before = reader.read()
    assert not reader.remembers
    write(a, flow().replace("def end(self):", "def end(self:"))
    broken = reader.update([a])
    assert reader.remembers
    assert broken.environments == before.environments
    (finding,) = broken.findings
    assert (finding.code, finding.path, finding.line) == (Code.SYNTAX_ERROR, str(a), 10)
    write(a, flow(packages='{"pandas": "2.2.3"}'))
    mended = reader.update([a])
    assert not reader.remembers
    assert mended.findings == ()
    assert step_of(mended).pypi == {"pandas": "2.2.3"}


def test_a_syntax_error_that_was_there_from_the_start_is_said(root: Path, open_project: Open) -> None:
    write(root / "a.py", flow().replace("def end(self):", "def end(self:"))
    reader = open_project()
    plan = reader.read()
    assert plan.environments == ()
    assert codes(plan) == [Code.SYNTAX_ERROR]
    assert not reader.remembers


def test_a_changed_module_reads_the_flows_again_that_import_it(root: Path, open_project: Open) -> None:
    module = write(root / "deps.py", 'PACKAGES = {"pandas": "2.2.2"}\n')
    write(root / "a.py", "from deps import PACKAGES\n" + flow(packages="PACKAGES"))
    reader = open_project()
    before = reader.read()
    assert step_of(before).pypi == {"pandas": "2.2.2"}
    write(module, 'PACKAGES = {"pandas": "2.2.3", "numpy": ""}\n')
    assert step_of(reader.update([module])).pypi == {"pandas": "2.2.3", "numpy": ""}
    write(module, "PACKAGES = {\n")
    broken = reader.update([module])
    assert step_of(broken).pypi == {"pandas": "2.2.3", "numpy": ""}
    assert [(finding.code, finding.path) for finding in broken.findings] == [(Code.SYNTAX_ERROR, str(module))]
    assert reader.remembers
    write(module, 'PACKAGES = {"pandas": ""}\n')
    mended = reader.update([module])
    assert not reader.remembers
    assert (step_of(mended).pypi, mended.findings) == ({"pandas": ""}, ())


def test_a_module_that_appears_is_noticed(root: Path, open_project: Open) -> None:
    write(root / "a.py", "from deps import PACKAGES\n" + flow(packages="PACKAGES"))
    reader = open_project()
    assert step_of(reader.read()).request is None
    module = write(root / "deps.py", 'PACKAGES = {"pandas": "2.2.2"}\n')
    assert step_of(reader.update([module])).pypi == {"pandas": "2.2.2"}


def test_a_requirements_file_that_a_flow_reads_is_a_dependency(root: Path, open_project: Open) -> None:
    requirements = write(root / "requirements.txt", "pandas==2.2.2\n")
    write(
        root / "a.py",
        """\
from metaflow import Config, FlowSpec, config_expr, pypi_base, requirements_txt_parser, step

@pypi_base(packages=config_expr("deps.packages"), python="3.11")
class ConfigFlow(FlowSpec):
    deps = Config("deps", default="requirements.txt", parser=requirements_txt_parser)
    @step
    def start(self):
        pass
""",
    )
    reader = open_project()
    assert step_of(reader.read()).pypi == {"pandas": "2.2.2"}
    write(requirements, "pandas==2.2.3\n")
    assert step_of(reader.update([requirements])).pypi == {"pandas": "2.2.3"}


def test_a_changed_script_changes_the_targets(root: Path, open_project: Open) -> None:
    write(root / "a.py", flow())
    reader = open_project()
    reader.read()
    script = write(root / "deploy.sh", "python a.py run --with batch\n")
    assert set(targets(step_of(reader.update([script])))) == {"osx-arm64", "linux-64"}
    write(script, "python a.py run\n")
    assert set(targets(step_of(reader.update([script])))) == {"osx-arm64"}
    write(script, "python a.py run --with batch\n")
    reader.update([script])
    script.unlink()
    assert set(targets(step_of(reader.update([script])))) == {"osx-arm64"}


def test_changed_configuration_counts_at_once_and_broken_keeps_the_last(root: Path, open_project: Open) -> None:
    write(root / "a.py", flow())
    config = root / "mfenv.toml"
    reader = open_project()
    reader.read()
    write(config, 'archs = ["win-64"]\n')
    assert set(targets(step_of(reader.update([config])))) == {"osx-arm64", "win-64"}
    assert reader.settings.archs == (Arch.WIN_64,)
    write(config, 'archs = ["win-64"\n')
    broken = reader.update([config])
    assert set(targets(step_of(broken))) == {"osx-arm64", "win-64"}
    assert codes(broken) == [Code.MALFORMED_FILE]
    assert reader.remembers
    config.unlink()
    assert set(targets(step_of(reader.update([config])))) == {"osx-arm64"}
    assert not reader.remembers


def test_metaflows_configuration_counts_at_once(root: Path, open_project: Open) -> None:
    write(root / "a.py", flow())
    reader = open_project()
    reader.read()
    config = write(root / ".metaflow/config.json", '{"METAFLOW_DEFAULT_DECOSPECS": "kubernetes"}')
    assert set(targets(step_of(reader.update([config])))) == {"osx-arm64", "linux-64"}


def test_ignore_rules_and_excluded_patterns_count_at_once(root: Path, open_project: Open) -> None:
    write(root / "a.py", flow("A"))
    write(root / "old/b.py", flow("B"))
    reader = open_project()
    assert {e.flow for e in reader.read().environments} == {"A", "B"}
    ignore = write(root / ".gitignore", "old/\n")
    assert {e.flow for e in reader.update([ignore]).environments} == {"A"}
    write(root / "old/b.py", flow("C"))
    assert {e.flow for e in reader.update([root / "old/b.py"]).environments} == {"A"}
    ignore.unlink()
    assert {e.flow for e in reader.update([ignore]).environments} == {"A", "C"}
    config = write(root / "mfenv.toml", 'exclude = ["old/"]\n')
    assert {e.flow for e in reader.update([config]).environments} == {"A"}


def test_a_changed_interpreter_counts_at_once(root: Path, shell: Surroundings, folders: Paths) -> None:
    write(root / "a.py", flow().replace(', python="3.11"', ""))
    reader = ProjectReader(root, shell, folders, host=MAC)
    assert step_of(reader.read()).python == "3.11.7"
    config = write(root / ".venv/pyvenv.cfg", "version = 3.10.4\n")
    assert step_of(reader.update([config])).python == "3.10.4"


def test_a_configuration_inside_of_the_project_is_said_not_to_count(root: Path, open_project: Open) -> None:
    write(root / "mfenv.toml", 'archs = ["win-64"]\n')
    write(root / "a.py", flow())
    inner = write(root / "jobs/mfenv.toml", 'archs = ["osx-64"]\n')
    project = write(root / "other/pyproject.toml", "[tool.mfenv]\npython = '3.10'\n")
    write(root / "third/pyproject.toml", "[project]\nname = 'third'\n")
    reader = open_project()
    plan = reader.read()
    assert [(finding.code, finding.path) for finding in plan.findings] == [
        (Code.SETTINGS_UNUSED, str(inner)), (Code.SETTINGS_UNUSED, str(project)),
    ]  # fmt: skip
    assert "jobs/mfenv.toml" in plan.findings[0].message
    assert set(targets(step_of(plan))) == {"osx-arm64", "win-64"}
    inner.unlink()
    write(project, "[project]\nname = 'other'\n")
    assert reader.update([inner, project]).findings == ()
    write(inner, "")
    assert codes(reader.update([inner])) == [Code.SETTINGS_UNUSED]


def test_files_that_matter_are_named_wherever_they_are(root: Path, open_project: Open, folders: Paths) -> None:
    outside = write(root.parent / "shared.txt", "numpy\n")
    write(root / "mfenv.toml", '[envs.a]\nrequirements = "../shared.txt"\n')
    reader = open_project()
    reader.read()
    assert {
        str(outside),
        str(folders.config_file),
        str(root.parent / "home/.metaflowconfig/config.json"),
        str(root / ".metaflow/config.json"),
        str(root / ".venv/pyvenv.cfg"),
    } <= reader.watched
    write(outside, "numpy<2\n")
    assert reader.update([outside]).environments[0].pypi == {"numpy": "<2"}


def test_an_update_without_a_reading_reads(root: Path, open_project: Open) -> None:
    write(root / "a.py", flow())
    assert len(open_project().update([]).environments) == 2


def test_many_updates_equal_one_reading(root: Path, open_project: Open) -> None:
    reader = open_project()
    reader.read()
    changes = [
        ("a.py", flow("A")), ("deploy.sh", "python a.py run --with batch\n"), ("b/b.py", flow("B")),
        ("mfenv.toml", 'archs = ["win-64"]\n[envs.x]\npackages = ["numpy"]\n'), ("a.py", flow("A", packages="")),
        (".gitignore", "b/\n"), ("c.py", flow("C")), ("deploy.sh", "python c.py argo-workflows create\n"),
    ]  # fmt: skip
    for name, text in changes:
        updated = reader.update([write(root / name, text)])
        assert updated == open_project().read(), name


# Single paths


def test_the_root_is_the_nearest_folder_with_a_mark(root: Path) -> None:
    write(root / ".git/HEAD", "")
    flow_file = write(root / "a/b/flow.py", "")
    assert project_root(flow_file) == root
    write(root / "a/pyproject.toml", "")
    assert project_root(flow_file) == root / "a"
    write(root / "a/b/mfenv.toml", "")
    assert project_root(root / "a/b") == root / "a/b"


def test_a_path_limits_the_plan_but_not_what_is_known(root: Path, shell: Surroundings, folders: Paths) -> None:
    write(root / "pyproject.toml", '[tool.mfenv]\narchs = ["win-64"]\n[tool.mfenv.envs.x]\npackages = ["numpy"]\n')
    a = write(root / "flows/a.py", "from deps import PACKAGES\n" + flow("A", packages="PACKAGES"))
    write(root / "flows/deps.py", 'PACKAGES = {"numpy": ""}\n')
    write(root / "b.py", flow("B"))
    write(root / "deploy.sh", "python flows/a.py run --with batch\n")
    (plan,) = read_paths([a], shell, folders, host=MAC)
    assert plan.root == str(root)
    assert {e.flow for e in plan.environments} == {"A"}
    assert set(targets(step_of(plan))) == {"osx-arm64", "linux-64", "win-64"}
    assert step_of(plan).pypi == {"numpy": ""}
    (folder,) = read_paths([root / "flows"], shell, folders, host=MAC)
    assert {e.flow for e in folder.environments} == {"A"}
    (whole,) = read_paths([Path()], shell, folders, host=MAC)
    assert {e.flow for e in whole.environments} == {"A", "B", None}
    (config,) = read_paths([root / "pyproject.toml"], shell, folders, host=MAC)
    assert [e.name for e in config.environments] == ["x"]


def test_an_ignored_file_that_is_asked_for_is_read(root: Path, shell: Surroundings, folders: Paths) -> None:
    write(root / ".git/HEAD", "")
    write(root / ".gitignore", "scratch/\n")
    path = write(root / "scratch/a.py", flow())
    (plan,) = read_paths([path], shell, folders, host=MAC)
    assert len(plan.environments) == 2


def test_paths_of_two_projects_are_two_plans(tmp_path: Path, shell: Surroundings, folders: Paths) -> None:
    paths = [write(tmp_path / name / "flow.py", flow()) for name in ("one", "two")]
    plans = read_paths(paths, shell, folders, host=MAC)
    assert [plan.root for plan in plans] == [str(path.parent) for path in paths]


def test_a_path_that_does_not_exist_is_an_error(root: Path, shell: Surroundings, folders: Paths) -> None:
    with pytest.raises(FileNotFoundError):
        read_paths([root / "nowhere.py"], shell, folders)


def test_requirement_files_and_packages_on_a_command_line(root: Path, shell: Surroundings, folders: Paths) -> None:
    write(root / "requirements.txt", "numpy==1.26.4 --hash=sha256:" + "0" * 64 + "\n")
    write(root / "mfenv.toml", '[targets.linux-64]\nglibc = "2.17"\n')
    asked = request_from_file(
        [Path("requirements.txt")], ["pandas"], "3.9", archs=[Arch.LINUX_64, Arch.OSX_64], surroundings=shell,
        folders=folders, host=MAC,
    )  # fmt: skip
    assert asked.request is not None
    assert asked.request.python == "3.9"
    assert asked.request.pypi.requirements == ("numpy==1.26.4", "pandas")
    assert asked.request.pypi.hashes == {"numpy": ("sha256:" + "0" * 64,)}
    assert [(t.target.arch, t.target.glibc, t.target.python) for t in asked.targets] == [
        (Arch.LINUX_64, "2.17", "3.9"), (Arch.OSX_64, None, "3.9")
    ]  # fmt: skip
    assert {t.reasons for t in asked.targets} == {("asked for",)}
    alone = request_from_file([], ["numpy"], None, surroundings=shell, folders=folders, host=LINUX)
    assert (alone.python, [t.target.arch for t in alone.targets]) == ("3.11.7", [Arch.LINUX_64])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "six\n--sys-pkg __glibc=2.28\n--sys-pkg __cuda==12.4=0\n"),
        ("environment.yml", "dependencies:\n- sys:\n  - __glibc=2.28\n  - __cuda=12.4\n- pip:\n  - six\n"),
    ],
)
def test_a_file_says_what_its_targets_offer(
    root: Path, shell: Surroundings, folders: Paths, name: str, text: str
) -> None:
    write(root / name, text)
    write(root / "mfenv.toml", '[targets.linux-64]\nglibc = "2.17"\n')
    archs = [Arch.LINUX_64, Arch.LINUX_AARCH64, Arch.OSX_64]
    asked = request_from_file([Path(name)], [], "3.11", archs=archs, surroundings=shell, folders=folders, host=MAC)
    assert [(t.target.glibc, t.target.cuda) for t in asked.targets] == [
        ("2.28", "12.4"),
        ("2.28", "12.4"),
        (None, None),
    ]
    assert [finding for target in asked.targets for finding in target.findings] == []
