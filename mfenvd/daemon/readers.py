"""The reading processes: projects are read there, and come back as what they ask for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from mfenvd.daemon.child import Child, ChildDiedError
from mfenvd.daemon.reading import ANSWERS, Failed, Gone, Item, Layout, Place, Questions, Read, place_of
from mfenvd.daemon.verdicts import Row, Understanding
from mfenvd.domain.job import Job
from mfenvd.domain.loaded import LoadedFile
from mfenvd.domain.resolver import Context
from mfenvd.paths import Paths

IDLE_SECONDS = 180.0
"""How long a reader without work is kept: a save that comes later has all of the project read."""

MOST = 2
"""A folder that does not answer (a network drive) must not keep the other projects waiting."""

READER = "mfenvd.flows.project_reader:ProjectReader"

_log = logging.getLogger("mfenvd.reader")


class FolderGoneError(Exception):
    """The root went away while it was read."""


class ReadingFailedError(Exception):
    """Reading ended in an error that nobody foresaw."""


@dataclass(frozen=True)
class Reading:
    """What was read.

    Attributes:
        understanding: The very one of before where nothing is different.
        files: All that it was read from, wherever it is.
        exclude: Patterns of the configuration.
        max_workers: Of the configuration.
        questions: What Metaflow is to be asked.
    """

    understanding: Understanding
    files: frozenset[str]
    exclude: tuple[str, ...]
    max_workers: int | None
    questions: Questions


@dataclass(frozen=True)
class _Held:
    """What a reader has told of a project: the last layout, and by number what that is made of."""

    layout: Layout
    rows: dict[int, Row]
    reading: Reading


@dataclass(eq=False)
class _Reader:
    """A reading process and the projects that it knows."""

    child: Child
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    projects: dict[str, _Held] = field(default_factory=dict)
    waiting: int = 0
    timer: asyncio.TimerHandle | None = None

    @property
    def remembers(self) -> bool:
        """Whether something would be lost with it."""
        return any(held.layout.remembers for held in self.projects.values())


class Readers:
    """Reads projects. A project stays with its process, and a process for as long as there is work."""

    def __init__(self, paths: Paths, *, reader: str = READER, idle_seconds: float = IDLE_SECONDS) -> None:
        self._paths = paths
        self._command = (sys.executable, "-m", "mfenvd.daemon.reader", "--reader", reader)
        self._idle_seconds = idle_seconds
        self._readers: list[_Reader] = []
        self._choosing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many processes there are."""
        return len(self._readers)

    def prepare(self) -> None:
        """Starts a process if there is none: something will be read in a moment."""
        self._spawn(self._prepare())

    async def read(
        self,
        changed: Collection[str],
        before: Understanding | None,
        context: Context,
        *,
        anew: bool,
        answers: Sequence[LoadedFile] = (),
    ) -> Reading:
        """Reads what `changed` in the project of `context`, all of it if `anew`. One call per project at a time.

        When cancelled, the process is killed.

        Args:
            changed: Absolute paths.
            before: What was understood the last time; what is the same is taken from it.
            context: With the project's root.
            anew: Whether more may have changed than `changed`.
            answers: Metaflow's, to questions of before.

        Raises:
            FolderGoneError: The root is not there any more: what was read may be half of it.
            ReadingFailedError: An error that nobody foresaw, in the reader or of its process.
        """
        order = Read(context, self._paths, tuple(sorted(changed)), anew, tuple(answers))
        try:
            return await self._read(order, before)
        except ChildDiedError as error:
            # By another project's misfortune, perhaps.
            _log.warning("the process that read %s ended early (%s)", context.root, error)
        try:
            return await self._read(order, before)
        except ChildDiedError as error:
            raise ReadingFailedError(f"the process that reads it ended early ({error})") from error

    def forget(self, root: str) -> None:
        """The project is not read any more."""
        for reader in self._readers:
            reader.projects.pop(root, None)

    async def close(self) -> None:
        """Ends all of them; returns when they are gone."""
        while self._readers or self._tasks:
            for reader in list(self._readers):
                self._kill(reader)
            # Not `gather`: where all have ended it lets no callback run, and none is taken out of the set.
            await asyncio.wait(self._tasks)

    async def _read(self, order: Read, before: Understanding | None) -> Reading:
        async with self._choosing:
            reader = await self._choose(order.context.root)
            reader.waiting += 1
        try:
            async with reader.turn:
                return await self._ask_or_kill(reader, order, before)
        finally:
            reader.waiting -= 1
            self._rest(reader)

    async def _choose(self, root: str) -> _Reader:
        for dead in [reader for reader in self._readers if not reader.child.alive]:
            self._kill(dead)
        knowing = next((reader for reader in self._readers if root in reader.projects), None)
        if knowing is not None:
            return knowing
        best = min(self._readers, key=lambda reader: reader.waiting, default=None)
        if best is None or (best.waiting and len(self._readers) < MOST):
            best = await self._start()
        return best

    async def _start(self) -> _Reader:
        reader = _Reader(await Child.start(self._command, self._paths.state, _log))
        self._readers.append(reader)
        return reader

    async def _prepare(self) -> None:
        async with self._choosing:
            if not self._readers:
                with contextlib.suppress(ChildDiedError):
                    self._rest(await self._start())

    async def _ask_or_kill(self, reader: _Reader, order: Read, before: Understanding | None) -> Reading:
        try:
            return await self._ask(reader, order, before)
        except (ChildDiedError, asyncio.CancelledError):
            # Of what it would still say nobody knows where it begins.
            self._kill(reader)
            raise

    async def _ask(self, reader: _Reader, order: Read, before: Understanding | None) -> Reading:
        # Put back when all went well: after a failure nothing is sure.
        held = reader.projects.pop(order.context.root, None)
        rows = dict(held.rows) if held else {}
        earlier: dict[Place, Row] = {}
        if before is not None and before.context == order.context:
            earlier = {place_of(row.environment): row for row in before.rows}
        await reader.child.send(msgspec.structs.replace(order, has=held.layout.number if held else 0))
        while not isinstance(answer := await reader.child.receive(ANSWERS), Layout):
            if isinstance(answer, Gone):
                raise FolderGoneError(order.context.root)
            if isinstance(answer, Failed):
                raise ReadingFailedError(answer.reason)
            rows.update((item.number, _row(item, order.context, earlier)) for item in answer.items)
            # What has come already would be taken in without a pause.
            await asyncio.sleep(0)
        now = _held(answer, held, rows, order.context, before)
        reader.projects[order.context.root] = now
        return now.reading

    def _rest(self, reader: _Reader) -> None:
        if reader.timer:
            reader.timer.cancel()
        if reader in self._readers and not reader.waiting:
            reader.timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._let_go, reader)

    def _let_go(self, reader: _Reader) -> None:
        if reader.remembers:
            self._rest(reader)
        else:
            reader.child.dismiss()
            self._see_off(reader)

    def _kill(self, reader: _Reader) -> None:
        reader.child.kill()
        self._see_off(reader)

    def _see_off(self, reader: _Reader) -> None:
        if reader in self._readers:
            self._readers.remove(reader)
            if reader.timer:
                reader.timer.cancel()
            self._spawn(reader.child.ended())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _row(item: Item, context: Context, earlier: Mapping[Place, Row]) -> Row:
    """The row for `item`; the one of before where that is the same."""
    row, keys = earlier.get(place_of(item.environment)), [key for key, _ in (*item.jobs, *item.bases)]
    if (
        row is not None
        and row.environment == item.environment
        and [*row.jobs, *row.bases] == keys
        and row.foreseen == item.foreseen
    ):
        return row
    request, base, targets = item.environment.request, item.environment.base, item.environment.targets
    return Row(
        item.environment,
        {key: Job(request, targets[at].target, context) for key, at in item.jobs} if request is not None else {},
        {key: Job(base, targets[at].target, context) for key, at in item.bases} if base is not None else {},
        {needs.identity.key: needs for needs in item.needs},
        item.foreseen,
    )


def _held(
    layout: Layout, held: _Held | None, rows: Mapping[int, Row], context: Context, before: Understanding | None
) -> _Held:
    """What there is now, with the very objects of before where they are the same."""
    order = layout.order if layout.order is not None or held is None else held.layout.order
    understanding = Understanding(context, tuple(rows[number] for number in order or ()), layout.findings, layout.flows)
    if before is not None and understanding.equals(before):
        understanding = before
    files = frozenset(layout.files or ()) if layout.files is not None or held is None else held.reading.files
    return _Held(
        msgspec.structs.replace(layout, order=order, files=None),
        {number: rows[number] for number in order or ()},
        Reading(understanding, files, layout.exclude, layout.max_workers, layout.questions),
    )
