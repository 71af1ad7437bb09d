"""Aliases: what they are, and that every way to write one is read back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfenvd.domain.alias import (
    DEFAULT_TAG,
    Alias,
    AliasKind,
    BadAliasError,
    named_alias,
    parse_alias,
)

IDS = st.text("0123456789abcdef", min_size=40, max_size=40)
TAGS = st.one_of(st.text("abcz019-_", min_size=1, max_size=12), st.sampled_from(["latest", "candidate", "stable"]))
PARTS = st.text("abcz019-_", min_size=1, max_size=12)
ONE_ID = re.compile("[0-9a-f]{40}")
NAMES = st.lists(PARTS, min_size=1, max_size=4).map("/".join).filter(lambda name: not ONE_ID.fullmatch(name))


@given(NAMES, TAGS)
def test_a_name_with_a_tag_is_read_back_from_every_form(name: str, tag: str) -> None:
    alias = parse_alias(f"{name}:{tag}")
    assert (alias.kind, alias.name, alias.tag) == (AliasKind.NAME, name, tag)
    assert parse_alias(str(alias)) == alias
    assert named_alias(alias.key) == alias


@given(NAMES)
def test_a_name_without_a_tag_means_the_latest(name: str) -> None:
    assert parse_alias(name) == parse_alias(f"{name}:{DEFAULT_TAG}")


@given(NAMES, TAGS)
def test_three_tags_may_move_and_no_other(name: str, tag: str) -> None:
    assert parse_alias(f"{name}:{tag}").is_mutable is (tag in {"latest", "candidate", "stable"})


@given(IDS, IDS)
def test_ids_are_no_names(request_id: str, full_id: str) -> None:
    both, one = parse_alias(f"{request_id}:{full_id}"), parse_alias(full_id)
    assert (both.kind, both.key) == (AliasKind.IDS, f"{request_id}:{full_id}")
    assert (one.kind, one.key) == (AliasKind.ID, full_id)
    assert not both.can_be_given
    assert not one.can_be_given
    assert not both.is_mutable


@given(st.lists(st.text("Flow17start", min_size=1), min_size=3, max_size=4))
def test_a_pathspec_means_the_step_whatever_the_task(parts: list[str]) -> None:
    pathspec = "/".join(parts)
    alias = parse_alias(f"step:{pathspec}")
    assert alias.key == "/".join(parts[:3])
    assert str(alias) == f"step:{alias.key}"
    assert not alias.can_be_given


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "Write it as in `team/project/env:v1`."),
        ("Team/Env", "Write it as `team/env`."),
        ("a b:v1", "Write it as `a-b`."),
        ("/team/env", "Write it as `team/env`."),
        ("team/:v1", "Write it as `team`."),
        ("team/env:", "Write a tag such as `:v1`."),
        ("team/env:V1", "Write a tag such as `:v1`."),
        ("team/env:v1.2", "Write a tag such as `:v1`."),
        ("a:b:c", "Write it as `a-b`."),
        ("step", "Choose another name, or write `step:Flow/run/step`."),
        ("step:Flow/start", "Write it as in `step:TrainFlow/17/start`."),
        ("step:Flow//start", "Write it as in `step:TrainFlow/17/start`."),
    ],
)
def test_what_is_no_alias_says_how_to_write_it(text: str, remedy: str) -> None:
    with pytest.raises(BadAliasError) as caught:
        parse_alias(text)
    assert caught.value.fix == remedy
    assert repr(text) in str(caught.value)


@given(st.text(max_size=100))
def test_any_text_is_an_alias_or_refused(text: str) -> None:
    try:
        alias = parse_alias(text)
    except BadAliasError:
        return
    assert isinstance(alias, Alias)
    assert parse_alias(str(alias)) == alias
