"""Asks Metaflow about a project's flow files, in a thread and a few at a time, so that first answers come early."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from mfenvd.daemon.reading import FILES_AT_ONCE, Questions
from mfenvd.domain.loaded import FlowQuestion, Launcher, LoadedFile
from mfenvd.warm.core.ids import MetaflowSide

_log = logging.getLogger(__name__)


class Asking:
    """One project's conversation with Metaflow. Lives in the loop's thread.

    Args:
        threads: Where it waits for answers.
        answered: Takes answers; asks again if there is more to ask.
    """

    def __init__(self, threads: Executor, answered: Callable[[Sequence[LoadedFile]], None]) -> None:
        self._threads = threads
        self._answered = answered
        self._side: MetaflowSide | None = None
        self._task: asyncio.Task[None] | None = None
        # A reader that begins anew has the questions of before.
        self._last: dict[str, LoadedFile] = {}

    def known(self, questions: Sequence[FlowQuestion]) -> list[LoadedFile]:
        """The answers that were given before to the very same questions."""
        found = [self._last[question.path] for question in questions if question.path in self._last]
        digests = {question.digest for question in questions}
        return [answer for answer in found if answer.digest in digests]

    def forget(self) -> None:
        """Everything is to be asked again: Metaflow may be another one."""
        self._last.clear()

    @property
    def is_busy(self) -> bool:
        return self._task is not None and not self._task.done()

    def ask(self, questions: Questions) -> None:
        """Begins to ask, unless it is being asked already: then the rest is asked after the answers."""
        if questions.files and questions.launcher is not None and not self.is_busy:
            self._task = asyncio.get_running_loop().create_task(self._ask(questions, questions.launcher))

    async def stop(self) -> None:
        """Ends what runs; nothing is answered any more."""
        if self._side is not None:
            self._side.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _ask(self, questions: Questions, launcher: Launcher) -> None:
        self._side = side = MetaflowSide()
        some = questions.files[:FILES_AT_ONCE]

        def answers() -> list[LoadedFile]:
            return list(side.ask(some, launcher, trusted=questions.trusted))

        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, answers)
        except Exception:  # noqa: BLE001 - what was read without asking counts
            _log.exception("Metaflow could not be asked about %d files", len(some))
            found = [LoadedFile(question.path, question.digest) for question in some]
        self._last.update((answer.path, answer) for answer in found)
        self._answered(found)
