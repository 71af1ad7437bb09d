"""How far an environment is on a target."""

from __future__ import annotations

from enum import Enum


class State(str, Enum):
    """How far an environment is on a target."""

    QUEUED = "queued"
    RESOLVING = "resolving"
    BLOCKED = "blocked"
    RESOLVED = "resolved"
    CACHED = "cached"
    WARM = "warm"
    STALE = "stale"
    FAILED = "failed"

    def __str__(self) -> str:
        return self.value

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens by itself."""
        return self not in {State.QUEUED, State.RESOLVING, State.STALE}

    @property
    def is_good(self) -> bool:
        return self in {State.RESOLVED, State.CACHED, State.WARM}
