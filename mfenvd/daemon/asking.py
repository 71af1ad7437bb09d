"""Asks Metaflow about a project's flow files, in a thread and a few at a time, so that first answers come early."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from mfenvd.daemon.reading import FILES_AT_ONCE, Questions
from mfenvd.domain.loaded import FlowQuestion, Launcher, LoadedFile
from mfenvd.warm.core.ids import MetaflowSide

ASK_AGAIN = 300.0
"""Seconds until files are asked about again whose answer lacked something that may be there later."""

_log = logging.getLogger(__name__)


class Asking:
    """One project's conversation with Metaflow. Lives in the loop's thread.

    Args:
        threads: Where it waits for answers.
        answered: Takes answers; asks again if there is more to ask.
        again: Is told that what was answered before may be another thing by now: begins anew.
    """

    def __init__(
        self, threads: Executor, answered: Callable[[Sequence[LoadedFile]], None], again: Callable[[], None]
    ) -> None:
        self._threads = threads
        self._answered = answered
        self._again = again
        self._later: asyncio.TimerHandle | None = None
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

    def rest(self) -> None:
        """Nothing is asked again of its own accord."""
        if self._later is not None:
            self._later.cancel()
            self._later = None

    async def stop(self) -> None:
        """Ends what runs; nothing is answered any more."""
        self.rest()
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
        if self._later is None and any(answer.passes for answer in found):
            self._later = asyncio.get_running_loop().call_later(ASK_AGAIN, self._ask_again)

    def _ask_again(self) -> None:
        self._later = None
        self._last = {path: answer for path, answer in self._last.items() if not answer.passes}
        self._again()
