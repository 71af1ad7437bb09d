from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from mfenvd.domain.graph import chains
from tests.support.samples import package

PACKAGES = (
    package("pandas", "2.2.3", "numpy", "python-dateutil", requested=True),
    package("python-dateutil", "2.9.0", "six"),
    package("six", "1.17.0"),
    package("numpy", "2.3.1", requested=True),
    package("torch", "2.6.0", "numpy", "sympy", requested=True),
    package("sympy", "1.13", "mpmath"),
    package("mpmath", "1.3"),
)


def test_a_chain_from_each_root_the_shortest_first() -> None:
    assert chains(PACKAGES, "numpy") == (("numpy",), ("pandas", "numpy"), ("torch", "numpy"))
    assert chains(PACKAGES, "six") == (("pandas", "python-dateutil", "six"),)


def test_what_is_not_there_has_no_chain() -> None:
    assert chains(PACKAGES, "scipy") == ()


def test_what_nothing_requested_needs_has_no_chain() -> None:
    assert chains((package("a", "1"), package("b", "1", "a")), "a") == ()


NAMES = st.sampled_from("abcdefg")
GRAPHS = st.dictionaries(NAMES, st.tuples(st.sets(NAMES), st.booleans()), min_size=1)


@settings(max_examples=150)
@given(GRAPHS, NAMES)
def test_chains_are_paths_and_as_short_as_they_can_be(graph: dict[str, tuple[set[str], bool]], name: str) -> None:
    packages = [package(each, "1", *sorted(needs), requested=asked) for each, (needs, asked) in graph.items()]
    found = {chain[0]: chain for chain in chains(packages, name)}
    for root, (_, asked) in graph.items():
        length = _distance(graph, root, name)
        assert (root in found) == (asked and length is not None)
        if root in found:
            chain = found[root]
            assert chain[-1] == name
            assert len(chain) - 1 == length
            assert all(after in graph[before][0] for before, after in pairwise(chain))


def _distance(graph: dict[str, tuple[set[str], bool]], start: str, end: str) -> int | None:
    if end not in graph:
        return None
    reached, steps = {start}, 0
    while end not in reached:
        further = reached | {
            child for each in reached for child in graph.get(each, (set(), False))[0] if child in graph
        }
        if further == reached:
            return None
        reached, steps = further, steps + 1
    return steps
