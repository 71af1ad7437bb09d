"""What metaflow-netflixext says in its words becomes the request that it would have resolved."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import Kind
from mfenvd.domain.sharing import AskedEnvironment, Worded
from mfenvd.domain.surroundings import Surroundings
from mfenvd.flows.extension_requests import Described, described, undescribed
from mfenvd.flows.host import Host
from mfenvd.flows.project_context import ProjectContext, read_context
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
