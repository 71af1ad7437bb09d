"""What happened in the work on jobs and environments, as far as anyone may want to read it again."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from mfenvd.domain.history import Stage
from mfenvd.domain.resolver import Progress

MOST_SUBJECTS = 1_000
MOST_STAGES = 60
"""Of one subject; the oldest go first."""


class Stages:
    """By subject (`Job.key`, `Identity.key`); the subjects that were worked on last are remembered."""

    def __init__(self) -> None:
        self._told: OrderedDict[str, list[Stage]] = OrderedDict()

    def note(self, subject: str, text: str) -> None:
        """Something happened."""
        self._add(subject, Stage(time.time(), text))

    def progressed(self, subject: str, progress: Progress) -> None:
        """The work goes on: a step of the same stage takes the place of the one before."""
        known = self._told.get(subject)
        if known and known[-1].text == progress.stage:
            known[-1] = msgspec.structs.replace(known[-1], done=progress.done, total=progress.total)
        else:
            self._add(subject, Stage(time.time(), progress.stage, progress.done, progress.total))

    def of(self, subjects: Iterable[str]) -> tuple[Stage, ...]:
        """Those of all `subjects`, oldest first."""
        found = (stage for subject in subjects for stage in self._told.get(subject, ()))
        return tuple(sorted(found, key=lambda stage: stage.at))

    def _add(self, subject: str, stage: Stage) -> None:
        stages = self._told.setdefault(subject, [])
        stages.append(stage)
        del stages[:-MOST_STAGES]
        self._told.move_to_end(subject)
        if len(self._told) > MOST_SUBJECTS:
            self._told.popitem(last=False)
