"""pyproject.toml: PEP 621, PEP 735, and what uv adds."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Severity
from mfenvd.domain.request import Indexes
from tests.flows.requirement_files.conftest import Read, Write, places, said, texts

NAME = "pyproject.toml"
PROJECT = """\
[project]
name = "Demo.App"
requires-python = ">=3.10"
dependencies = [
  "six>=1",
  'attrs ; os_name == "nt"',
]
[project.optional-dependencies]
GPU = ["torch", "numpy"]
all = ["demo-app[gpu]", "idna ; python_version < '3.12'"]
loop = ["demo.app[loop]", "x"]
[dependency-groups]
test = ["pytest", {include-group = "Lint_Tools"}]
lint-tools = ["ruff"]
round = [{include-group = "trip"}]
trip = ["a", {include-group = "round"}]
"""


def test_dependencies_with_their_places(read: Read) -> None:
    reading = read(NAME, PROJECT)
    assert places(reading) == [("six>=1", 5, 4), ('attrs; os_name == "nt"', 6, 4)]
    assert (reading.python, reading.findings) == (">=3.10", ())


def test_extras_also_those_that_name_others(read: Read) -> None:
    assert texts(read(NAME, PROJECT, extras=("All",)))[2:] == ["torch", "numpy", 'idna; python_version < "3.12"']
    assert texts(read(NAME, PROJECT, extras=("loop",)))[2:] == ["x"]


def test_a_marker_on_the_project_itself_holds_for_the_extra(read: Read) -> None:
    text = "[project]\nname='d'\n[project.optional-dependencies]\na=['x ; os_name==\"nt\"']\nb=['d[a];extra==\"q\"']\n"
    assert texts(read(NAME, text, extras=("b",))) == ['x; os_name == "nt" and extra == "q"']


def test_groups_with_the_groups_that_they_include(read: Read) -> None:
    assert places(read(NAME, PROJECT, groups=("TEST",)))[2:] == [("pytest", 13, 10), ("ruff", 14, 16)]


def test_groups_that_include_each_other(read: Read) -> None:
    reading = read(NAME, PROJECT, groups=("round",))
    assert texts(reading)[2:] == ["a"]
    assert said(reading) == [("MFE213", 16)]


@pytest.mark.parametrize(("choice", "known"), [({"groups": ("gone",)}, "lint-tools"), ({"extras": ("gone",)}, "GPU")])
def test_what_does_not_exist_is_answered_with_what_does(read: Read, choice: dict[str, tuple[str]], known: str) -> None:
    (finding,) = read(NAME, PROJECT, **choice).findings
    assert finding.code == Code.UNKNOWN_GROUP
    assert known in (finding.fix or "")


def test_bad_parts_are_said_at_their_lines_and_the_rest_is_read(read: Read) -> None:
    reading = read(
        NAME,
        "[project]\nname = 'x'\nrequires-python = 'three'\ndependencies = [\n 'six=1',\n 3,\n 'attrs',\n]\n"
        "[dependency-groups]\ndev = [\n 'idna',\n {include = 'x'},\n]\n",
        groups=("dev",),
    )
    assert texts(reading) == ["attrs", "idna"]
    assert sorted(said(reading)) == [("MFE201", 3), ("MFE201", 5), ("MFE214", 6), ("MFE214", 12)]


@pytest.mark.parametrize(("text", "line"), [("[project\n", 1), ("a = 1\na = 2\n", 2), ("a = [\n", None)])
def test_broken_toml_is_said_at_its_line(read: Read, text: str, line: int | None) -> None:
    (finding,) = read(NAME, text).findings
    assert finding.code == Code.MALFORMED_FILE
    assert line is None or finding.line == line


@pytest.mark.parametrize(
    "text", ["project = 1\n", "[project]\ndependencies = 1\n", "[tool.uv]\nsources = 1\nindex = [1]\n", "tool = []\n"]
)
def test_wrong_types_are_said(read: Read, text: str) -> None:
    findings = read(NAME, text).findings
    assert {finding.code for finding in findings} == {Code.MALFORMED_FILE}


class TestDynamic:
    """Dependencies that a build backend would say."""

    @pytest.mark.parametrize(
        "table",
        [
            "[tool.setuptools.dynamic]\ndependencies = {file = ['req.txt']}\n",
            "[tool.setuptools.dynamic]\ndependencies = {file = 'req.txt'}\n",
            "[tool.hatch.metadata.hooks.requirements_txt]\nfiles = ['req.txt']\n",
        ],
    )
    def test_those_in_files_are_read(self, read: Read, write: Write, tmp_path: Path, table: str) -> None:
        path = write("req.txt", "# c\nsix\nattrs=1\n")
        reading = read(NAME, f"[project]\nname='x'\ndynamic=['dependencies']\n{table}")
        assert [(r.text, r.location.path, r.location.line) for r in reading.requirements] == [("six", str(path), 2)]
        assert [(f.code, f.path, f.line) for f in reading.findings] == [(Code.BAD_REQUIREMENT, str(path), 3)]
        assert reading.reads == (str(path),)

    def test_an_extra_in_a_file(self, read: Read, write: Write) -> None:
        write("gpu.txt", "torch\n")
        table = "[tool.setuptools.dynamic.optional-dependencies]\nGpu = {file = ['gpu.txt']}\n"
        reading = read(NAME, f"[project]\nname='x'\ndynamic=['optional-dependencies']\n{table}", extras=("gpu",))
        assert (texts(reading), reading.findings) == (["torch"], ())

    def test_others_are_said(self, read: Read) -> None:
        (finding,) = read(NAME, "[project]\nname='x'\ndynamic=['version', 'dependencies']\n").findings
        assert (finding.code, finding.severity, finding.line) == (Code.DYNAMIC_DEPENDENCIES, Severity.ERROR, 3)

    def test_a_missing_file_is_said_where_it_is_named(self, read: Read) -> None:
        table = "[tool.setuptools.dynamic]\ndependencies = {file = ['gone.txt']}\n"
        assert said(read(NAME, f"[project]\ndynamic=['dependencies']\n{table}")) == [("MFE203", 4)]

    def test_poetry_alone_is_said_and_beside_a_project_it_is_not(self, read: Read) -> None:
        poetry = "[tool.poetry.dependencies]\npython = '^3.10'\nsix = '*'\n"
        assert said(read(NAME, poetry)) == [("MFE211", 1)]
        assert said(read(NAME, f"[project]\ndependencies=[]\n{poetry}")) == []

    def test_pixi_is_said(self, read: Read) -> None:
        assert said(read(NAME, "[tool.pixi.dependencies]\nnumpy = '*'\n")) == [("MFE202", 1)]


class TestUv:
    """`[tool.uv]`, as uv takes it."""

    @staticmethod
    def project(sources: str, dependency: str = "x[e]>=1 ; os_name == 'nt'") -> str:
        return f'[project]\nname = "me"\ndependencies = ["{dependency}"]\n[tool.uv.sources]\n{sources}\n'

    @pytest.mark.parametrize(
        ("source", "url"),
        [
            ("{git='https://git.example/o/r'}", "git+https://git.example/o/r"),
            ("{git='https://git.example/o/r', tag='v1'}", "git+https://git.example/o/r@v1"),
            ("{git='ssh://git@git.example/r', rev='ab', subdirectory='s'}", "git+ssh://git@git.example/r@ab#subdirectory=s"),
            ("{url='https://host.example/x-1.zip'}", "https://host.example/x-1.zip"),
        ],
    )  # fmt: skip
    def test_a_source_makes_a_direct_reference(self, read: Read, source: str, url: str) -> None:
        assert texts(read(NAME, self.project(f"X = {source}"))) == [f'x[e] @ {url} ; os_name == "nt"']

    def test_a_path(self, read: Read, write: Write, tmp_path: Path) -> None:
        write("lib x/pyproject.toml", "")
        reading = read(NAME, self.project("x = {path='lib x', editable=true}", "x"))
        assert texts(reading) == [f"x @ {(tmp_path / 'lib x').as_uri()}"]
        assert said(read(NAME, self.project("x = {path='gone'}"))) == [("MFE203", 3)]

    def test_a_workspace_member(self, read: Read, write: Write, tmp_path: Path) -> None:
        write("libs/one/pyproject.toml", "[project]\nname = 'X'\n")
        root = self.project("x = {workspace=true}", "x") + "[tool.uv.workspace]\nmembers = ['libs/*']\n"
        assert texts(read(NAME, root)) == [f"x @ {(tmp_path / 'libs/one').as_uri()}"]
        assert texts(read("libs/two/pyproject.toml", self.project("x = {workspace=true}", "x"))) == [
            f"x @ {(tmp_path / 'libs/one').as_uri()}"
        ]
        assert said(read(NAME, self.project("x = {workspace=true}"))) == [("MFE207", 5)]

    def test_markers_divide_a_requirement_between_sources(self, read: Read) -> None:
        sources = "x = [{git='https://g.example/r', marker=\"sys_platform == 'linux'\"}]"
        assert texts(read(NAME, self.project(sources, "x>=1"))) == [
            'x @ git+https://g.example/r ; sys_platform == "linux"', 'x>=1; sys_platform != "linux"',
        ]  # fmt: skip

    def test_a_marker_without_a_known_opposite_is_said(self, read: Read) -> None:
        sources = "x = {git='https://g.example/r', marker=\"os_name == 'nt' or os_name == 'posix'\"}"
        reading = read(NAME, self.project(sources, "x>=1"))
        assert texts(reading) == ['x @ git+https://g.example/r ; os_name == "nt" or os_name == "posix"']
        assert said(reading) == [("MFE202", 5)]

    def test_a_source_of_one_extra(self, read: Read) -> None:
        text = "[project]\nname='me'\ndependencies=['x']\n[project.optional-dependencies]\ngpu=['x']\n"
        text += "[tool.uv.sources]\nx={git='https://g.example/r', extra='GPU'}\n"
        assert texts(read(NAME, text, extras=("gpu",))) == ["x", "x @ git+https://g.example/r"]

    def test_indexes(self, read: Read, tmp_path: Path) -> None:
        text = (
            self.project("x = {index='pinned'}", "x")
            + "[tool.uv]\nfind-links = ['wheels']\nprerelease = 'allow'\nconstraint-dependencies = ['y<2']\n"
            + "[[tool.uv.index]]\nname='main-1'\nurl='https://main.example/simple'\ndefault=true\n"
            + "[[tool.uv.index]]\nname='pinned'\nurl='https://pinned.example/simple'\nexplicit=true\n"
            + "[[tool.uv.index]]\nname='unused'\nurl='https://unused.example/simple'\nexplicit=true\n"
            + "[[tool.uv.index]]\nname='flat'\nurl='https://flat.example/page'\nformat='flat'\n"
        )
        environ = {"UV_INDEX_MAIN_1_USERNAME": "me", "UV_INDEX_MAIN_1_PASSWORD": "p@ss"}
        reading = read(NAME, text, environ=environ)
        assert reading.indexes == Indexes(
            "https://me:p%40ss@main.example/simple",
            ("https://pinned.example/simple",),
            (str(tmp_path / "wheels"), "https://flat.example/page"),
        )
        assert (reading.pre, [c.text for c in reading.constraints]) == (True, ["y<2"])
        assert [(f.code, f.severity) for f in reading.findings] == [(Code.UNSUPPORTED_OPTION, Severity.NOTICE)]
        assert reading.variables == ("UV_INDEX_MAIN_1_PASSWORD", "UV_INDEX_MAIN_1_USERNAME")

    def test_an_index_that_is_not_defined(self, read: Read) -> None:
        assert [f.severity for f in read(NAME, self.project("x = {index='gone'}")).findings] == [Severity.ERROR]

    def test_overrides_have_no_effect(self, read: Read) -> None:
        assert said(read(NAME, "[tool.uv]\noverride-dependencies = ['x==1']\n")) == [("MFE202", 2)]

    def test_development_dependencies_of_old(self, read: Read) -> None:
        text = "[tool.uv]\ndev-dependencies = ['x']\n[dependency-groups]\ndev = ['y']\n"
        assert texts(read(NAME, text, groups=("dev",))) == ["y", "x"]

    @pytest.mark.parametrize("source", ["1", "[1]", "{}", "{nonsense=true}", "{workspace=false}"])
    def test_sources_of_no_kind_are_said(self, read: Read, source: str) -> None:
        reading = read(NAME, self.project(f"x = {source}", "x"))
        assert texts(reading) == ["x"]
        assert len(reading.findings) == 1
