"""What makes environments ready, put together for the workers."""

from __future__ import annotations

from mfenvd.domain.warming import Warmer


def core_warmer() -> Warmer:
    """For Metaflow core."""
    # Loads the store and the ways to it, which only those need who make something ready.
    from mfenvd.environments import local_environments
    from mfenvd.warm.core.warmer import CoreWarmer

    return CoreWarmer(local_environments)
