"""A process that reads projects: `python -m mfenvd.daemon.reader`.

Reading holds Python's lock for as long as a file takes to parse, and takes memory that is not given back: neither
is to be the daemon's. What was read of a project stays here, so that after a save only what changed is read again,
and only what is different is told.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import logging
import queue
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn, Protocol, cast, runtime_checkable

import msgspec

from mfenvd import engine
from mfenvd.daemon.frames import frame, read_frame
from mfenvd.daemon.pipes import take_pipes
from mfenvd.daemon.reading import (
    FILES_AT_ONCE,
    READS,
    Answer,
    Failed,
    Gone,
    Item,
    Items,
    Layout,
    Place,
    Questions,
    Read,
    place_of,
)
from mfenvd.daemon.trees import end_own_tree
from mfenvd.domain.identity import Identity
from mfenvd.domain.loaded import FlowQuestion, Launcher, LoadedFile
from mfenvd.domain.plan import Environment, Plan
from mfenvd.domain.redact import redact
from mfenvd.domain.resolver import Context
from mfenvd.domain.settings import Settings
from mfenvd.domain.surroundings import Surroundings
from mfenvd.paths import Paths
from mfenvd.warm.core.ids import by_own_rules

AT_ONCE = 25
"""Items in one frame: the daemon takes in a few, then does something else."""

_log = logging.getLogger(__name__)


class ProjectReader(Protocol):
    """Reads a project, see `mfenvd.flows.project_reader.ProjectReader`."""

    @property
    def settings(self) -> Settings: ...

    @property
    def watched(self) -> frozenset[str]: ...

    @property
    def remembers(self) -> bool: ...

    def read(self) -> Plan: ...

    def update(self, changed: Collection[Path]) -> Plan: ...


@runtime_checkable
class AskingReader(ProjectReader, Protocol):
    """A reader that has questions to Metaflow, and takes its answers."""

    @property
    def launcher(self) -> Launcher | None: ...

    @property
    def lacks_python(self) -> bool: ...

    def questions(self, *, trusted: bool) -> tuple[FlowQuestion, ...]: ...

    def learn(self, answers: Iterable[LoadedFile]) -> Plan: ...


ReaderFactory = Callable[[Path, Surroundings, Paths], ProjectReader]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Reads until stdin ends."""
    parser = argparse.ArgumentParser(prog="mfenvd.daemon.reader", description="Reads projects for mfenvd.")
    parser.add_argument("--reader", required=True, metavar="MODULE:CLASS", help="what reads a project")
    options = parser.parse_args(arguments)
    orders, replies = take_pipes()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    module, _, name = options.reader.partition(":")
    _Desk(cast("ReaderFactory", getattr(importlib.import_module(module), name))).serve(orders, replies)


class _Desk:
    """Answers one order after another, about any number of projects."""

    def __init__(self, new_reader: ReaderFactory) -> None:
        self._new_reader = new_reader
        self._projects: dict[str, _Project] = {}
        self._waiting: queue.SimpleQueue[Read] = queue.SimpleQueue()

    def serve(self, orders: BinaryIO, replies: BinaryIO) -> NoReturn:
        threading.Thread(target=self._receive, args=(orders,), daemon=True).start()
        gc.freeze()
        while True:
            order = self._waiting.get()
            with _without_collecting():
                replies.writelines(frame(answer) for answer in self._answers(order))
                replies.flush()

    def _receive(self, orders: BinaryIO) -> NoReturn:
        try:
            while (content := read_frame(orders)) is not None:
                self._waiting.put(READS.decode(content))
        except msgspec.DecodeError:
            _log.exception("an order was not understood; was mfenv updated while mfenvd runs?")
        end_own_tree()

    def _answers(self, order: Read) -> Iterator[Answer]:
        root = order.context.root
        # Put back when all went well: after a failure the project is read from scratch.
        project = self._projects.pop(root, None)
        try:
            if project is None or project.surroundings != order.context.surroundings:
                project = _Project(self._new_reader(Path(root), order.context.surroundings, order.paths), order.context)
            plan = project.plan(order)
            if not Path(root).is_dir():
                yield Gone()
                return
            yield from project.lay_out(plan, order)
        except Exception as error:  # noqa: BLE001 - becomes a finding of the project
            _log.exception("reading %s failed", root)
            yield Failed(redact(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__))
        else:
            self._projects[root] = project


