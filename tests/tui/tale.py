"""A recording: a flow that cannot work is mended, bit by bit, until everything is warm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from mfenv_tui.recording import Entry
from mfenvd.domain.event import AnyEvent, ProjectChanged, ResolveProgress, Settled, Snapshot, VerdictChanged
from mfenvd.domain.resolver import Progress
from mfenvd.domain.state import State
from tests.support import samples
from tests.tui.support import HELLO


def tale(project: Path) -> tuple[Entry, ...]:
    """What a daemon tells of the sample project, a second apart."""
    told = tuple(_events(project))
    entries = [Entry(samples.STARTED + 180, hello=HELLO)]
    entries += [Entry(samples.STARTED + 181 + number, event=event) for number, event in enumerate(told)]
    return tuple(entries)


def _events(project: Path) -> Iterator[AnyEvent]:
    status = samples.status(project)
    seq = status.seq
    yield Snapshot(seq, status)
    reading = msgspec.structs.replace(status.projects[0], reading=True)
    yield ProjectChanged(seq := seq + 1, reading)
    busy = tuple(verdict.id for verdict in status.verdicts if verdict.state is State.RESOLVING)
    for done in (12, 41, 60):
        yield ResolveProgress(seq := seq + 1, busy, Progress("reading metadata", done, 60))
    for verdict in status.verdicts:
        started = msgspec.structs.replace(verdict, state=State.RESOLVING, findings=(), settled=None)
        if verdict.state is not State.RESOLVING:
            yield VerdictChanged(seq := seq + 1, started)
        warm = msgspec.structs.replace(
            verdict, state=State.WARM, findings=(), packages=samples.REQUESTS, settled=samples.STARTED + 190
        )
        yield VerdictChanged(seq := seq + 1, warm)
    yield ProjectChanged(seq := seq + 1, status.projects[0])
    yield Settled(seq + 1, str(project))
