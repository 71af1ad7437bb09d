"""From a project's folder to what Metaflow calls its environments: read, asked, and laid over each other."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.identity import Identity
from mfenvd.domain.loaded import LoadedFile
from mfenvd.domain.plan import Environment, Plan
from mfenvd.domain.request import Kind
from mfenvd.domain.surroundings import Surroundings
from mfenvd.flows.host import Host
from mfenvd.flows.project_reader import ProjectReader
from mfenvd.paths import find_paths
from mfenvd.warm.core.ids import MetaflowSide

pytestmark = pytest.mark.metaflow

MAC = Host(Arch.OSX_ARM64, platform.python_version(), macos="14.0")
FLOW = """\
import os
from metaflow import FlowSpec, pypi, pypi_base, step
{head}

@pypi_base(packages={{"six": "1.16.0"}}, python="3.10")
class WheelFlow(FlowSpec):
    @pypi(packages={packages})
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    WheelFlow()
"""
S3 = {"METAFLOW_DEFAULT_DATASTORE": "s3", "METAFLOW_DATASTORE_SYSROOT_S3": "s3://bucket/metaflow"}


class Project:
    """A folder, read and asked about as the daemon does."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.root = folder / "project"
        self.root.mkdir()
        (folder / "home").mkdir()
        self.environ = {
            "HOME": str(folder / "home"), "METAFLOW_HOME": str(folder / "home"), "USER": "tester",
            "PATH": os.environ["PATH"], **environ,
        }  # fmt: skip
        self.surroundings = Surroundings(str(self.root), sys.executable, platform.python_version(), self.environ)
        self.reader = ProjectReader(self.root, self.surroundings, find_paths({"MFENV_HOME": str(folder / "mfenv")}))
        self.reader.read()

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.write_text(text)
        return path

    def answers(self, *, trusted: bool = True) -> list[LoadedFile]:
        assert self.reader.launcher is not None
        return list(MetaflowSide().ask(self.reader.questions(trusted=trusted), self.reader.launcher, trusted=trusted))

    def learn(self, *, trusted: bool = True) -> Plan:
        return self.reader.learn(self.answers(trusted=trusted))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def steps(plan: Plan) -> dict[str | None, Environment]:
    return {environment.step: environment for environment in plan.environments}


def of_core(environment: Environment) -> Identity:
    identity = environment.identities[0]
    assert isinstance(identity, Identity)
    return identity


@pytest.mark.parametrize("trusted", [True, False])
def test_each_step_gets_its_identity_and_its_base(project: Project, trusted: bool) -> None:
    project.write("flow.py", FLOW.format(head="", packages={"idna": "3.7"}))
    plan = project.reader.read()
    assert [environment.identities for environment in plan.environments] == [(), ()]

    learned = steps(project.learn(trusted=trusted))

    start, end = learned["start"], learned["end"]
    assert [len(one.identities) for one in (start, end)] == [1, 1]
    assert of_core(start).pypi == {"requests": ">=2.21.0", "six": "1.16.0", "idna": "3.7"}
    assert start.identities[0].id != end.identities[0].id
    assert start.base is not None
    packages = (("pip", ""), ("python", "==3.10"))
    assert (start.base.kind, start.base.python, start.base.conda.packages) == (Kind.CONDA, "3.10", packages)
    assert start.request == steps(plan)["start"].request
    assert [finding.code for finding in start.findings] == []
    assert project.reader.questions(trusted=trusted) == ()


def test_a_step_without_a_decorator_gets_the_environment_that_metaflow_gives_it(project: Project) -> None:
    text = FLOW.format(head="", packages={}).replace('@pypi_base(packages={"six": "1.16.0"}, python="3.10")\n', "")
    project.write("flow.py", text)
    assert steps(project.reader.read())["end"].request is None
    for trusted in (False, True):
        end = steps(project.learn(trusted=trusted))["end"]
        assert end.kind == Kind.CONDA
        assert end.request is not None
        assert end.request.conda.packages == (("pip", ""), ("requests", ">=2.21.0"))
        assert end.request.python == platform.python_version()
        assert of_core(end).conda == {"requests": ">=2.21.0"}
        project.write("flow.py", text + "\n")
        project.reader.update([project.root / "flow.py"])


def test_a_flow_without_environments_is_not_asked_about(project: Project) -> None:
    project.write(
        "flow.py",
        "from metaflow import FlowSpec, step\nclass F(FlowSpec):\n    @step\n    def start(self):\n        pass\n",
    )
    project.reader.read()
    assert project.reader.questions(trusted=True) == ()


def test_what_only_loading_knows_is_known_after_it(project: Project) -> None:
    unknown = '{"six": __import__("subprocess").getoutput("echo 1.15.0")}'
    project.write("flow.py", FLOW.format(head="", packages=unknown))
    before = steps(project.reader.read())["start"]
    assert before.request is None
    assert Code.UNKNOWN_VALUE in {finding.code for finding in before.findings}

    after = steps(project.learn())["start"]

    assert after.request is not None
    assert "six==1.15.0" in after.request.pypi.requirements
    assert [finding.code for finding in after.findings] == []


