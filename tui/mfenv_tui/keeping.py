"""How the user likes the dashboard, kept from one time to the next."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from mfenvd.atomic_write import write_atomically

Layout = Literal["auto", "below", "table"]
"""The detail beside the table where there is room, always below it, or not at all."""

LAYOUTS: tuple[Layout, ...] = ("auto", "below", "table")


class Settings(msgspec.Struct, frozen=True):
    """What is kept.

    Attributes:
        theme: A name of Textual's, or of a theme of the terminal's own colours.
        layout: Where the detail stands.
        folded: Whether steps with the same environment share a row.
        by_name: Whether rows are sorted by name alone instead of trouble first.
    """

    theme: str = "textual-dark"
    layout: Layout = "auto"
    folded: bool = True
    by_name: bool = False


def load(file: Path | None) -> Settings:
    """What was kept in `file`; the defaults where there is none, or none that can be read."""
    if file is None:
        return Settings()
    try:
        return msgspec.json.decode(file.read_bytes(), type=Settings)
    except (OSError, msgspec.DecodeError):
        return Settings()


def save(settings: Settings, file: Path | None) -> None:
    """Keep `settings` in `file`, whole or not at all; nowhere without one.

    Raises:
        OSError: It cannot be written.
    """
    if file is None:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, msgspec.json.format(msgspec.json.encode(settings)) + b"\n")
