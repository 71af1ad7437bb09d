from __future__ import annotations

from mfenvd.resolve.conda.words import clashing_chains, first_chain, leaves, shortened, tree

ONE_BRANCH = """\
scipy ==1.10.0 cannot be installed because there are no viable options:
└─ scipy 1.10.0 would require
   └─ numpy >=1.21.6,<1.27, for which no candidates were found.
"""

TWO_SIDES = """\
lib ==3 cannot be installed because there are no viable options:
└─ lib 3 would require
   └─ python >=3.14,<3.15.0a0, for which no candidates were found.
The following packages are incompatible
├─ a * can be installed with any of the following options:
│  └─ a 1 would require
│     └─ lib >=1.2.13,<1.3.0a0, which can be installed with any of the following options:
│        └─ lib 1.2.13
└─ b ==2 h1*_0 cannot be installed because there are no viable options:
   ├─ b 2 would require
   │  └─ python >=3.11,<3.12.0a0, for which no candidates were found.
   └─ b 2 | 2.1 would require
      └─ c, which cannot be installed because there are no viable options:
         └─ c 1 would require
            └─ lib >=1.3.2,<2.0a0, which cannot be installed because there are no viable options:
               ├─ lib 1.3.2, which conflicts with the versions reported above.
               ├─ lib 1.3.2, which conflicts with the versions reported above.
               └─ lib 1.3.3, which conflicts with the versions reported above.
"""


def test_a_chain_is_what_is_required_from_line_to_line() -> None:
    (node,) = tree(ONE_BRANCH)
    assert first_chain(node) == ("scipy ==1.10.0", "numpy >=1.21.6,<1.27")
    assert [leaf.spec for leaf in leaves(node)] == ["numpy >=1.21.6,<1.27"]


def test_what_excludes_each_other_goes_before_what_is_not_there() -> None:
    assert [first_chain(node)[0] for node in tree(TWO_SIDES)] == ["a", "b ==2 h1*_0"]


def test_the_chains_that_clash_end_in_the_same_package() -> None:
    assert clashing_chains(tree(TWO_SIDES)) == (
        ("a", "lib >=1.2.13,<1.3.0a0"),
        ("b ==2 h1*_0", "c", "lib >=1.3.2,<2.0a0"),
    )


def test_one_side_clashes_with_nothing() -> None:
    assert clashing_chains(tree(ONE_BRANCH)) is None
    assert tree("No candidates were found for numpy ==9.") != ()


def test_lines_that_repeat_are_said_once() -> None:
    lines = TWO_SIDES.splitlines()
    assert len(shortened(lines)) == len(lines) - 1
