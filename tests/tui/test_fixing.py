"""A pin is put into its file whole or not at all, and taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mfenv_tui import fixing
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity

FIX = "`torch==2.2.2` is the last with a wheel for osx-64."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text("pandas\ntorch>=2  # why\n", encoding="utf-8")
    path.chmod(0o640)
    return path


def finding(path: Path | None, **more: Any) -> Finding:
    told = {"fix": FIX, "path": path and str(path), "line": 2, **more}
    return Finding(Code.WHEEL_GAP, Severity.ERROR, "", package="torch", **told)


def test_the_pin_is_put_in_and_taken_back(file: Path) -> None:
    edit = fixing.plan(finding(file))
    assert file.read_text() == "pandas\ntorch>=2  # why\n"
    fixing.apply(edit)
    assert file.read_text() == "pandas\ntorch==2.2.2  # why\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    fixing.apply(edit.reverse)
    assert file.read_text() == "pandas\ntorch>=2  # why\n"


def test_a_link_stays_one(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.txt"
    link.symlink_to(file)
    fixing.apply(fixing.plan(finding(link)))
    assert link.is_symlink()
    assert "torch==2.2.2" in file.read_text()


def test_what_was_changed_meanwhile_is_left_alone(file: Path) -> None:
    edit = fixing.plan(finding(file))
    file.write_text("torch==1\n")
    with pytest.raises(fixing.FixError, match="changed meanwhile"):
        fixing.apply(edit)
    assert file.read_text() == "torch==1\n"
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_undoing_does_not_undo_what_was_written_since(file: Path) -> None:
    edit = fixing.plan(finding(file))
    fixing.apply(edit)
    file.write_text("torch==2.2.2\nmore\n")
    with pytest.raises(fixing.FixError, match="changed meanwhile"):
        fixing.apply(edit.reverse)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"fix": None}, "not a pin"),
        ({"fix": "Run `mfenv trust` in the project."}, "not a pin"),
        ({"line": None}, "not known which line"),
        ({"line": 1}, "does not name torch"),
        ({"line": 9}, "no line 9"),
    ],
)
def test_what_cannot_be_applied_says_why(file: Path, more: dict[str, Any], why: str) -> None:
    with pytest.raises(fixing.FixError, match=why):
        fixing.plan(finding(file, **more))


def test_files_that_are_gone_foreign_or_unwritable_are_said(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(fixing.FixError, match="not known which line"):
        fixing.plan(finding(None))
    edit = fixing.plan(finding(file))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(fixing.FixError, match="cannot be written: Permission denied"):
        fixing.apply(edit)
    file.write_bytes(b"pandas\ntorch \xff\n")
    with pytest.raises(fixing.FixError, match="not UTF-8"):
        fixing.plan(finding(file))
    file.unlink()
    with pytest.raises(fixing.FixError, match="cannot be read"):
        fixing.plan(finding(file))
