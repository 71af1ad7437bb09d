"""A project as a plan: all of it, and paths of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.plan import Plan
from mfenvd.domain.surroundings import Surroundings
from mfenvd.flows.project import has_everything, project_root, read_paths, request_from_file
from mfenvd.flows.project_reader import ProjectReader
from mfenvd.paths import Paths
from tests.flows.project.conftest import LINUX, MAC
from tests.flows.project.projects import Open, codes, flow, step_of, targets, write


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


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is text")
def test_a_name_that_is_no_text_is_said_and_hinders_nothing(root: Path, open_project: Open) -> None:
    write(root / "good.py", flow())
    write(root / f"{os.fsdecode(bytes([0xE9]))}.py", flow("Other"))
    plan = open_project().read()
    (finding,) = plan.findings
    assert (finding.code, finding.path) == (Code.UNREADABLE_FILE, str(root / "\ufffd.py"))
    assert {each.source for each in plan.environments} == {str(root / "good.py")}
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_without_permission_is_said(root: Path, open_project: Open) -> None:
    write(root / "secret.py", flow()).chmod(0)
    assert codes(open_project().read()) == [Code.UNREADABLE_FILE]


def test_the_root_is_the_nearest_folder_with_a_mark(root: Path) -> None:
    write(root / ".git/HEAD", "")
    flow_file = write(root / "a/b/flow.py", "")
    assert project_root(flow_file) == root
    write(root / "a/pyproject.toml", "")
    assert project_root(flow_file) == root / "a"
    write(root / "a/b/mfenv.toml", "")
    assert project_root(root / "a/b") == root / "a/b"


def test_a_repository_with_the_home_folder_in_it_is_no_project(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = root / "home" / "ana"
    monkeypatch.setenv("HOME", str(home))
    flow_file = write(home / "flows/train/flow.py", "")
    write(home / ".git/HEAD", "")
    write(root / ".git/HEAD", "")
    assert project_root(flow_file) == flow_file.parent
    assert project_root(home) == home
    assert [has_everything(folder) for folder in (root, home, home / "flows")] == [True, True, False]
    write(home / "flows/.git/HEAD", "")
    assert project_root(flow_file) == home / "flows"
    write(home / "mfenv.toml", "")
    assert not has_everything(home)
    assert project_root(home / "other") == home


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
