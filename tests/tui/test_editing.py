"""The user's editor opens at the line, and says why when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App

from mfenv_tui.editing import EditError, edit, find_editor

PATH = "/flows/train.py"


@pytest.mark.parametrize(
    ("configured", "command", "in_terminal"),
    [
        ("vim", ("vim", "+11", PATH), True),
        ("/usr/bin/nvim -p", ("/usr/bin/nvim", "-p", "+11", PATH), True),
        ("nano", ("nano", "+11", PATH), True),
        ("emacsclient -t", ("emacsclient", "-t", "+11", PATH), True),
        ("hx", ("hx", f"{PATH}:11:21"), True),
        ("code --wait", ("code", "--wait", "--goto", f"{PATH}:11:21"), False),
        ("subl", ("subl", f"{PATH}:11:21"), False),
        ("pycharm", ("pycharm", "--line", "11", PATH), False),
        ("my-editor", ("my-editor", PATH), True),
        ("'/opt/My Editor/code'", ("/opt/My Editor/code", "--goto", f"{PATH}:11:21"), False),
    ],
)
def test_each_editor_is_told_the_line_in_its_own_way(
    configured: str, command: tuple[str, ...], in_terminal: bool
) -> None:
    editor = find_editor({"EDITOR": configured}, PATH, 11, 21)
    assert editor is not None
    assert (editor.command, editor.in_terminal) == (command, in_terminal)


def test_without_a_line_the_file_is_opened() -> None:
    editor = find_editor({"EDITOR": "vim"}, PATH, None, None)
    assert editor is not None
    assert editor.command == ("vim", PATH)


def test_visual_comes_before_editor() -> None:
    editor = find_editor({"EDITOR": "ed", "VISUAL": "vim"}, PATH, None, None)
    assert editor is not None
    assert editor.command[0] == "vim"


def test_an_installed_editor_is_taken_when_none_is_configured(tmp_path: Path) -> None:
    nano = tmp_path / "nano"
    nano.write_text("#!/bin/sh\n", encoding="utf-8")
    nano.chmod(0o755)
    editor = find_editor({"PATH": str(tmp_path)}, PATH, 3, None)
    assert editor is not None
    assert editor.command == ("nano", "+3", PATH)
    assert find_editor({"PATH": str(tmp_path / "empty")}, PATH, 3, None) is None


def test_no_editor_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(EditError, match="set EDITOR"):
        edit(App[None](), None)


def test_an_editor_that_does_not_exist_is_an_error_that_names_it() -> None:
    editor = find_editor({"VISUAL": "/nonexistent/code"}, PATH, 1, 1)
    with pytest.raises(EditError, match="/nonexistent/code cannot be run"):
        edit(App[None](), editor)
