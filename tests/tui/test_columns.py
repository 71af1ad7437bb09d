"""The table's columns share the room there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfenv_tui.columns import PADDING, Widths, widths
from mfenv_tui.environments import CELL_WIDTH
from mfenvd.domain.arch import Arch
from mfenvd.domain.words import WORDS

ARCHS = st.lists(st.sampled_from(tuple(Arch)), unique=True)
THREE = (Arch.LINUX_64, Arch.OSX_64, Arch.OSX_ARM64)


def total(wide: Widths, archs: int) -> int:
    others = sum(width + PADDING for width in (wide.place, wide.age) if width)
    return wide.name + PADDING + others + archs * (wide.cell + PADDING)


@given(
    room=st.integers(20, 220),
    archs=ARCHS,
    name=st.integers(0, 80),
    place=st.integers(0, 80),
)
def test_nothing_is_wider_than_the_room_unless_it_is_as_narrow_as_it_gets(
    room: int, archs: list[Arch], name: int, place: int
) -> None:
    wide = widths(room, archs, name, place)
    narrowest = 14 + PADDING + max(len(archs), 1) * (max([11, *map(len, archs)]) + PADDING)
    assert total(wide, max(len(archs), 1)) <= room or (room < narrowest and not wide.place and not wide.age)
    assert wide.name + PADDING + wide.cell + PADDING <= max(room, 32)
    assert all(len(arch) <= wide.cell for arch in archs)


@given(room=st.integers(20, 220), archs=ARCHS, name=st.integers(0, 80))
def test_more_room_never_makes_a_cell_narrower(room: int, archs: list[Arch], name: int) -> None:
    assert widths(room, archs, name, 0).cell <= widths(room + 1, archs, name, 0).cell


def test_every_word_fits_a_full_cell() -> None:
    assert max(map(len, WORDS.values())) + 2 <= CELL_WIDTH
    assert widths(140, THREE, 20, 10).cell == CELL_WIDTH


@pytest.mark.parametrize(("room", "shown"), [(140, True), (78, False)])
def test_the_file_is_named_where_there_is_room(room: int, shown: bool) -> None:
    assert bool(widths(room, THREE, 24, 12).place) is shown


def test_a_long_path_gives_way_to_the_age() -> None:
    wide = widths(130, THREE, 30, 60)
    assert (wide.age, wide.place) == (6, 31)


@pytest.mark.parametrize(("room", "shown"), [(160, True), (91, False)])
def test_the_age_is_told_where_there_is_room_for_all_else(room: int, shown: bool) -> None:
    assert bool(widths(room, THREE, 20, 10).age) is shown
