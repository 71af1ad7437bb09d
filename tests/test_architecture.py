"""docs/architecture.md speaks of files that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "architecture.md"


def test_every_path_that_is_named_exists() -> None:
    named = re.findall(r"`((?:mfenvd|tui|tests|docs|\.ci)/[\w./-]*)`", DOCUMENT.read_text("utf-8"))
    assert len(named) > 50
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", DOCUMENT.read_text("utf-8"))
    assert links
    assert [link for link in links if not (DOCUMENT.parent / link).exists()] == []


def test_every_room_of_the_house_is_described() -> None:
    text = DOCUMENT.read_text("utf-8")
    rooms = [path for path in (ROOT / "mfenvd").iterdir() if (path / "__init__.py").exists()]
    assert [room.name for room in rooms if f"`mfenvd/{room.name}/`" not in text] == []
