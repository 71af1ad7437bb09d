from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mfenvd.domain.graph import Node, chains, tree
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


def outline(nodes: tuple[Node, ...]) -> list[Any]:
    """Names; with `*` what is opened elsewhere, as a dict what has something below it."""
    return [
        {node.package.name: outline(node.needs)} if node.needs else node.package.name + "*" * node.repeated
        for node in nodes
    ]


def test_the_tree_opens_each_package_once_nearest_to_a_root() -> None:
    packages = [
        package("deep", "1", "shared"),
        package("one", "1", "deep", requested=True),
        package("shared", "1", "leaf"),
        package("leaf", "1"),
        package("two", "1", "shared", requested=True),
    ]
    assert outline(tree(packages)) == [
        {"one": [{"deep": ["shared*"]}]},
        {"two": [{"shared": ["leaf"]}]},
    ]


def test_the_tree_of_a_cycle_ends_and_what_nobody_asked_for_has_a_root_of_its_own() -> None:
    packages = [
        package("a", "1", "b", requested=True),
        package("b", "1", "a"),
        package("python", "3.11", "openssl"),
        package("openssl", "3"),
        package("x", "1", "y"),
        package("y", "1", "x"),
    ]
    assert outline(tree(packages)) == [
        {"a": [{"b": ["a*"]}]},
        {"python": ["openssl"]},
        {"x": [{"y": ["x*"]}]},
    ]


def test_a_long_chain_is_no_trouble() -> None:
    packages = [package(f"p{number}", "1", f"p{number + 1}", requested=number == 0) for number in range(3000)]
    node, depth = tree(packages)[0], 1
    while node.needs:
        node, depth = node.needs[0], depth + 1
    assert depth == 3000
