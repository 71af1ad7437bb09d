"""What metaflow-netflixext says in its words becomes the request that it would have resolved."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Location, Severity
from mfenvd.domain.identity import RequestIdentity
from mfenvd.domain.loaded import AS_WRITTEN, LoadedFile, LoadedFlow, LoadedStep
from mfenvd.domain.request import Kind, PypiPart
from mfenvd.domain.sharing import AskedEnvironment, Worded
from mfenvd.domain.surroundings import Surroundings
from mfenvd.flows.extension_requests import Described, described, undescribed, within
from mfenvd.flows.findings import bad_python
from mfenvd.flows.flow_context import FlowContext
from mfenvd.flows.flow_environments import source_environments
from mfenvd.flows.host import Host
from mfenvd.flows.loaded import Overlay, overlaid
from mfenvd.flows.project_context import ProjectContext, read_context
from mfenvd.flows.reading import FileReading, FlowReading, StepReading
from mfenvd.flows.requests import RequestFacts, step_request
from mfenvd.paths import find_paths

Tokens = dict[str, tuple[str, ...]]
BUILDER = ("python==3.11.*", "pip", "setuptools==<82", "uv")


@pytest.fixture
def context(tmp_path: Path) -> ProjectContext:
    (tmp_path / "mfenv.toml").write_text('python = "3.11"\n')
    host = Host(arch=Arch.LINUX_64, glibc="2.36", python="3.11.7")
    shell = Surroundings(str(tmp_path), environ={"HOME": str(tmp_path), "CONDA_CHANNELS": "conda-forge"})
    return read_context(tmp_path, shell, find_paths(), host)


def asked(
    context: ProjectContext, kind: str = "pypi-only", arch: str = "linux-64", **deps: tuple[str, ...]
) -> Described:
    deps = {"conda": ("python==3.11.*",), "sys": ("__glibc==2.28=0",), **deps}
    named: Tokens = {"conda": ("bioconda",) if kind == "mixed" else (), "pypi": ("https://host.example/simple",)}
    extras: Tokens = {"pypi": ("--pre", "-f https://host.example/links", "--trusted-host host.example")}
    builder = BUILDER if kind == "pypi-only" else ()
    worded = Worded(deps, {}, extras if kind != "conda-only" else {})
    one = AskedEnvironment(arch, "a" * 40, kind, worded, deps, named, builder)
    return described(one, undescribed(Path(context.facts.cwd), "env"), context)


def test_wheels_and_the_conda_packages_that_they_go_into_are_resolved_apart(context: ProjectContext) -> None:
    found = asked(
        context, pypi=("six==1.16", "demo==>=1,<2", 'nt;os_name == "nt"', 'tool[x]==~=2.0;python_version > "3"')
    )  # fmt: skip
    request = found.environment.request
    assert request is not None
    assert found.base is not None
    base = found.base.request
    assert base is not None
    assert request.pypi.requirements == (
        "demo<2,>=1", 'nt; os_name == "nt"', "six==1.16", 'tool[x]~=2.0; python_version > "3"',
    )  # fmt: skip
    assert (request.pypi.pre, request.pypi.indexes.find_links) == (True, ("https://host.example/links",))
    assert request.pypi.indexes.extra_index_urls == ("https://host.example/simple",)
    assert (request.kind, base.kind) == (Kind.PYPI, Kind.CONDA)
    assert dict(base.conda.packages) == {"python": "3.11.*", "pip": "", "setuptools": "<82", "uv": ""}
    (target,) = found.environment.targets
    assert (target.target.arch, target.target.glibc) == (Arch.LINUX_64, "2.28")


def test_a_step_that_extends_a_named_environment_is_resolved_on_each_arch_with_what_that_one_has(
    context: ProjectContext, tmp_path: Path
) -> None:
    def asked_on(arch: str, six: str, cuda: tuple[str, ...]) -> RequestIdentity:
        deps: Tokens = {"conda": ("python==3.11.*",), "pypi": ("demo", "six")}
        resolves: Tokens = {
            "conda": ("conda-forge::python==3.11.7",), "pypi": ("demo", f"six=={six}"),
            "sys": ("__glibc==2.28=0", *cuda),
        }  # fmt: skip
        return RequestIdentity(
            "a" * 40, arch, "pypi-only", deps, {}, "local", None, "/r/m", "linux-64", builder=BUILDER,
            base=("b" * 40, "c" * 40), resolves=resolves, extras={"pypi": ("--pre",)},
        )  # fmt: skip

    (tmp_path / "mfenv.toml").write_text('python = "3.11"\narchs = ["linux-aarch64"]\n')
    step = StepReading(
        "start", Location("flow.py", 3), named_env="team/env:v1",
        identities=(asked_on("linux-64", "1.15", ()), asked_on("linux-aarch64", "1.16", ("__cuda==12.2",))),
    )  # fmt: skip
    reading = FileReading(str(tmp_path / "flow.py"), (FlowReading("F", Location("flow.py", 1), (step,)),))
    shell = Surroundings(str(tmp_path), environ={"HOME": str(tmp_path), "CONDA_CHANNELS": "conda-forge"})
    context = read_context(tmp_path, shell, find_paths(), Host(Arch.LINUX_64, "3.11.7", glibc="2.36"))
    made = source_environments(reading, (), FlowContext(context.requests, context.targets, {}))
    here, there = (environment for _, environment in made.keyed)
    assert [one.request and one.request.pypi for one in (here, there)] == [
        PypiPart(("demo", f"six=={six}"), pre=True) for six in ("1.15", "1.16")
    ]
    assert {dict(one.base.conda.packages)["python"] for one in (here, there) if one.base} == {"3.11.*"}
    assert [[planned.target.arch for planned in one.targets] for one in (here, there)] == [
        ["linux-64"],
        ["linux-aarch64"],
    ]
    assert (here.targets[0].target.glibc, here.targets[0].target.cuda) == ("2.28", None)
    assert there.targets[0].target.cuda == "12.2"
    assert [
        identity.arch for one in (here, there) for identity in one.identities if isinstance(identity, RequestIdentity)
    ] == ["linux-64", "linux-aarch64"]
    assert (here.named_env, here.name, there.name) == ("team/env:v1", None, "team/env:v1 on linux-aarch64")
    assert made.findings == here.findings == ()


@pytest.mark.parametrize(
    ("named", "needs_trust", "fix"),
    [(None, False, None), ("team/env:v1", False, "Mend what"), ("team/env:v1", True, "`mfenv trust`")],
)
def test_a_step_that_the_extension_refuses_is_warned_of_where_nothing_else_is_known(
    named: str | None, needs_trust: bool, fix: str | None
) -> None:
    step = StepReading(
        "start", Location("flow.py", 3), kind=None if named else "pypi", named_env=named, decorators=None
    )
    reading = FileReading("flow.py", (FlowReading("F", Location("flow.py", 1), (step,)),))
    loaded = LoadedFlow("F", AS_WRITTEN, (LoadedStep("start", problem="it says:\n  no", needs_trust=needs_trust),))
    answer = LoadedFile("flow.py", "digest", (loaded,), extension="1.3.17")
    ((seen,),) = (flow.steps for flow in overlaid(reading, Overlay(answer, reading, "3.11.7")).flows)
    (finding,) = seen.findings
    assert (finding.code, "(it says: no)" in finding.message) == (Code.EXTENSION_NOT_WARMED, True)
    assert finding.severity is (Severity.WARNING if named else Severity.NOTICE)
    assert (finding.fix or "").startswith(fix or "")
    assert (finding.fix is None) == (fix is None)


def test_a_step_that_the_extension_refuses_as_it_is_written_is_an_error_and_said_once() -> None:
    flawless = StepReading("start", Location("flow.py", 3), kind="pypi", pypi={"six": ""})
    known = bad_python("x", Location("flow.py", 2))
    for findings in ((), (known,)):
        step = msgspec.structs.replace(flawless, findings=findings)
        reading = FileReading("flow.py", (FlowReading("F", Location("flow.py", 1), (step,)),))
        loaded = LoadedFlow("F", AS_WRITTEN, (LoadedStep("start", problem="two Pythons", refused=True),))
        answer = LoadedFile("flow.py", "digest", (loaded,), extension="1.3.17")
        ((seen,),) = (flow.steps for flow in overlaid(reading, Overlay(answer, reading, "3.11.7")).flows)
        (finding,) = seen.findings
        assert finding.severity is Severity.ERROR
        assert (finding == known) or (finding.code, ": two Pythons." in finding.message) == ("MFE612", True)
        assert step_request(seen, RequestFacts("3.11.7", core=False)).request is None


def test_what_a_named_environment_says_of_a_machine_counts_only_as_a_version(
    context: ProjectContext, tmp_path: Path
) -> None:
    deps: Tokens = {"conda": ("python==3.11.*",), "sys": ("__glibc==new", "__cuda==")}
    asked = AskedEnvironment("linux-64", "b" * 40, "pypi-only", Worded(deps, {}), deps)
    (planned,) = described(asked, undescribed(tmp_path, "env"), context).environment.targets
    assert (planned.target.glibc, planned.target.cuda) == ("2.36", None)
    assert within(planned, asked) == planned


def test_a_named_environment_has_a_verdict_for_each_arch_that_it_is_there_for_and_a_finding_for_the_others(
    context: ProjectContext, tmp_path: Path
) -> None:
    ids = ("b" * 40, "c" * 40)
    manifest = tmp_path / "conda_v2.cnd"
    held: dict[str, dict[str, dict[str, dict[str, str]]]] = {"linux-64": {ids[0]: {ids[1]: {}}}}
    manifest.write_bytes(msgspec.json.encode({"aliases": {"team/env/v1": ids}, "environments": held}))
    taken = RequestIdentity(
        ids[0], "linux-64", "conda-only", {"conda": ("python==3.11.*",)}, {}, "local", None, "/r/m",
        "linux-64", full=ids[1], base=ids, resolves={"conda": ("conda-forge::python==3.11.7",)},
    )  # fmt: skip
    step = StepReading("start", Location("flow.py", 3), named_env="team/env:v1", identities=(taken,))
    reading = FileReading(str(tmp_path / "flow.py"), (FlowReading("F", Location("flow.py", 1), (step,)),))
    targets = msgspec.structs.replace(
        context.targets, settings=msgspec.structs.replace(context.settings, archs=(Arch.OSX_ARM64,))
    )
    made = source_environments(reading, (), FlowContext(context.requests, targets, {}, manifest))
    here, elsewhere = (environment for _, environment in made.keyed)
    assert here.request is not None
    assert (here.request.conda.packages, here.findings, here.identities) == (
        (("conda-forge::python", "==3.11.7"), ("python", "==3.11.7")), (), (taken,)
    )  # fmt: skip
    assert [finding.code for finding in elsewhere.findings] == [Code.NOT_SHARED_FOR_ARCH]
    assert [planned.target.arch for planned in elsewhere.targets] == [Arch.OSX_ARM64]
    assert elsewhere.has_verdict


@pytest.mark.parametrize(
    ("said", "kind", "python", "spec"),
    [
        ("3.11.*", "pypi-only", "3.11.15", "3.11.*"),
        ("3.11", "pypi-only", "3.11.15", "3.11.*"),
        ("3.11.4", "pypi-only", "3.11.4", "==3.11.4"),
        (">=3.9", "pypi-only", "3.11.15", "3.11.*"),
        (">=3.12,<3.14", "pypi-only", "3.12.13", "3.12.*"),
        ("3.11", "conda-only", "3.11", "==3.11"),
        ("3.11.*", "conda-only", "3.11.15", "3.11.*"),
    ],
)
def test_the_python_is_the_one_that_the_extension_asks_conda_for(
    context: ProjectContext, said: str, kind: str, python: str, spec: str
) -> None:
    found = asked(context, kind, conda=(f"python=={said}",))
    request = (found.base or found.environment).request
    assert request is not None
    assert (request.python, dict(request.conda.packages)["python"]) == (python, spec)


def test_conda_packages_for_other_systems_are_left_out(context: ProjectContext) -> None:
    deps = ("python==3.11.*", 'appnope;sys_platform == "darwin"', "numpy==1.26", 'gcc==>=12;sys_platform == "linux"')
    for arch, names in (("linux-64", {"gcc": ">=12"}), ("osx-arm64", {"appnope": ""})):
        request = asked(context, "conda-only", arch, conda=deps).environment.request
        assert request is not None
        assert dict(request.conda.packages) == {"python": "3.11.*", "numpy": "==1.26", **names}


def test_both_kinds_together_get_what_the_extension_adds(context: ProjectContext) -> None:
    found = asked(context, "mixed", conda=("python==3.11.*", "numpy", "pip==24.0"), pypi=("six",))
    request = found.environment.request
    assert request is not None
    assert (request.kind, found.base) == (Kind.MIXED, None)
    assert dict(request.conda.packages) == {"python": "3.11.*", "numpy": "", "pip": "==24.0", "uv": ""}
    assert request.conda.channels[0] == "bioconda"


def test_what_mfenv_knows_to_be_wrong_is_said_once_and_not_resolved(context: ProjectContext) -> None:
    found = asked(context, pypi=("own@file:///nowhere/own",))
    assert found.environment.request is None
    (finding,) = found.environment.findings
    again = msgspec.structs.replace(undescribed(Path(context.facts.cwd), "env"), findings=(finding,))
    one = AskedEnvironment(
        "linux-64", "a" * 40, "pypi-only", Worded({"conda": ("python==3.11.*",)}),
        {"pypi": ("own@file:///nowhere/own",)},
    )  # fmt: skip
    assert described(one, again, context).environment.findings == (finding,)
