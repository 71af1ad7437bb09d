"""What is removed is out of sight at once, and gone in the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfenvd.warm.trash import discard, empty_trash, is_trash, out_of_sight


def filled(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    return folder


def test_what_is_discarded_leaves_nothing(tmp_path: Path) -> None:
    discard(filled(tmp_path / "environment"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_known_for_trash_and_emptied(tmp_path: Path) -> None:
    kept = filled(tmp_path / "kept")
    trash = out_of_sight(filled(tmp_path / "environment"), tmp_path)
    assert (trash / "environment" / "bin" / "python").exists()
    assert sorted(map(is_trash, tmp_path.iterdir())) == [False, True]
    empty_trash(tmp_path)
    assert list(tmp_path.iterdir()) == [kept]


def test_what_cannot_be_moved_leaves_no_trash(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        discard(tmp_path / "missing", tmp_path)
    assert list(tmp_path.iterdir()) == []
