"""The pictures in docs/ are what the dashboard looks like."""

from __future__ import annotations

import re
from pathlib import Path

from tests.tui.pictures import all_pictures

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "pictures"


async def test_the_pictures_in_the_documentation_are_those_that_the_command_makes() -> None:
    made = await all_pictures()
    there = {file.stem: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()}
    assert sorted(there) == sorted(made), "run `python -m tests.tui.pictures docs/pictures`"
    other = [name for name, svg in made.items() if there[name] != svg]
    assert not other, f"{other}: run `python -m tests.tui.pictures docs/pictures`"


def test_the_pictures_ask_no_other_host_for_anything_and_each_is_shown() -> None:
    documents = (ROOT / "docs" / "dashboard.md").read_text(encoding="utf-8")
    for file in FOLDER.iterdir():
        drawn = file.read_text(encoding="utf-8")
        addresses = set(re.findall(r"https?://[\w.]+", drawn)) - {"http://www.w3.org"}
        assert all(address.endswith(".example") for address in addresses), file.name
        assert f"pictures/{file.name}" in documents
