"""Metaflow's own parsers, and ours beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfenvd.flows import metaflow_parsers as ours

Parser = Callable[[str], Mapping[str, Any]]

NAMES = st.sampled_from(["numpy", "python", "Python", "a.b_c-d", "x1", "scikit-learn", "", "-bad", "ö"])
EXTRAS = st.sampled_from(["", "", "", "[socks]", "[b,a]", "[]", "[a", " [a]"])
SPECS = st.sampled_from(
    ["", "==1.0", "== 1.0", "=1.0", "=", ">=1,<2", "<2,>=1", "~=1.4", "===arbitrary", "!=1.5", "(>=1)", " >= 2",
     "==1.*", ">1.*", "==1.0+local", "=1.2=py_0", "1.0", "==1.0, ", "==2!1.0", ">=1.0.dev0", "==1.0,==1.0"]
)  # fmt: skip
URLS = st.sampled_from(
    [
        "",
        "",
        "",
        "",
        " @ https://h/x.whl",
        "@git+https://h/r.git",
        " @ ./local",
        " @ ",
        " @ file:///a",
        " @ file:a",
        " @ git@h:x",
    ]
)
MARKERS = st.sampled_from(["", "", "", "", "; python_version<'3.9'", " ; sys_platform == 'linux'", " ;", "; nonsense"])
TAILS = st.sampled_from(["", "", "", " # why", "#glued", "\t# tab", "   ", " --hash=sha256:ab", " \\"])
BLANKS = st.sampled_from(["", "", "  ", "\t"])
REQUIREMENTS = st.builds("".join, st.tuples(BLANKS, NAMES, EXTRAS, SPECS, URLS, MARKERS, TAILS))
ODD_LINES = st.sampled_from(
    ["", "# comment", "-e file:.", "  -e file:.  ", "-e file:. # x", "-r other.txt", "--pre", "./pkg", "-"]
)
NEWLINES = st.sampled_from(["\n", "\r\n", "\n\n"])
REQUIREMENTS_TXT = st.builds(
    lambda lines, newline: newline.join(lines), st.lists(st.one_of(REQUIREMENTS, ODD_LINES), max_size=3), NEWLINES
)
CONDA_LINES = st.builds(
    "".join,
    st.tuples(BLANKS, st.sampled_from(["- ", "-", "--", "", "- - "]), NAMES, SPECS, st.sampled_from(["", ":", " # c"])),
)
ENVIRONMENT_YML = st.builds(
    lambda head, lines, tail: "\n".join([*head, *lines, *tail]),
    st.sampled_from([["dependencies:"], ["name: x", "Dependencies: # all"], ["channels:", "- c", "dependencies:"], []]),
    st.lists(CONDA_LINES, max_size=4),
    st.sampled_from(
        [[], ["prefix: /x"], ["- pip:", "  - x"], ["variables:", "  - python=3"], ["dependencies:", "- z"]]
    ),
)


def project(dependencies: list[str], python: str | None) -> str:
    quoted = ", ".join("'''" + text.replace("\\", "") + "'''" for text in dependencies)
    requires = "" if python is None else f"requires-python = '{python}'\n"
    return f"[project]\nname = 'x'\n{requires}dependencies = [{quoted}]\n"


PYPROJECT = st.one_of(
    st.builds(
        project, st.lists(REQUIREMENTS, max_size=3), st.sampled_from([None, "", ">=3.9", "==3.11", " =3.1", "== 3.9 "])
    ),
    st.sampled_from(
        ["", "[project]\nname = 'x'\n", "[tool.x]\n", "not toml", "[project\n", "[project]\nx = 1\nx = 2\n"]
    ),
)


def answer(parser: Parser, content: str, refusals: tuple[type[Exception], ...]) -> tuple[str, Any]:
    """What a parser makes of `content`, extras in one order, or the words it refuses it with."""
    try:
        parsed = parser(content)
    except refusals as error:
        return "refused", str(error)
    return "parsed", ({sorted_extras(name): spec for name, spec in parsed["packages"].items()}, parsed["python"])


def sorted_extras(name: str) -> str:
    head, bracket, rest = name.partition("[")
    extras, _, tail = rest.partition("]")
    return f"{head}[{','.join(sorted(extras.split(',')))}]{tail}" if bracket else name


@pytest.mark.metaflow
class TestAgainstMetaflow:
    """The installed Metaflow is asked the same, in this process: its parsers are plain functions."""

    @pytest.fixture(scope="class")
    def real(self) -> Any:
        return pytest.importorskip("metaflow.plugins.pypi.parsers", reason="Metaflow is not installed")

    @settings(max_examples=150, deadline=None)
    @given(content=REQUIREMENTS_TXT)
    def test_requirements_txt(self, real: Any, content: str) -> None:
        self.assert_same(ours.requirements_txt_parser, real.requirements_txt_parser, real, content)

    @settings(max_examples=150, deadline=None)
    @given(content=ENVIRONMENT_YML)
    def test_environment_yml(self, real: Any, content: str) -> None:
        self.assert_same(ours.conda_environment_yml_parser, real.conda_environment_yml_parser, real, content)

    @settings(max_examples=150, deadline=None)
    @given(content=PYPROJECT)
    def test_pyproject_toml(self, real: Any, content: str) -> None:
        self.assert_same(ours.pyproject_toml_parser, real.pyproject_toml_parser, real, content)

    @staticmethod
    def assert_same(our_parser: Parser, their_parser: Parser, real: Any, content: str) -> None:
        mine = answer(our_parser, content, (ours.ParserValueError,))
        theirs = answer(their_parser, content, (real.ParserValueError, ValueError))
        assert mine == theirs


def test_extras_come_in_one_order_whatever_the_hash_seed() -> None:
    names = [f"e{number}" for number in reversed(range(20))]
    parsed = ours.requirements_txt_parser(f"x[{','.join(names)}]==1")
    assert list(parsed["packages"]) == [f"x[{','.join(sorted(names))}]"]


def test_python_is_not_a_package() -> None:
    assert ours.requirements_txt_parser("python==3.10\nsix>=1") == {"packages": {"six": ">=1"}, "python": "3.10"}


@pytest.mark.parametrize(
    "content", ["[project]\ndependencies = 'six'\n", "[project]\nrequires-python = 3\n", "project = 1\n"]
)
def test_a_project_of_the_wrong_type_is_refused(content: str) -> None:
    with pytest.raises(ours.ParserValueError):
        ours.pyproject_toml_parser(content)
