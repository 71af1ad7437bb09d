"""What the detail of the selection is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from mfenv_tui.selection import Selection
from mfenvd.domain.history import History


@dataclass(frozen=True)
class Detail:
    """The selection with what the daemon was asked about it.

    Attributes:
        selection: What the cursor is on.
        now: Seconds since the epoch.
        brief: Whether there is little room.
        history: Of the selected cell; None before the daemon has answered, and for a whole row.
        trouble: Why there is no history; None while there is one, or it is being asked for.
    """

    selection: Selection
    now: float
    brief: bool = False
    history: History | None = None
    trouble: str | None = None
