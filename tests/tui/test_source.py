"""Source lines are shown as they are now, and never with credentials."""

from __future__ import annotations

from pathlib import Path

from mfenv_tui.source import source_line, source_lines


def test_a_line_without_its_indentation(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text("one\n    two\n", encoding="utf-8")
    assert source_line(str(file), 2) == "two"
    assert source_lines(str(file), 0, 9) == ((1, "one"), (2, "    two"))


def test_an_edit_is_seen_at_once(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text("one\n", encoding="utf-8")
    assert source_line(str(file), 1) == "one"
    file.write_text("another\n", encoding="utf-8")
    assert source_line(str(file), 1) == "another"


def test_credentials_in_a_requirements_file_stay_hidden(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("--index-url https://ana:s3cret@index.example/simple/\n", encoding="utf-8")
    assert source_line(str(file), 1) == "--index-url https://****@index.example/simple/"


def test_what_cannot_be_read_has_no_lines(tmp_path: Path) -> None:
    assert source_line(str(tmp_path / "gone.py"), 1) is None
    assert source_line(str(tmp_path), 1) is None
    assert source_line(None, 1) is None
    assert source_line(str(tmp_path / "gone.py"), None) is None
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00\n")
    assert source_line(str(binary), 7) is None