def test_where_both_know_and_differ_what_was_loaded_counts_and_a_notice_says_so(project: Project) -> None:
    project.write("flow.py", FLOW.format(head="", packages={"six": "1.13.0"}))
    plan = project.reader.read()
    read = steps(plan)["start"]
    assert read.pypi == {"six": "1.13.0"}
    answer = project.answers()[0]
    changed = answer_with(answer, "start", "1.14.0")

    loaded = steps(project.reader.learn([changed]))["start"]

    assert loaded.pypi == {"six": "1.14.0"}
    assert loaded.request is not None
    assert "six==1.14.0" in loaded.request.pypi.requirements
    (notice,) = loaded.findings
    assert notice.code == Code.LOADED_DIFFERS
    assert notice.detail == ("six: 1.13.0 read, 1.14.0 loaded",)


def answer_with(answer: LoadedFile, step: str, version: str) -> LoadedFile:
    flows = tuple(
        msgspec.structs.replace(
            flow,
            steps=tuple(
                msgspec.structs.replace(
                    one,
                    identity=msgspec.structs.replace(one.identity, pypi={**(one.identity.pypi or {}), "six": version}),
                )
                if one.step == step and one.identity
                else one
                for one in flow.steps
            ),
        )
        for flow in answer.flows
    )
    return msgspec.structs.replace(answer, flows=flows)


def test_a_launch_of_a_script_gives_a_step_a_second_identity_on_a_mac(tmp_path: Path) -> None:
    project = Project(tmp_path, **S3)
    project.write("flow.py", FLOW.format(head="", packages={}))
    project.write(
        "deploy.sh", "python flow.py --environment=pypi argo-workflows create\npython flow.py run --with batch\n"
    )
    project.reader.read()
    (question,) = project.reader.questions(trusted=True)
    assert [(launch.name, launch.command, launch.decospecs) for launch in question.launches] == [
        ("as written", "run", ()), ("argo-workflows create", "argo-workflows", ()), ("--with batch", "run", ("batch",))
    ]  # fmt: skip
    plan = project.learn()
    start = steps(plan)["start"]
    # On Linux all of them run on the same platform: one environment.
    assert {identity.platform for identity in start.identities} == {"linux-64"}
    assert start.identities[0].datastore == "s3"
    assert of_core(start).package_root == "s3://bucket/metaflow/conda"
    assert plan.findings == ()


def test_an_answer_holds_until_the_step_is_another_one(project: Project) -> None:
    path = project.write("flow.py", FLOW.format(head="", packages={"idna": "3.7"}))
    project.reader.read()
    identities = {step: one.identities for step, one in steps(project.learn()).items()}

    path.write_text(FLOW.format(head="# a comment", packages={"idna": "3.8"}))
    plan = project.reader.update([path])

    assert steps(plan)["start"].identities == ()
    assert steps(plan)["end"].identities == identities["end"]
    assert len(project.reader.questions(trusted=True)) == 1
    learned = steps(project.learn())
    assert learned["start"].identities != identities["start"]
    assert learned["end"].identities == identities["end"]


def test_a_module_that_was_only_seen_by_loading_is_watched(project: Project) -> None:
    project.write("parts.py", "PACKAGES = {'six': '1.15.0'}\n")
    head = "import importlib\nparts = importlib.import_module('pa' + os.environ.get('NOT_KNOWN', '') + 'rts')"
    project.write("flow.py", FLOW.format(head=head, packages="parts.PACKAGES"))
    project.reader.read()
    assert steps(project.learn())["start"].pypi == {"six": "1.15.0"}

    changed = project.write("parts.py", "PACKAGES = {'six': '1.14.0'}\n")
    project.reader.update([changed])

    assert len(project.reader.questions(trusted=True)) == 1
    assert steps(project.learn())["start"].pypi == {"six": "1.14.0"}


def test_a_flow_that_cannot_be_loaded_keeps_what_was_read(project: Project) -> None:
    project.write("flow.py", FLOW.format(head="import nowhere_to_be_found", packages={}))
    before = steps(project.reader.read())
    plan = project.learn()
    assert {step: one.request for step, one in steps(plan).items()} == {s: one.request for s, one in before.items()}
    assert [(finding.code, finding.line) for finding in plan.findings] == [(Code.NOT_LOADED, 3)]
    assert project.reader.questions(trusted=True) == ()


def test_without_a_python_nothing_is_asked(tmp_path: Path) -> None:
    root = tmp_path / "bare"
    root.mkdir()
    (root / "flow.py").write_text(FLOW.format(head="", packages={}))
    reader = ProjectReader(root, Surroundings(str(root)), find_paths({"MFENV_HOME": str(tmp_path / "mfenv")}))
    reader.read()
    assert reader.launcher is None
    assert reader.questions(trusted=True) == ()