class _Project:
    """A project as it was last read, and what the daemon has of it."""

    def __init__(self, reader: ProjectReader, context: Context) -> None:
        self.surroundings = context.surroundings
        self._context = context
        self._reader = reader
        self._plan: Plan | None = None
        self._layout = 0
        self._items: dict[Place, Item] = {}
        self._order: tuple[int, ...] = ()
        self._files: tuple[str, ...] = ()
        self._last_number = 0

    def plan(self, order: Read) -> Plan:
        if self._plan is None or order.anew:
            self._plan = self._reader.read()
        elif order.changed:
            self._plan = self._reader.update([Path(path) for path in order.changed])
        if order.answers and isinstance(self._reader, AskingReader):
            self._plan = self._reader.learn(order.answers)
        return self._plan

    def lay_out(self, plan: Plan, order: Read) -> Iterator[Answer]:
        """What the daemon does not have of `plan`, then how all of it fits together."""
        is_known = order.has > 0 and order.has == self._layout and order.context == self._context
        known = self._items if is_known else {}
        self._context = order.context
        # A step without an environment has no verdict.
        told = (one for one in plan.environments if one.has_verdict)
        questions = self._questions(order.context)
        foreseen = _foreseen(questions)
        items = [self._item(plan, one, known, foreseen.get((one.source, one.flow, one.step), ())) for one in told]
        # What is not laid out again keeps its number, so a number is new exactly if its item is.
        new = [item for item in items if known.get(place_of(item.environment)) is not item]
        for start in range(0, len(new), AT_ONCE):
            yield Items(tuple(new[start : start + AT_ONCE]))
        numbers, files = tuple(item.number for item in items), self._all_files(plan)
        same_order, same_files = is_known and numbers == self._order, is_known and files == self._files
        self._items = {place_of(item.environment): item for item in items}
        self._order, self._files = numbers, files
        self._layout += 1
        settings = self._reader.settings
        yield Layout(
            number=self._layout,
            order=None if same_order else numbers,
            findings=plan.beside_verdicts,
            flows=len(
                {(environment.source, environment.flow) for environment in plan.environments if environment.flow}
            ),
            files=None if same_files else files,
            exclude=settings.exclude,
            max_workers=settings.max_workers,
            questions=questions,
            remembers=self._reader.remembers,
        )

    def _questions(self, context: Context) -> Questions:
        if not isinstance(self._reader, AskingReader):
            return Questions()
        files = self._reader.questions(trusted=context.trusted)
        launcher = self._reader.launcher if files else None
        return Questions(files, launcher, context.trusted, self._reader.lacks_python)

    def _item(
        self, plan: Plan, environment: Environment, known: dict[Place, Item], foreseen: Sequence[Identity]
    ) -> Item:
        """Its item, the one of before where that is the same; `foreseen` is what Metaflow will call it."""
        alone = Plan(plan.root, (environment,))
        soon: tuple[engine.Needs, ...] = ()
        if foreseen and not environment.identities:
            alone = Plan(plan.root, (msgspec.structs.replace(environment, identities=tuple(foreseen)),))
            soon = tuple(engine.needs(alone, self._context).values())
        item = known.get(place_of(environment))
        if item is not None and item.environment == environment and item.foreseen == soon:
            return item
        positions = {planned.target: position for position, planned in enumerate(environment.targets)}
        jobs: list[tuple[str, int]] = []
        bases: list[tuple[str, int]] = []
        for job in engine.jobs(alone, self._context):
            (jobs if job.request == environment.request else bases).append((job.key, positions[job.target]))
        self._last_number += 1
        now = () if soon else tuple(engine.needs(alone, self._context).values())
        return Item(self._last_number, environment, tuple(jobs), tuple(bases), now, soon)

    def _all_files(self, plan: Plan) -> tuple[str, ...]:
        sources = {*plan.reads, *(environment.source for environment in plan.environments)}
        return tuple(
            sorted({*sources, *(file for files in plan.reads.values() for file in files), *self._reader.watched})
        )


def _foreseen(questions: Questions) -> dict[tuple[str, str | None, str | None], list[Identity]]:
    """What Metaflow will call the environments that it is asked about next, by source, flow and step."""
    found: dict[tuple[str, str | None, str | None], list[Identity]] = {}
    if questions.launcher is not None:
        for file in by_own_rules(questions.files[:FILES_AT_ONCE], questions.launcher):
            for flow in file.flows:
                for step in flow.steps:
                    if step.identity is not None:
                        found.setdefault((file.path, flow.flow, step.step), []).append(step.identity)
    return found


@contextmanager
def _without_collecting() -> Iterator[None]:
    """What is read in one go stays, as a rule: looking for garbage meanwhile would take half as long again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


if __name__ == "__main__":
    main()
