"""Names that are bound again and containers that are changed: followed in order, or unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.static.reading import errors, flow, oracle, read_start

FOLLOWED = {
    "bound again": "P = {'a': '1'}\nP = {'b': '2'}",
    "bound again under a known condition": "P = {'a': '1'}\nif len(P) == 1:\n    P = {'b': '2'}",
    "update": "P = {'a': '1'}\nP.update({'b': '2'})\nP.update(c='3')\nP.update([('d', '4')])",
    "subscript": "P = {'a': '1'}\nP['a'] = '2'\nP['b'] = '3'",
    "delete": "P = {'a': '1', 'b': '2'}\ndel P['b']",
    "pop": "P = {'a': '1', 'b': '2'}\nP.pop('b')\nP.pop('c', None)",
    "setdefault": "P = {'a': '1'}\nP.setdefault('a', '2')\nP.setdefault('b', '2')",
    "clear": "P = {'a': '1'}\nP.clear()",
    "augmented": "P = {'a': '1'}\nP |= {'b': '2'}\nL = ['c']\nL += ['d']\nP[L[-1]] = '3'",
    "augmented text": "V = '>=1'\nV += ',<2'\nP = {'a': V}",
    "alias": "P = {'a': '1'}\nQ = P\nQ['b'] = '2'",
    "alias in a list": "P = {'a': '1'}\nL = [P]\nL[0]['b'] = '2'",
    "alias through a function": "P = {'a': '1'}\ndef add(d, n):\n    d[n] = '2'\nadd(P, 'b')",
    "alias through a default": "P = {}\ndef add(n, d=P):\n    d[n] = '2'\nadd('b')\nadd('c')",
    "mutable default": "def f(n, d={}):\n    d[n] = '1'\n    return d\nf('a')\nP = f('b')",
    "copy, then change": "Q = {'a': '1'}\nP = dict(Q)\nQ['b'] = '2'",
    "global in a function": "P = {'a': '1'}\ndef f():\n    global P\n    P = {'b': '2'}\nf()",
    "global changed in a function": "P = {'a': '1'}\ndef f():\n    P['b'] = '2'\nf()",
    "function that is not called": "P = {'a': '1'}\ndef f():\n    P['b'] = '2'",
    "nonlocal": (
        "def f():\n    p = {}\n    def g():\n        nonlocal p\n        p = {'a': '1'}\n    g()\n    return p\nP = f()"
    ),
    "closure over a loop": "fs = [lambda: n for n in 'ab']\nP = {f(): '1' for f in fs}",
    "list methods": (
        "L = ['c']\nL.append('a')\nL.extend(['b'])\nL.insert(0, 'z')\nL.remove('c')\nL.sort()\nL.reverse()\n"
        "P = {n: str(i) for i, n in enumerate(L)}"
    ),
    "slice assignment": "L = [1, 2, 3]\nL[1:] = ['a']\nP = {L[1]: '1'}",
    "set methods": "S = {'a'}\nS.add('b')\nS.discard('a')\nP = dict.fromkeys(S, '1')",
    "swap": "A, B = 'a', 'b'\nA, B = B, A\nP = {A: '1', B: '2'}",
    "attribute": "class C:\n    p = {'a': '1'}\nC.p = {'b': '2'}\nP = C.p",
    "attribute by name": "class C:\n    pass\nsetattr(C, 'p', {'b': '2'})\nP = getattr(C, 'p')",
    "object": "class C:\n    def __init__(self):\n        self.p = {}\nc = C()\nc.p['a'] = '1'\nP = c.p",
    "loop variable": "P = {}\nfor n in 'ab':\n    pass\nP[n] = '1'",
    "exception undoes nothing": "P = {}\ntry:\n    P['a'] = '1'\n    {}['x']\nexcept KeyError:\n    P['b'] = '2'",
    "same on every path": "import lib\nif lib.X:\n    P = {'a': '1'}\nelse:\n    P = {'a': '1'}",
    "raises on the other path": "import lib\nP = {'a': '1'}\nif lib.X:\n    raise ValueError('no')",
    "exits on the other path": "import lib\nP = {'a': '1'}\nif lib.X:\n    sys.exit(1)",
    "handed to print and logging": (
        "import logging\nP = {'a': '1'}\nprint(P)\nlogging.getLogger('x').info('%s', P)\njson.dumps(P)\nlen(P)"
    ),
    "optional import aside": "P = {'a': '1'}\ntry:\n    import torch\nexcept ImportError:\n    torch = None",
}  # fmt: skip


def _stubbed(header: str) -> str:
    """The header with what is not installed here replaced: its outcome does not depend on it."""
    return header.replace("import lib\n", "class lib:\n    X = False\n")


@pytest.mark.parametrize("header", FOLLOWED.values(), ids=FOLLOWED)
def test_changes_are_followed(header: str, tmp_path: Path) -> None:
    step = read_start(tmp_path, flow("@pypi(packages=P)", header=header))

    assert not step.findings
    assert step.pypi == oracle(_stubbed(header), "P")


LOST = {
    "handed to unreadable code": "import lib\nP = {'a': '1'}\nlib.change(P)",
    "handed inside a list": "import lib\nP = {'a': '1'}\nlib.change([P])",
    "handed as keyword": "import lib\nP = {'a': '1'}\nlib.change(packages=P)",
    "handed by spreading a list": "import lib\nP = {'a': '1'}\nL = [P]\nlib.change(*L)",
    "handed to a method of the outside": "import lib\nP = {'a': '1'}\nclient = lib.Client()\nclient.add(P)",
    "handed through a helper": "import lib\nP = {'a': '1'}\ndef f(d):\n    lib.change(d)\nf(P)",
    "held by an object that is handed on": (
        "import lib\nclass C:\n    def __init__(self, p):\n        self.p = p\nP = {'a': '1'}\nlib.change(C(P))"
    ),
    "unknown key": "import lib\nP = {'a': '1'}\nP[lib.NAME] = '2'",
    "unknown key deleted": "import lib\nP = {'a': '1'}\ndel P[lib.NAME]",
    "unknown update": "import lib\nP = {'a': '1'}\nP.update(lib.MORE)",
    "unknown update by union": "import lib\nP = {'a': '1'}\nP |= lib.MORE",
    "unknown pop": "import lib\nP = {'a': '1', 'b': '2'}\nP.pop(lib.NAME)",
    "changed under an unknown condition": "import lib\nP = {'a': '1'}\nif lib.GPU:\n    P['torch'] = '2'",
    "bound under an unknown condition": "import lib\nP = {'a': '1'}\nif lib.GPU:\n    P = {}",
    "changed in an unknown loop": "import lib\nP = {'a': '1'}\nfor n in lib.NAMES:\n    P[n] = '1'",
    "changed in a known way in an unknown loop": "import lib\nP = {'a': '1'}\nfor n in lib.NAMES:\n    P['b'] = '1'",
    "changed while something unknown": "import lib\nP = {'a': '1'}\nwhile lib.more():\n    P['b'] = '1'",
    "changed late in an unknown loop": (
        "import lib\na = b = c = '1'\nfor n in lib.NAMES:\n    a = b\n    b = c\n    c = '2'\nP = {'a': a}"
    ),
    "changed in an unknown comprehension": "import lib\nP = {'a': '1'}\n[P.update({n: '1'}) for n in lib.NAMES]",
    "changed behind an unknown filter": "import lib\nP = {'a': '1'}\n[P.update(b='1') for n in 'xy' if lib.want(n)]",
    "changed by a short circuit": "import lib\nP = {'a': '1'}\nlib.X and P.update(b='1')",
    "changed by a conditional": "import lib\nP = {'a': '1'}\nP.update(b='1') if lib.X else None",
    "changed where it may fail": "import lib\nP = {1: 1}\ntry:\n    lib.f()\n    P['b'] = '2'\nexcept OSError:\n    1",
    "set where a try may fail": "import lib\nV = 1\ntry:\n    lib.f()\n    V = 2\nexcept OSError:\n    1\nP = {V: '1'}",
    "fallback for what is outside": "try:\n    from lib import P\nexcept ImportError:\n    P = {'a': '1'}",
    "flag of an optional import": (
        "try:\n    import torch\n    G = True\nexcept ImportError:\n    G = False\nP = {'a': '1' if G else '2'}"
    ),
    "raised on an unknown path inside a try": (
        "import lib\nP = {'a': '1'}\ntry:\n    if lib.X:\n        raise OSError\n    P['b'] = 1\nexcept OSError:\n    1"
    ),
    "returned early under an unknown condition": (
        "import lib\nP = {'a': '1'}\ndef f():\n    if lib.X:\n        return\n    P['b'] = '2'\nf()"
    ),
    "returned from an unknown loop": (
        "import lib\ndef f():\n    for n in lib.NAMES:\n        return {'a': '1'}\n    return {'b': '2'}\nP = f()"
    ),
    "left by break under an unknown condition": (
        "import lib\nP = {}\nfor n in 'ab':\n    if lib.X:\n        break\n    P[n] = '1'"
    ),
    "unknown match": "import lib\nP = {}\nmatch lib.X:\n    case 1:\n        P['a'] = '1'\n    case _:\n        P = 0",
    "function behind an unreadable decorator": "import lib\n@lib.deco\ndef f():\n    return {'a': '1'}\nP = f()",
    "changed by such a function": "import lib\nP = {'a': '1'}\n@lib.deco\ndef f():\n    P['b'] = '2'\nf()",
    "star import hides it": "from lib import *\nP = PACKAGES",
    "async": "async def f():\n    return {'a': '1'}\nP = f()",
    "environment handed on": "import lib\nlib.load(os.environ)\nP = {'a': os.environ.get('X', '1')}",
    "unknown slice": "import lib\nL = [{'a': '1'}]\nL[:] = lib.L\nP = L[0]",
    "unknown attribute name": "import lib\nclass C:\n    p = {'a': '1'}\nsetattr(C, lib.N, {})\nP = C.p",
    "unknown namespace key": "import lib\nP = {'a': '1'}\nglobals()[lib.N] = {}",
}  # fmt: skip


@pytest.mark.parametrize("header", LOST.values(), ids=LOST)
def test_what_is_lost_is_not_taken_as_known(header: str, tmp_path: Path) -> None:
    step = read_start(tmp_path, flow("@pypi(packages=P)", header=header))

    assert errors(step)
    assert not step.pypi


def test_the_finding_names_the_call_that_may_change_it(tmp_path: Path) -> None:
    source = flow("@pypi(packages=P)", header="import lib\nP = {'a': '1'}\nlib.register(P)")

    (finding,) = errors(read_start(tmp_path, source))

    assert "`lib.register(P)`" in finding.message
    assert "may change what it is given" in finding.message


def test_a_change_after_the_class_still_counts(tmp_path: Path) -> None:
    """Metaflow keeps the very dict, and merges it only when the flow is started."""
    source = flow("@pypi(packages=P)", header="P = {'a': '1'}").replace(
        'if __name__ == "__main__":', "P['b'] = '2'\nif __name__ == \"__main__\":"
    )

    assert read_start(tmp_path, source).pypi == {"a": "1", "b": "2"}
