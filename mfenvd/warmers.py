"""What makes environments ready, put together for the workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.warming import Warmer, WarmTask, Warmth

if TYPE_CHECKING:
    from mfenvd.warm.core.warmer import CoreWarmer


def core_warmer() -> Warmer:
    """For Metaflow core."""
    # Loads the store and the ways to it, which only those need who make something ready.
    from mfenvd.datastores import datastore_of
    from mfenvd.environments import local_environments
    from mfenvd.warm.core.warmer import CoreWarmer

    return _Core(CoreWarmer(local_environments, datastore_of))


class _Core:
    """Metaflow core's environments, and the machine that they are on."""

    def __init__(self, warmer: CoreWarmer) -> None:
        self._warmer = warmer

    def warm(self, task: WarmTask, report: Callable[[Progress], None]) -> Warmth:
        return self._warmer.warm(task, report)

    def tidy(self, context: Context) -> None:
        from mfenvd.housekeeping import Housekeeping

        Housekeeping(context).tidy()
