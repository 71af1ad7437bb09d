"""One table of actions: keys, footer, help, palette and documentation say the same."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

from mfenv_tui.actions import ABOUT_ROWS, ACTIONS
from mfenv_tui.app import Dashboard
from mfenv_tui.widgets.help_screen import shown_keys

DOCUMENT = Path(__file__).parents[2] / "docs" / "dashboard.md"


def test_every_action_can_be_run_and_no_key_means_two_things() -> None:
    assert all(callable(getattr(Dashboard, f"action_{action.name}")) for action in ACTIONS)
    keys = Counter(key for action in ACTIONS for key in action.keys.split(","))
    assert [key for key, count in keys.items() if count > 1] == []
    assert {action.name for action in ACTIONS} >= ABOUT_ROWS


def test_the_documentation_lists_every_key_with_what_it_does() -> None:
    rows = [line.split("|") for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    documented = {row[1].strip().replace("`", ""): row[2].strip() for row in rows}
    assert {shown_keys(action.keys): action.help for action in ACTIONS}.items() <= documented.items()


def test_the_documentations_pictures_are_those_that_the_tests_check() -> None:
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", DOCUMENT.read_text(encoding="utf-8"))
    assert pictures
    assert all((DOCUMENT.parent / unquote(picture)).is_file() for picture in pictures)
