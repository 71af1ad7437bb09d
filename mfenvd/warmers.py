"""What makes environments ready, put together for the workers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from mfenvd.domain.identity import Identity
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.state import State
from mfenvd.domain.warming import Warmer, WarmTask, Warmth

if TYPE_CHECKING:
    from mfenvd.warm.core.warmer import CoreWarmer
    from mfenvd.warm.netflixext.warmer import NetflixextWarmer


def metaflow_warmer() -> Warmer:
    """For Metaflow core and metaflow-netflixext."""
    return _Both()


def _refused(task: WarmTask) -> Warmth | None:
    """What keeps a task from being begun: sources that only a project names which is not trusted."""
    if task.context.trusted:
        return None
    from mfenvd.resolve.foreign import foreign_places
    from mfenvd.warm.findings import foreign_source

    places = foreign_places(task.requests, task.context)
    return Warmth(State.RESOLVED, (foreign_source(places),)) if places else None


class _Both:
    """The environments of both dialects, and the machine that they are on.

    The store and the ways to it are loaded when there is something for them to do: what only resolves is ready sooner.
    """

    @cached_property
    def _core(self) -> CoreWarmer:
        from mfenvd.datastores import datastore_of
        from mfenvd.environments import local_environments
        from mfenvd.warm.core.warmer import CoreWarmer

        return CoreWarmer(local_environments, datastore_of)

    @cached_property
    def _netflixext(self) -> NetflixextWarmer:
        from mfenvd.environments import extension_environments
        from mfenvd.extension_datastores import extension_datastore_of
        from mfenvd.warm.netflixext.warmer import NetflixextWarmer

        return NetflixextWarmer(extension_environments, extension_datastore_of)

    def load(self) -> None:
        from mfenvd.resolve.conda import resolver  # noqa: F401 - what links conda packages also solves for them
        from mfenvd.warm import conda_prefix, wheel_install  # noqa: F401

        _ = self._core

    def warm(self, task: WarmTask, report: Callable[[Progress], None]) -> Warmth:
        return _refused(task) or self._of(task).warm(task, report)

    def fetch(self, task: WarmTask) -> None:
        if _refused(task) is None:
            self._of(task).fetch(task)

    def _of(self, task: WarmTask) -> CoreWarmer | NetflixextWarmer:
        return self._core if isinstance(task.identity, Identity) else self._netflixext

    def tidy(self, context: Context, *, removes: bool) -> None:
        from mfenvd.housekeeping import Housekeeping

        Housekeeping(context).tidy(removes=removes)
