"""For generated programs: what is said to be known is what Python computes, whatever the unknown parts do."""

from __future__ import annotations

import random
import tempfile
import textwrap
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.flows.static.reading import errors, flow, read, read_start

# The same programs every time: what random ones would find is no concern of whoever runs the tests.
_SETTINGS = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

# -- expressions over known values

# What may lead through the order of a set, or through the text of an iterator, which holds an address.
_MAY_BE_HIDDEN = ("{", "set(", ".items()", "reversed(", "zip(")

_TEXTS = st.sampled_from(["", "a", "b", "1.0", ">=2", "x==1", "a,b", " pad "])
_LEAVES = st.one_of(
    _TEXTS.map(repr), st.integers(-3, 9).map("({})".format), st.sampled_from(["None", "True", "False", "C", "D"])
)


def _composed(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def build(template: str, count: int) -> st.SearchStrategy[str]:
        return st.tuples(*[inner] * count).map(lambda parts: template.format(*parts))

    return st.one_of(
        build("[{}, {}]", 2), build("({},)", 1), build("{{{}: {}}}", 2), build("{{**{}, 'k': {}}}", 2),
        build("({} + {})", 2), build("({} * 2)", 1), build("({} if {} else {})", 3), build("({} or {})", 2),
        build("({} and {})", 2), build("(not {})", 1), build("({} == {})", 2), build("({} in {})", 2),
        build("str({})", 1), build("len({})", 1), build("list({})", 1), build("sorted({})", 1), build("dict({})", 1),
        _LEAVES.map('f"{{{}}}"'.format), build("'{{}}'.format({})", 1), build("'%s' % ({},)", 1),
        build("'-'.join({})", 1), build("{}[0]", 1), build("{}[{}]", 2), build("{}.split('==')", 1),
        build("{}.get({})", 2), build("{}.items()", 1), build("[x for x in {}]", 1),
        build("{{x: {} for x in {}}}", 2), build("[x for x in {} if x]", 1), build("dict.fromkeys({}, {})", 2),
        build("any({})", 1), build("max({})", 1), build("({} | {})", 2), build("{}.strip().upper()", 1),
        build("(lambda v: v)({})", 1), build("{}[1:]", 1), build("set({})", 1), build("reversed({})", 1),
        build("tuple({})", 1), build("isinstance({}, (str, dict))", 1), build("bool({})", 1), build("{{{}, {}}}", 2),
        build("zip({}, {})", 2), build("next(iter({}), {})", 2), build("{}.pop({}, {})", 3), build("repr({})", 1),
    )  # fmt: skip


@_SETTINGS
@given(st.recursive(_LEAVES, _composed, max_leaves=8))
@example("set(['a', 'b'])")
@example("{x: 1 for x in {'a', 'b'}}")
def test_known_expressions_are_what_python_computes(expression: str) -> None:
    header = f"C = {{'a': '1'}}\nD = ['b', 'a']\ntry:\n    V = {expression}\nexcept Exception as e:\n    V = 'failed'"
    names: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `(0)[1:]` and the like
        exec(header, names)  # noqa: S102

    with tempfile.TemporaryDirectory() as folder:
        step = read_start(Path(folder), flow("@pypi(packages={'v': repr(V)})", header=header))

    value = names["V"]
    if not errors(step):
        assert step.pypi == {"v": repr(value)}
    elif value != "failed":  # what fails need not be followed
        hidden = any(isinstance(part, (set, frozenset)) for part in _parts(value)) or " object at " in repr(value)
        assert hidden or any(part in expression for part in _MAY_BE_HIDDEN), expression


def _parts(value: Any) -> list[Any]:
    inner = value if isinstance(value, (list, tuple, set)) else []
    return [value, *(part for item in inner for part in _parts(item))]


# -- programs with parts that are not known

_SIMPLE = (
    "{N}['{k}'] = V", "{N}.update({{'{k}': '{o}'}})", "{N}.pop('{k}', None)", "{N} = {M}", "{N} = dict({M})",
    "{N} = {{'{k}': '{o}'}}", "{N} |= {M}", "V = '{k}'", "V = V + '{k}' if len(V) < 9 else V",
    "{N}.setdefault('{k}', V)", "L.append('{k}')", "{N}.update(dict.fromkeys(L, V))", "L = [*L, '{k}'][-3:]",
    "{N} = {{k: v for k, v in {M}.items() if k != '{k}'}}", "(P, Q) = (Q, P)", "lib.change({N})", "lib.change([{N}])",
    "lib.change(L)", "V = '{k}' if lib.flag() else V", "{N} = {M} if lib.flag() else {N}",
    "lib.flag() and {N}.update({{'{k}': V}})", "{N}['{k}'] = V if '{o}' in {M} else '{k}'", "lib.may_fail()",
    "{N}['{k}'] = {M}['{o}']", "change({N}, '{k}')", "{N} = choose({N}, {M})", "P = {{**{N}, **{M}}}",
    "[{N}.update({{n: V}}) for n in lib.names()]", "V = ({N}.get('{k}') or V)[:9]", "choose({N}, {M})['{k}'] = V",
    "for d in (P, Q): d['{k}'] = V", "del {N}['{k}']", "{N} = [P, Q][lib.flag()]", "X = choose(P, Q)",
    "X['{k}'] = '{o}'", "X.pop('{k}', None)", "P = X", "lib.change(X)", "X = [{N}]", "X[0]['{k}'] = V",
)  # fmt: skip
_COMPOUND = (
    "if lib.flag():\n{a}", "if lib.flag():\n{a}\nelse:\n{b}", "if '{k}' in {N}:\n{a}\nelse:\n{b}",
    "if V == '{k}':\n{a}", "for n in list({N}):\n{l}", "for n in lib.names():\n{l}",
    "for n in lib.names():\n    V = n\n{l}\nelse:\n{a}", "for n in L[:3]:\n{l}\nelse:\n{a}",
    "while lib.flag():\n{l}", "try:\n{a}\nexcept KeyError:\n{b}",
    "try:\n{a}\n    lib.may_fail()\nexcept ValueError:\n{b}",
    "try:\n{a}\nexcept (KeyError, ValueError):\n{b}\nelse:\n    V = 'a'\nfinally:\n    V = V + 'b'",
    "for n in {{'a', 'b'}}:\n{l}", "def g(d):\n    global P, Q, L, V, X\n{f}\n    return d\n{N} = g({M})",
)  # fmt: skip


@st.composite
def _program(draw: st.DrawFn, depth: int = 0, in_loop: bool = False, in_function: bool = False) -> str:
    """One to four statements over the dicts P and Q, the list L, the text V, and `lib`."""
    return "\n".join(_statement(draw, depth, in_loop, in_function) for _ in range(draw(st.integers(1, 4))))


def _statement(draw: st.DrawFn, depth: int, in_loop: bool, in_function: bool) -> str:
    leave = ("break", "continue") if in_loop else ()
    simple = (*_SIMPLE, *leave, *(("return {N}",) if in_function else ()))
    compound = depth < 3 and draw(st.integers(0, 2)) == 0
    template = draw(st.sampled_from(_COMPOUND if compound else simple))
    blocks = {
        name: textwrap.indent(draw(_program(depth + 1, loop, function)), "    ")
        for name, loop, function in (
            ("a", in_loop, in_function), ("b", in_loop, in_function), ("l", True, in_function), ("f", False, True)
        )
        if f"{{{name}}}" in template
    }  # fmt: skip
    letters = st.sampled_from("abc")
    names = {"N": draw(st.sampled_from("PQ")), "M": draw(st.sampled_from("PQ")), "k": draw(letters), "o": draw(letters)}
    return str(template.format(**blocks, **names))


_START = """\
P = {'a': '1'}
Q = {'b': '2'}
L = ['a']
V = 'v'
X = {}
def change(d, k):
    d[k] = V
def choose(one, other):
    if lib.flag():
        return one
    return other
"""


class _Lib:
    """What the static reading knows nothing of; it does anything that a library may do."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311
        self._eager = seed % 3

    def flag(self) -> bool:
        return self._random.random() < (0.2, 0.5, 0.8)[self._eager]

    def names(self) -> list[str]:
        return [name for name in "abz" if self.flag()]

    def may_fail(self) -> None:
        if self.flag():
            raise ValueError

    def change(self, value: Any) -> None:
        if isinstance(value, list):
            for item in value:
                self.change(item)
            if self.flag() and all(isinstance(item, str) for item in value):
                value.append("z")
        elif isinstance(value, dict) and self.flag():
            value["z"] = "z"


class _TooLongError(Exception):
    """An endless loop."""


def _outcome(program: str, seed: int, start: str = _START) -> dict[str, str] | None:
    """What `P` is in the end; None when the program fails."""
    budget = [2000]

    class Lib(_Lib):
        def flag(self) -> bool:
            budget[0] -= 1
            if budget[0] < 0:
                raise _TooLongError
            return super().flag()

    names: dict[str, Any] = {"lib": Lib(seed)}
    try:
        exec(start + program, names)  # noqa: S102
    except (LookupError, ValueError, NameError, TypeError, AttributeError, _TooLongError):
        return None
    result: dict[str, str] = names["P"]
    return result if isinstance(result, dict) and all(isinstance(v, str) for v in result.values()) else None


def _check(program: str, start: str = _START) -> bool:
    """Whether `P` is known; fails when it is known as something that it is not."""
    with tempfile.TemporaryDirectory() as folder:
        step = read_start(Path(folder), flow("@pypi(packages=P)", header="import lib\n" + start + program))
    if errors(step):
        return False
    for seed in range(12):
        outcome = _outcome(program, seed, start)
        assert outcome is None or outcome == step.pypi, (program, seed, outcome, step.pypi)
    return True


@_SETTINGS
@given(_program())
def test_nothing_is_taken_as_known_that_may_be_otherwise(program: str) -> None:
    _check(program)


@_SETTINGS
@given(_program(0, False, True))
def test_nothing_that_a_function_does_is_taken_as_known_that_may_be_otherwise(body: str) -> None:
    declared = "    global P, Q, L, V, X\n"
    _check(f"def f():\n{declared}{textwrap.indent(body, '    ')}\n    return P\nP = f()\n")


@_SETTINGS
@given(_program())
def test_programs_without_unknown_parts_are_known(program: str) -> None:
    start, known = (
        text.replace("while lib.flag():", "while False:")
        .replace("lib.flag()", "len(P) > 1")
        .replace("lib.names()", "['a', 'z']")
        .replace("lib.may_fail()", "P['c']")
        .replace("lib.change(", "(lambda d: None)(")
        for text in (_START, program)
    )
    assert "lib" not in start + known

    is_known = _check(known, start)

    assert is_known or _outcome(known, 0, start) is None or "in {'a', 'b'}" in known, known


@_SETTINGS
@given(st.text(alphabet="abPQ()[]{}:,.=+*'\"\n @%#\\\t01", max_size=60), st.integers(0, 3))
def test_any_text_is_read_without_an_exception(text: str, place: int) -> None:
    source = flow("@pypi(packages=P)", header="P = {'a': '1'}")
    lines = source.splitlines()
    lines.insert((0, 8, 10, len(lines))[place], text)

    with tempfile.TemporaryDirectory() as folder:
        reading = read(Path(folder), "\n".join(lines))

    assert reading.flows or reading.findings


@pytest.mark.parametrize("depth", [50, 200, 2000])
def test_deep_nesting_is_no_problem(depth: int, tmp_path: Path) -> None:
    expressions = ["[" * depth + "]" * depth, "+".join(["'a'"] * depth), "(" * depth + ")" * depth, "-" * depth + "1"]
    for expression in expressions:
        reading = read(tmp_path, flow("@pypi(packages={'a': '1'})", header=f"X = {expression}"))
        assert reading.flows or reading.findings
