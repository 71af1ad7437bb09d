"""uv at work on its first question while the indexes are still asked what it will be held against.

Both read the same pages, each its own way: where nothing is cached they wait for the network at the same time. What uv
takes up on its way is looked up here, too, before it has finished.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

from typing_extensions import Self

from mfenvd.resolve.pypi.catalog import Catalog
from mfenvd.resolve.pypi.compiled import Compiled, needed_names
from mfenvd.resolve.pypi.platforms import UvPlatform
from mfenvd.resolve.pypi.uv import Question, Uv

_AT_ONCE = 4
"""Groups of packages that are looked up at the same time."""


class UvAhead:
    """uv, which may have an answer before it is asked; a context manager, at whose end nothing is at work any more.

    Args:
        uv: Whom to ask.
        beginner: The same once more, for the answer before: it may have to be stopped.
        catalog: What looks packages up; what it found out stays there.
        known: Canonical names of packages that are looked up by others.
    """

    def __init__(self, uv: Uv, beginner: Uv, catalog: Catalog, known: Iterable[str]) -> None:
        self._uv = uv
        self._beginner = beginner
        self._beginner.heard = self._heard
        self._catalog = catalog
        self._looked_up = set(known)
        self._first: tuple[Question, UvPlatform, Future[Compiled]] | None = None
        self._looking_up = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="needed")
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._beginner.stop()
        self._open.close()
        self._looking_up.shutdown(cancel_futures=True)

    def begin(self, question: Question, platform: UvPlatform) -> None:
        """Sets uv to work on what it will most likely be asked."""
        pool = self._open.enter_context(ThreadPoolExecutor(1, thread_name_prefix="ahead"))
        self._first = (question, platform, pool.submit(self._beginner.compile, question, platform))

    def compile(self, question: Question, platform: UvPlatform) -> Compiled:
        """As `Uv.compile`."""
        first, self._first = self._first, None
        if first is not None:
            *asked, answer = first
            if self._uv.is_offline:
                self._beginner.stop()
            # Two at work on one cache would fetch everything twice: the second one waits.
            error = answer.exception()
            if asked == [question, platform] and not self._uv.is_offline:
                if error is not None:
                    raise error
                return answer.result()
        return self._uv.compile(question, platform)

    def _heard(self, lines: str) -> None:
        names = [name for name in dict.fromkeys(needed_names(lines)) if name not in self._looked_up]
        self._looked_up.update(names)
        if names:
            # What uv takes up next need not wait until the pages of these have come.
            self._looking_up.submit(self._catalog.prepare, names)
