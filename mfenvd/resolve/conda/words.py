"""Reads the tree in which py-rattler says why a request cannot be met."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

import msgspec

from mfenvd.resolve.conda.names import spec_name

_INCOMPATIBLE = "The following packages are incompatible"

_BRANCH = re.compile(r"^(?P<bars>(?:│ {2}| {3})*)(?:├─ |└─ )(?P<text>.*)$")
_REQUIRED = re.compile(
    r"^(?P<spec>[A-Za-z0-9_.\-]+[^,]*?(?:,[^ ]*?)*)"
    r"(?:, which| cannot be installed|, for which no candidates| can be installed)"
)
_PACKAGE = re.compile(
    r"^(?P<name>[A-Za-z0-9_.\-]+) (?P<version>.+?)(?: would (?:require|constrain)|, which conflicts| is )"
)


class Node(msgspec.Struct):
    """A line of the tree, with those below it."""

    text: str
    children: list[Node] = msgspec.field(default_factory=list)

    @property
    def spec(self) -> str | None:
        """What is required here: `numpy >=1.21.6,<1.27`; None where the line is about a package."""
        found = None if _PACKAGE.match(self.text) else _REQUIRED.match(self.text)
        return found["spec"].removesuffix(" *").strip() if found else None


def tree(words: str) -> tuple[Node, ...]:
    """The topmost lines of `words`, whatever introduces them left out."""
    top: list[Node] = []
    stack: list[tuple[int, Node]] = []
    for line in words.splitlines():
        branch = _BRANCH.match(line)
        depth = len(branch["bars"]) // 3 + 1 if branch else 0
        node = Node(branch["text"] if branch else line.strip())
        while stack and stack[-1][0] >= depth:
            stack.pop()
        (stack[-1][1].children if stack else top).append(node)
        stack.append((depth, node))
    incompatible = next((node for node in top if node.text == _INCOMPATIBLE), None)
    return tuple(incompatible.children if incompatible else (node for node in top if node.text))


def first_chain(node: Node) -> tuple[str, ...]:
    """The specs from `node` down to where the first branch ends, `node`'s own first."""
    return next(_chains(node), ())


def clashing_chains(nodes: Sequence[Node]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The shortest two chains, of different topmost lines, that end in the same package; None when there are none.

    Each is the specs from what is asked for down to that package. Another package goes before Python: nearly all builds
    are for one Python, and those for the others are told as well.
    """
    pairs = [
        (name == "python", len(chain) + len(ways[name]), (chain, ways[name]))
        for one, other in combinations(nodes, 2)
        for ways in (_ways(other),)
        for name, chain in _ways(one).items()
        if name in ways
    ]
    return min(pairs)[2] if pairs else None


def leaves(node: Node) -> Iterator[Node]:
    """The lines below which there is nothing."""
    if not node.children:
        yield node
    for child in node.children:
        yield from leaves(child)


def _ways(node: Node) -> dict[str, tuple[str, ...]]:
    """The shortest chain to every package below `node`, itself included."""
    found: dict[str, tuple[str, ...]] = {}
    for chain in _chains(node):
        for length in range(1, len(chain) + 1):
            name = spec_name(chain[length - 1])
            if name not in found or length < len(found[name]):
                found[name] = chain[:length]
    return found


def _chains(node: Node) -> Iterator[tuple[str, ...]]:
    own = (node.spec,) if node.spec is not None else ()
    if not node.children:
        yield own
    for child in node.children:
        yield from (own + rest for rest in _chains(child))


def shortened(lines: Sequence[str]) -> tuple[str, ...]:
    """`lines` without those that say the same as the one before: builds of one version differ in nothing that shows."""
    found: list[str] = []
    for line in lines:
        if not found or line != found[-1]:
            found.append(line)
    return tuple(found)
