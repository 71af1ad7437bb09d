"""Tells what changed in the registered folders. One thread, one watch for all of them.

The thread looks at what the system has noted twelve times a second while somebody is at work, and three times
in two seconds otherwise: an idle daemon hardly wakes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import msgspec

from mfenvd.daemon.folders import Tree
from mfenvd.daemon.notices import RECURSIVE, Notices

ACTIVE_SECONDS = 60.0
"""How long after a change the next one is expected soon."""

ACTIVE_PAUSE = 0.06
IDLE_PAUSE = 0.64
POLL_SECONDS = 1.0
"""How often files outside the watched folders are looked at, and whether the roots are still there."""

_ATTEMPTS = 3

_log = logging.getLogger(__name__)


class Change(msgspec.Struct, frozen=True):
    """What became of a registered folder.

    Attributes:
        root: The folder.
        paths: Files that changed, came or went; folders that went.
        present: Whether the root is there.
        anew: More changed than single files (the root itself, what is ignored): read everything again.
    """

    root: str
    paths: frozenset[str] = frozenset()
    present: bool = True
    anew: bool = False


class Limited(msgspec.Struct, frozen=True):
    """The system watches no more folders: changes are looked for every few seconds instead."""

    root: str
    folders: int
    reason: str


class Watch:
    """Watches folders; `tell` is called in the loop's thread."""

    def __init__(self, tell: Callable[[Change | Limited], None]) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._stopped = False
        self._trees: dict[str, Tree] = {}
        self._notices = Notices(self._limited)
        self._active_until = 0.0
        self._next_poll = 0.0
        self._is_compact = True
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    async def add(self, root: str, exclude: tuple[str, ...] = (), files: Collection[str] = ()) -> bool:
        """Watches `root` and the single `files`; on return no later change is missed.

        Returns:
            Whether the root is there now.
        """
        return await self._command(lambda: self._add(root, exclude, files))

    async def remove(self, root: str) -> None:
        """Watches `root` no more; an `add` that begins while this is awaited comes after it."""
        await self._command(lambda: self._remove(root))

    async def close(self) -> None:
        """Returns when the thread has ended."""
        self._stopped = True
        self._wake.set()
        await asyncio.to_thread(self._thread.join)

    async def _command(self, call: Callable[[], bool]) -> bool:
        done: asyncio.Future[bool] = self._loop.create_future()

        def run() -> None:
            try:
                answer = call()
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
                self._in_loop(_fail, done, error)
            else:
                self._in_loop(_answer, done, answer)

        self._commands.put(run)
        self._wake.set()
        return await done

    def _run(self) -> None:
        while not self._stopped:
            self._wake.wait(self._pause())
            self._wake.clear()
            with contextlib.suppress(queue.Empty):
                while True:
                    self._commands.get_nowait()()
            try:
                self._look()
            except Exception:  # noqa: BLE001 - the thread must outlive whatever a file system does
                _log.exception("watching failed; looking again")
                time.sleep(IDLE_PAUSE)
        self._notices.close()

    def _pause(self) -> float | None:
        if not self._trees:
            return None
        return ACTIVE_PAUSE if time.monotonic() < self._active_until else IDLE_PAUSE

    def _add(self, root: str, exclude: tuple[str, ...], files: Collection[str]) -> bool:
        tree = self._trees.get(root)
        if tree is None or tree.exclude != exclude:
            tree = self._trees[root] = Tree(root, exclude)
            self._active_until = time.monotonic() + ACTIVE_SECONDS
            _, more = self._walk(tree)
            self._send(more)
        tree.name_files(files)
        return tree.present

    def _remove(self, root: str) -> bool:
        if self._trees.pop(root, None) is not None:
            self._send(self._rewatch())
        return True

    def _look(self) -> None:
        changed = self._by_root(self._notices.noted())
        now = time.monotonic()
        if self._notices.parts > 1 and now >= self._active_until and not self._is_compact:
            self._is_compact = True
            self._send(self._rewatch())
        if now >= self._next_poll:
            self._next_poll = now + POLL_SECONDS
            for tree in self._trees.values():
                if tree.was_replaced():
                    changed[tree.root].add(tree.root)
                changed[tree.root] |= tree.polled_changes()
        self._send(changed)

    def _send(self, changed: dict[str, set[str]]) -> None:
        """Brings the trees up to date with what changed, and tells the loop."""
        for root, noted in changed.items():
            tree, paths = self._trees.get(root), set(noted)
            if tree is None or not paths:
                continue
            self._active_until = time.monotonic() + ACTIVE_SECONDS
            was_present, replaced = tree.present, tree.was_replaced()
            anew = replaced or any(Path(path).name == ".gitignore" for path in paths)
            if anew or any(map(tree.is_structural, paths)):
                # A watch belongs to a folder, not to its name: one that may have come back is watched anew.
                tree.forget(tree.folders if replaced else paths)
                added, more = self._walk(tree)
                paths |= more.pop(root, set()) | tree.files_in(added)
                self._send(more)
            if tree.present or was_present:
                self._in_loop(self._tell, Change(root, frozenset(paths), tree.present, anew))

    def _walk(self, tree: Tree) -> tuple[set[str], dict[str, set[str]]]:
        """The folders that are new in `tree`, all of them watched now, and what was noted meanwhile."""
        added: set[str] = set()
        for _ in range(_ATTEMPTS):
            # Again: for what was made after the walk had passed and before the watch had begun.
            new = tree.walk()
            if not new:
                break
            added |= new
            self._is_compact = False
            self._notices.add(_to_watch(tree, new))
        return added, self._rewatch() if self._notices.is_scattered else {}

    def _rewatch(self) -> dict[str, set[str]]:
        """Watches what there is to watch in as few parts as can be; what was noted until then."""
        return self._by_root(
            self._notices.replace({folder for tree in self._trees.values() for folder in _to_watch(tree, tree.folders)})
        )

    def _by_root(self, paths: Iterable[str]) -> dict[str, set[str]]:
        """What of `paths` concerns each root."""
        found: dict[str, set[str]] = {root: set() for root in self._trees}
        for path in paths:
            for root, tree in self._trees.items():
                if tree.concerns(path):
                    found[root].add(path)
        return found

    def _limited(self, reason: str) -> None:
        largest = max(self._trees.values(), key=lambda tree: len(tree.folders))
        self._in_loop(self._tell, Limited(largest.root, len(largest.folders), reason))

    def _in_loop(self, call: Callable[..., None], *arguments: object) -> None:
        # The loop is closed when the daemon ends in the middle of this.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *arguments)


def _to_watch(tree: Tree, folders: frozenset[str]) -> Collection[str]:
    """Of `folders`, those to watch: where watching is recursive, the root stands for all."""
    if not tree.present:
        return ()
    return folders & {tree.root} if RECURSIVE else folders


def _answer(done: asyncio.Future[bool], answer: bool) -> None:
    if not done.done():
        done.set_result(answer)


def _fail(done: asyncio.Future[bool], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
