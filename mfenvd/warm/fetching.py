"""Packages' files, fetched several at once while other work goes on."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.resolver import Progress
from mfenvd.warm.plan import Archives, Report

_AT_ONCE = 8


class Fetching:
    """Fetches `packages` in the background; a context manager that ends with what nobody waits for any more.

    Args:
        archives: Where files come from.
        packages: Fetched in this order.
        report: Called from the thread that asks for files.
    """

    def __init__(self, archives: Archives, packages: Sequence[LockedPackage], report: Report) -> None:
        self._report = report
        self._done = 0
        self._counting = threading.Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fetch")
        self._archives = archives
        self._files: dict[LockedPackage, Future[Path]] = {
            package: self._pool.submit(self._fetch, package) for package in packages
        }

    def file(self, package: LockedPackage) -> Path:
        """The file of `package`, waited for.

        Raises:
            NotMadeError: It cannot be had.
        """
        path = self._files[package].result()
        self._report(Progress("fetching packages", self._done, len(self._files)))
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _fetch(self, package: LockedPackage) -> Path:
        path = self._archives.fetch(package)
        with self._counting:
            self._done += 1
        return path
