"""Places in TOML: whatever the layout, the text at a value's place is that value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfenvd.domain.finding import Location
from mfenvd.flows.requirement_formats.toml_file import TomlError, TomlPlaces, parse_toml

KEYS = ["a", "b-1", '"quo.ted"', "'lit eral'", "1234", '"es\\"c"', "x.y", 'x."z z"']
SCALARS = [
    "1", "-2.5e3", "true", "1979-05-27 07:32:00", '"text"', '"with \\"quotes\\" and # no comment"', "'lit]eral'",
    '"""multi\nline "" """', "'''raw\n'' '''", '""', "''", '"""\nfirst"""', '""""quoted""""',
]  # fmt: skip
GAPS = ["", " ", "\t"]
BREAKS = ["", " ", "\n", "  # why ]\n", "\r\n  "]

gaps = st.sampled_from(GAPS)
breaks = st.sampled_from(BREAKS)


def arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    item = st.builds(lambda a, value, b: f"{a}{value}{b}", breaks, values, breaks)
    return st.builds(lambda items, end: f"[{','.join(items)}{end}]", st.lists(item, max_size=3), breaks)


def tables(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = st.lists(st.sampled_from(["k", '"q q"', "d.e", "f"]), unique=True, max_size=3)
    return names.flatmap(
        lambda keys: st.tuples(*[values for _ in keys]).map(
            lambda found: "{ " + ", ".join(f"{key} = {value}" for key, value in zip(keys, found, strict=True)) + " }"
        )
    )


VALUES = st.recursive(st.sampled_from(SCALARS), lambda inner: st.one_of(arrays(inner), tables(inner)), max_leaves=5)
PAIRS = st.lists(st.tuples(st.sampled_from(KEYS), gaps, gaps, VALUES), unique_by=lambda pair: pair[0], max_size=3)
HEADERS = st.sampled_from(["[t]", "[[list]]", "[ t . u ]", "[list.sub]", '["t"."v w"]', "[[list]] # more"])
SECTIONS = st.lists(st.tuples(HEADERS, PAIRS), max_size=4)


def document(pairs: list[tuple[str, str, str, str]], sections: list[Any]) -> str:
    lines = [f"{a}{key} ={b}{value}" for key, a, b, value in pairs]
    for header, inner in sections:
        lines += ["", "# a section", header, *(f"{a}{key} ={b}{value} # c" for key, a, b, value in inner)]
    return "\n".join(lines) + "\n"


def leaves(value: Any, key: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict):
        return [leaf for name, item in value.items() for leaf in leaves(item, (*key, name))]
    if isinstance(value, list):
        return [leaf for index, item in enumerate(value) for leaf in leaves(item, (*key, index))]
    return [(key, value)]


def text_at(text: str, location: Location) -> str:
    lines = text.split("\n")
    assert location.line is not None
    assert location.column is not None
    return "\n".join([lines[location.line - 1][location.column - 1 :], *lines[location.line :]])


@settings(max_examples=200, deadline=None)
@given(pairs=PAIRS, sections=SECTIONS)
def test_the_text_at_a_place_is_the_value(pairs: list[Any], sections: list[Any]) -> None:
    text = document(pairs, sections)
    try:
        data = parse_toml(text)
    except TomlError:
        return  # such as a table that is defined twice
    found = TomlPlaces(text, "/x.toml")
    for key, value in leaves(data):
        rest = text_at(text, found.location(*key))
        if not isinstance(value, str):
            assert rest.startswith(written(value))
        elif value:
            assert rest.startswith((first_letters(value), "\n" + first_letters(value)))
        else:
            assert rest[0] in "\"'"


def written(value: Any) -> str:
    """How the scalars above that are no texts are written."""
    if isinstance(value, bool):
        return "true"
    return {int: "1", float: "-2.5e3"}.get(type(value), "1979")


def first_letters(value: str) -> str:
    """Up to the first letter that may be written otherwise."""
    return value.partition('"')[0].partition("\n")[0]


@pytest.mark.parametrize(
    ("text", "key", "line", "column"),
    [
        ("[project]\ndependencies = [\n  'six',  # c\n  \"attrs\",\n]\n", ("project", "dependencies", 1), 4, 4),
        ("[[package]]\nname='a'\n[[package]]\nname='b'\n", ("package", 1), 3, 1),
        ("[[package]]\nname='a'\n[[package]]\nname='b'\n", ("package", 1, "name"), 4, 7),
        ("a = { b = [1, { c = 'x' }] }\n", ("a", "b", 1, "c"), 1, 22),
        ("[a]\nb = 1\n", ("a", "missing"), 1, 1),
        ("[a]\nb = 1\n", ("missing",), None, None),
    ],
)
def test_known_places(text: str, key: tuple[str | int, ...], line: int | None, column: int | None) -> None:
    assert TomlPlaces(text, "/x.toml").location(*key) == Location("/x.toml", line, column)


@pytest.mark.parametrize("text", ["a = [" * 5000, "a = " + "[" * 5000 + "]" * 5000, "a = {", "= 1", "[x"])
def test_what_is_not_toml_says_so_and_why(text: str) -> None:
    with pytest.raises(TomlError) as caught:
        parse_toml(text)
    assert caught.value.reason


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("[[p]]\na = 1\n[[p]]\n", [1, 3]),
        ("p = [{a = 1},\n {a = 2}]\n", [1, 2]),
        ("[[p]]\na = '''\n[[p]]\n'''\n  [[p]]\n", [1, 5]),
    ],
)
def test_the_tables_of_an_array_however_written(text: str, lines: list[int]) -> None:
    assert [place.line for place in TomlPlaces(text, "/x.toml").elements("p", 2)] == lines
