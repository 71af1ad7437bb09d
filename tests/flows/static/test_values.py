"""Values are exactly what Python computes, or unknown."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest

from tests.flows.static.reading import errors, flow, line_of, oracle, read_start

KNOWN = {
    "literal": ("", '{"a": "1", "b": ">=2"}'),
    "constant": ('V = "1"', '{"a": V}'),
    "constant chain": ('V = "1"\nP = {"a": V}\nQ = P', "Q"),
    "annotated constant": ('P: dict[str, str] = {"a": "1"}', "P"),
    "tuple assignment": ('A, B = "1", "2"', '{"a": A, "b": B}'),
    "starred assignment": ('A, *B = ["1", "2", "3"]', '{"a": A, "b": B[-1]}'),
    "dict call": ("", 'dict(a="1", b="2")'),
    "dict of pairs": ("", 'dict([("a", "1"), ("b", "2")])'),
    "dict of zip": ("", 'dict(zip(["a", "b"], ["1", "2"]))'),
    "dict with more": ('P = {"a": "1"}', 'dict(P, b="2")'),
    "spread": ('P = {"a": "1", "b": "1"}', '{**P, "b": "2"}'),
    "union": ('P = {"a": "1"}\nQ = {"b": "2"}', 'P | Q | {"a": "3"}'),
    "union of keys": ('P = {"a": 1}\nQ = {"b": 2}', '{k: "1" for k in sorted(P.keys() | Q.keys())}'),
    "fromkeys": ("", 'dict.fromkeys(["a", "b"], "1")'),
    "fromkeys of a set": ("", 'dict.fromkeys({"a", "b"}, "1")'),
    "f-string": ("MAJOR, MINOR = 1, 2", '{"a": f"{MAJOR}.{MINOR}", "b": f">={MAJOR},<{MAJOR + 1}"}'),
    "f-string formats": ("N = 3.14159", '{"a": f"{N:.2f}", "b": f"{N!r:>10}", "c": f"{N:{5}.1f}"}'),
    "percent": ("N = (1, 2)", '{"a": "%d.%d" % N, "b": "%s" % 1}'),
    "percent by name": ("", '{"a": "%(x)s" % {"x": "1"}}'),
    "format": ("", '{"a": "{}.{}".format(1, 2), "b": "{x}".format(x="1")}'),
    "concatenation": ('V = "1"', '{"a": ">=" + V + ",<" + "2"}'),
    "implicit concatenation": ("", '{"a": ">=1" ",<2"}'),
    "text methods": ("", '{"a": " >=1 ".strip(), "b": "v1".replace("v", ""), "c": "1,2".split(",")[1]}'),
    "more text methods": (
        'T = "Pandas==1.0"',
        '{T.partition("==")[0].lower(): T.rpartition("=")[2], "b": "1".zfill(2), "c": "x-1".removeprefix("x-")}',
    ),
    "join": ("", '{"a": ".".join(["1", "2"]), "b": ",".join(str(i) for i in range(3))}'),
    "conditional": ("GPU = True", '{"torch": "2" if GPU else "1"}'),
    "boolean operators": ("A = None", '{"a": A or "1", "b": "2" and "3", "c": str(not A)}'),
    "comparison chain": ("N = 5", '{"a": "1" if 1 < N <= 5 else "2"}'),
    "membership": ('P = ["a"]', '{"a": str("a" in P), "b": str("b" not in P)}'),
    "list comprehension": ('L = ["a==1", "b==2"]', 'dict([x.split("==") for x in L])'),
    "dict comprehension": ('L = ["a==1", "b==2"]', '{x.split("==")[0]: x.split("==")[1] for x in L}'),
    "comprehension with condition": ('P = {"a": "1", "b": None}', "{k: v for k, v in P.items() if v}"),
    "nested comprehension": ('L = [["a"], ["b", "c"]]', '{x: "1" for l in L for x in l}'),
    "walrus": ('L = ["a-1"]', '{(p := x.split("-"))[0]: p[1] for x in L}'),
    "generator": ("", 'dict((k, "1") for k in "ab")'),
    "set comprehension": ("", '{k: "1" for k in sorted({x.lower() for x in "AaB"})}'),
    "subscripts": ('P = {"x": {"y": ["1", "2"]}}', '{"a": P["x"]["y"][-1], "b": "12.3"[:2]}'),
    "get": ('P = {"a": "1"}', '{"a": P.get("a"), "b": P.get("b", "2")}'),
    "items": ('P = {"a": "1", "b": "2"}', "{k: v for k, v in reversed(list(P.items()))}"),
    "lambda": ("inc = lambda v: str(v + 1)", '{"a": inc(1)}'),
    "sorted with key": ('L = ["bb", "a"]', '{sorted(L, key=len)[0]: "1"}'),
    "map and filter": ("", '{k: "1" for k in filter(None, map(str.strip, ["a ", " "]))}'),
    "enumerate": ("", '{k: str(i) for i, k in enumerate(["a", "b"], start=1)}'),
    "numbers": ("", '{"a": str(round(1.26, 1)), "b": str(7 // 2), "c": str(2 ** 10), "d": str(abs(-1))}'),
    "min, max, sum": ("", '{"a": str(max([1, 3, 2])), "b": str(sum([1, 2])), "c": min("b", "a")}'),
    "any and all": ("", '{"a": str(any([0, 1])), "b": str(all([])), "c": str(len({1, 2}))}'),
    "isinstance": ("", '{"a": "1" if isinstance({}, dict) and not isinstance(1, (str, list)) else "2"}'),
    "set operations": ("", '{k: "1" for k in sorted({"a", "b"} - {"b"} | {"c"})}'),
    "tuple and list": ("", '{list(("a",))[0]: str(len((1, 2) + (3,)))}'),
    "iterator is consumed once": ('I = iter(["a", "b"])\nA = list(I)\nB = list(I)', "{A[0]: str(len(B))}"),
    "next": ("", '{next(iter(["a"])): "1", "b": next((x for x in ["2"] if x == "2"), None)}'),
    "copy": ('P = {"a": "1"}\nQ = P.copy()\nQ["a"] = "2"', '{"a": P["a"], "b": Q["a"]}'),
    "deepcopy": ('import copy\nP = {"x": {"a": "1"}}\nQ = copy.deepcopy(P)\nQ["x"]["a"] = "2"', 'P["x"]'),
    "partial": ("pkg = functools.partial(dict, a='1')", "pkg(b='2')"),
    "reduce": ("", 'functools.reduce(lambda a, b: {**a, **b}, [{"a": "1"}, {"b": "2"}])'),
    "chain": ("import itertools", '{k: "1" for k in itertools.chain(["a"], ("b",))}'),
    "defaultdict": (
        "from collections import defaultdict\nD = defaultdict(list)\nD['a'].append('1')", "{'a': D['a'][0]}"
    ),
    "json": ("", """json.loads('{"a": "1"}')"""),
    "dedent": ("import textwrap", 'dict([l.split() for l in textwrap.dedent("  a 1\\n  b 2\\n").splitlines()])'),
    "version info": ("", '{"a": "1" if sys.version_info >= (3, 9) else "2", "b": str(sys.version_info.major)}'),
    "version info formatted": ("", '{"a": "%d.%d" % sys.version_info[:2], "b": f"{sys.version_info[0]}"}'),
    "python version": ("", '{"a": platform.python_version(), "b": ".".join(platform.python_version_tuple()[:2])}'),
    "sys.version": ("", '{"a": sys.version.split()[0], "b": sys.version[:4]}'),
    "platform": ("", '{"a": platform.system(), "b": sys.platform}'),
    "environment with default": ("", '{"a": os.environ.get("MFENV_TEST_UNSET", "1"), "b": os.getenv("X_UNSET", "2")}'),
    "environment": ("", '{"a": os.environ["MFENV_TEST_SET"], "b": os.environ.get("MFENV_TEST_SET")}'),
    "environment in condition": ("", '{"a": "1" if "MFENV_TEST_SET" in os.environ else "2"}'),
    "environment changed": ('os.environ["MFENV_TEST_NEW"] = "3"', '{"a": os.environ["MFENV_TEST_NEW"]}'),
    "class constants": ('class V:\n    A = "1"\n    B = {"b": "2"}\n', '{"a": V.A, **V.B}'),
    "class constants inherited": ('class V:\n    A = "1"\nclass W(V):\n    B = V.A + "0"\n', '{"a": W.A, "b": W.B}'),
    "enumeration": ('from enum import Enum\nclass V(Enum):\n    A = "1"\n', '{"a": V.A.value, V["A"].name: "2"}'),
    "dataclass": (
        ("from dataclasses import dataclass, field\n@dataclass\nclass D:\n    a: str\n    b: str = '2'\n"
        "    c: dict = field(default_factory=dict)\n"),
        '{"a": D("1").a, "b": D(a="1").b, **D("1").c}',
    ),
    "object": (
        ("class D:\n    def __init__(self, v):\n        self.v = v\n    def all(self):\n        return {'a': self.v}\n"
        "    @property\n    def p(self):\n        return self.v\n    @staticmethod\n    def s():\n        return '3'\n"
        "    @classmethod\n    def of(cls, v):\n        return cls(v)\n"),
        '{**D("1").all(), "b": D.of("2").p, "c": D.s()}',
    ),
    "super": (
        ("class A:\n    def p(self):\n        return {'a': '1'}\nclass B(A):\n    def p(self):\n"
        "        return {**super().p(), 'b': '2'}\n"),
        "B().p()",
    ),
    "namespace": ("from types import SimpleNamespace\nN = SimpleNamespace(a='1')", '{"a": N.a}'),
    "if at module level": ('if sys.version_info >= (3, 8):\n    P = {"a": "1"}\nelse:\n    P = {}', "P"),
    "type checking": ("from typing import TYPE_CHECKING\nP = {'a': '1'}\nif TYPE_CHECKING:\n    P = {}", "P"),
    "try import": ("try:\n    import json as j\nexcept ImportError:\n    j = None", "j.loads('{}')"),
    "handled KeyError": ("try:\n    V = {}['a']\nexcept KeyError:\n    V = '1'\nelse:\n    V = '2'", '{"a": V}'),
    "finally": ("P = {}\ntry:\n    P['a'] = '1'\nfinally:\n    P['b'] = '2'", "P"),
    "match": ("match 2:\n    case 1:\n        V = '1'\n    case 2 | 3:\n        V = '2'", '{"a": V}'),
    "for loop": ("P = {}\nfor n in ['a', 'b']:\n    P[n] = '1'", "P"),
    "for with break and else": ("for n in 'ab':\n    if n == 'b':\n        break\nelse:\n    n = 'c'", '{n: "1"}'),
    "for over a set": ("P = {}\nfor n in {'a', 'b', 'c'}:\n    P[n] = n * 2", "P"),
    "while loop": ("n = 0\nwhile n < 3:\n    n += 1", '{"a": str(n)}'),
    "exec of known code": ("exec('P = {}')\nexec('P[\"a\"] = \"1\"')", "P"),
    "globals": ("globals()['P'] = {'a': '1'}", "P"),
    "lines of a constant": ("R = '''\na==1\nb==2\n'''", "dict(l.split('==') for l in R.split())"),
}  # fmt: skip


@pytest.mark.parametrize(("header", "expression"), KNOWN.values(), ids=KNOWN)
def test_a_value_is_what_python_computes(
    header: str, expression: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MFENV_TEST_SET", "7")
    environ = dict(os.environ)

    step = read_start(
        tmp_path,
        flow(f"@pypi(packages={expression})", header=header),
        environ=environ,
        python=platform.python_version(),
    )

    assert not step.findings
    assert step.pypi == oracle(header, expression)
    monkeypatch.delenv("MFENV_TEST_NEW", raising=False)


# An f-string's parts have places of their own from Python 3.12 on.
_HUGE_WIDTH = 'f"{1:>1000000000}"' if sys.version_info < (3, 12) else "{1:>1000000000}"


# header, expression, the expression that the finding names (None: the header's last line)
UNKNOWN = {
    "a call outside": ("import requests", 'requests.get("u").json()', 'requests.get("u").json()'),
    "a constant from outside": ("from somewhere import PACKAGES", "PACKAGES", "from somewhere import PACKAGES"),
    "a version from outside": ("import pandas", '{"pandas": pandas.__version__}', "pandas.__version__"),
    "a key from outside": ("import lib", '{lib.NAME: "1"}', "lib.NAME"),
    "random": ("import random", '{"a": random.choice(["1", "2"])}', 'random.choice(["1", "2"])'),
    "time": ("import datetime", '{"a": str(datetime.date.today())}', "datetime.date.today()"),
    "subprocess": ("import subprocess", '{"a": subprocess.check_output(["x"])}', 'subprocess.check_output(["x"])'),
    "input": ("", '{"a": input()}', "input()"),
    "exec": ("import lib\nP = {}\nexec(lib.CODE)", "P", "exec(lib.CODE)"),
    "unset variable": ("", '{"a": os.environ["MFENV_TEST_UNSET"]}', 'os.environ["MFENV_TEST_UNSET"]'),
    "order of a set": ("", '{list({"a", "b"})[0]: "1"}', 'list({"a", "b"})'),
    "text of a set": ("", '{"a": str({"a", "b"})}', 'str({"a", "b"})'),
    "set with clashing keys": (
        "", '{k: v for k, v in {("a", "1"), ("a", "2")}}', '{k: v for k, v in {("a", "1"), ("a", "2")}}'
    ),
    "loop over a set that depends on its order": (
        "L = []\nfor n in {'a', 'b'}:\n    L.append(n)", '{L[0]: "1"}', "{'a', 'b'}"
    ),
    "ties among a set": ("", '{sorted({"b", "a"}, key=len)[0]: "1"}', 'sorted({"b", "a"}, key=len)'),
    "undefined name": ("", "UNDEFINED", "pypi(packages=UNDEFINED)"),
    "huge repetition": ("", '{"a": "1" * 10 ** 9}', '"1" * 10 ** 9'),
    "huge power": ("", '{"a": str(10 ** 10 ** 10)}', "10 ** 10 ** 10"),
    "huge width": ("", '{"a": f"{1:>1000000000}"}', _HUGE_WIDTH),
    "huge format": ("", '{"a": "{:>1000000000}".format(1)}', '"{:>1000000000}".format(1)'),
    "huge percent": ("", '{"a": "%1000000000d" % 1}', '"%1000000000d" % 1'),
    "huge range": ("", '{"a": str(len(list(range(10 ** 12))))}', "list(range(10 ** 12))"),
    "conditional on the outside": ("import lib", '{"a": "1" if lib.GPU else "2"}', "lib.GPU"),
    "short circuit on the outside": ("import lib", '{"a": lib.VERSION or "1"}', "lib.VERSION"),
    "endless loop": ("P = {}\nwhile True:\n    P['a'] = '1'", "P", "while True: P['a'] = '1'"),
    "endless recursion": ("def f(n):\n    return f(n + 1)\nP = f(0)", "P", "P = f(0)"),
    "parameter": ("from metaflow import Parameter\nP = Parameter('p', default={})", "P", "Parameter('p', default={})"),
    "enumeration as text": (
        "from enum import Enum\nclass V(str, Enum):\n    A = '1'\n", '{"a": "%s" % V.A}', '"%s" % V.A'
    ),
    "object that compares by itself": (
        ("class K:\n    def __init__(self, v):\n        self.v = v\n    def __eq__(self, o):\n        return True\n"
        "    def __hash__(self):\n        return 1\nD = {K(1): 'a', K(2): 'b'}"),
        '{D[K(1)]: "1"}',
        "K(1)",
    ),
    "attribute set by code of its own": (
        "class A:\n    def __setattr__(self, n, v):\n        pass\na = A()\na.v = '1'", '{"a": a.v}', "a.v"
    ),
    "asynchronous generator": ("async def g():\n    yield 'a'", "{k: '1' for k in g()}", "g()"),
    "metaclass": ("import lib\nclass A(metaclass=lib.M):\n    V = {}\n", "{'a': A().x}", "A()"),
}  # fmt: skip


@pytest.mark.parametrize(("header", "expression", "named"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_cannot_be_known_is_said_at_its_line(header: str, expression: str, named: str, tmp_path: Path) -> None:
    source = flow(f"@pypi(packages={expression})", header=header)

    step = read_start(tmp_path, source)

    (finding,) = errors(step)
    assert not step.pypi
    assert (finding.code, step.kind) in {("MFE101", "pypi"), ("MFE102", None)}
    assert finding.path == str(tmp_path / "flow.py")
    assert f"`{named}`" in finding.message
    assert finding.line is not None
    assert finding.column is not None
    there = source.splitlines()[finding.line - 1][finding.column - 1 :]
    assert there.startswith(named) or there == named.partition(" P[")[0]
    assert finding.fix


def test_one_unknown_version_leaves_the_others_known(tmp_path: Path) -> None:
    source = flow('@pypi(packages={"a": "1", "numpy": np.__version__, "c": "3"})', header="import numpy as np")

    step = read_start(tmp_path, source)

    assert step.pypi == {"a": "1", "c": "3"}
    (finding,) = errors(step)
    assert "numpy" in finding.message
    assert "`np.__version__`" in finding.message


def test_without_the_projects_python_its_version_is_unknown(tmp_path: Path) -> None:
    source = flow("@pypi(packages={}, python=platform.python_version())")

    step = read_start(tmp_path, source, python=None)

    assert step.python is None
    assert "Activate" in (errors(step)[0].fix or "")


def test_no_secret_of_the_environment_is_in_a_finding(tmp_path: Path) -> None:
    source = flow('@pypi(packages={"a": lib.get("https://user:hunter2@host/simple")})', header="import lib")

    (finding,) = errors(read_start(tmp_path, source))

    assert "hunter2" not in finding.message


@pytest.mark.skipif(sys.version_info < (3, 10), reason="union of types")
def test_the_place_of_each_requirement_is_its_key(tmp_path: Path) -> None:
    source = flow(
        "@pypi(packages={**BASE, 'Foo_Bar': V, 'c': '3'})",
        header="V = '2'\nBASE = {\n    'a': '1',\n    'c': '1',\n}\nBASE['d'] = '4'\nBASE.update(e='5')",
    )

    step = read_start(tmp_path, source)

    lines = {name: place.line for name, place in step.origins.items()}
    assert lines == {
        "a": line_of(source, "'a': '1'"), "c": line_of(source, "@pypi"), "foo-bar": line_of(source, "@pypi"),
        "d": line_of(source, "BASE['d']"), "e": line_of(source, "BASE.update"),
    }  # fmt: skip
