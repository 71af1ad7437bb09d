"""What the shell completes."""

from __future__ import annotations


def complete_alias(incomplete: str) -> list[str]:
    """The aliases that begin so. A shell that completes is told nothing of what is wrong."""
    from mfenvd.cli.errors import CommandError
    from mfenvd.cli.shared import shared_environments

    try:
        return [alias for alias in shared_environments().aliases() if alias.startswith(incomplete)]
    except (CommandError, OSError):
        return []
