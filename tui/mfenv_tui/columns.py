"""How wide the table's columns are, from the room there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mfenv_tui.environments import AGE_WIDTH, CELL_WIDTH

PADDING = 2
"""One blank on each side of every column."""

_NARROWEST_CELL = 11
_WHOLE_CELL = 14
"""In which nearly every word fits."""

_NARROWEST_NAME = 14
_WIDEST_NAME = 44
_NARROWEST_PLACE = 10
_ROOMY_PLACE = 24
_WIDEST_PLACE = 40
_AGE = AGE_WIDTH + PADDING


@dataclass(frozen=True)
class Widths:
    """Of the contents, without padding; `place` and `age` are 0 where that column has no room."""

    name: int
    place: int
    cell: int
    age: int = 0


def least_room(archs: Sequence[str], longest_name: int) -> int:
    """Columns below which words are cut, and names beyond recognition."""
    cell = max(_WHOLE_CELL, *map(len, archs), 0)
    return min(longest_name, 2 * _NARROWEST_NAME) + PADDING + max(len(archs), 1) * (cell + PADDING)


def widths(room: int, archs: Sequence[str], longest_name: int, longest_place: int) -> Widths:
    """Shares `room` columns out: first the cells, then the name, then the file, then the age.

    Cells shrink before names are cut. Where even that is not enough, the table scrolls sideways beside the names.
    """
    count = max(len(archs), 1)
    narrowest_cell = max(_NARROWEST_CELL, *map(len, archs), 0)
    wanted_name = min(max(longest_name, _NARROWEST_NAME), _WIDEST_NAME)
    for_cells = room - PADDING - min(wanted_name, 2 * _NARROWEST_NAME)
    cell = min(max(for_cells // count - PADDING, narrowest_cell), CELL_WIDTH)
    rest = room - count * (cell + PADDING)
    scrolls = rest < _NARROWEST_NAME + PADDING
    name = min(max(rest - PADDING, 2 * room // 5 if scrolls else 0, _NARROWEST_NAME), wanted_name)
    left = rest - (name + PADDING) - PADDING
    if left - _AGE >= min(_ROOMY_PLACE, longest_place):
        left -= _AGE  # a long path gives way to the age
    for_place = min(left, longest_place, _WIDEST_PLACE)
    place = max(for_place if for_place >= min(_NARROWEST_PLACE, longest_place) else 0, 0)
    left = rest - (name + PADDING) - (place + PADDING if place else 0)
    return Widths(name, place, cell, AGE_WIDTH if left >= _AGE else 0)
