"""A bar for each environment on each arch while it is resolved, for terminals."""

from __future__ import annotations

import threading
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.progress_bar import ProgressBar
from rich.text import Text
from typing_extensions import Self

from mfenvd.cli.matrix import cell
from mfenvd.cli.progress import Silent
from mfenvd.cli.rows import CellKey, Row, RowKey, cell_key, row_of
from mfenvd.cli.terminal import Terminal, printable
from mfenvd.domain.resolver import Progress as Step
from mfenvd.domain.state import State
from mfenvd.domain.verdict import Verdict


class Bars(Silent):
    """A bar for each environment and arch; more of them than the terminal has lines take turns.

    Until there is one, a bar says that the project is being read.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._rows: dict[RowKey, Row] = {}
        self._tasks: dict[CellKey, TaskID] = {}
        self._verdicts: dict[CellKey, Verdict] = {}
        self._progress = _bars(terminal.err)
        self._reading = self._progress.add_task("reading the project", total=None, arch="", state=Text())
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, verdict: Verdict, step: Step | None = None) -> None:
        with self._lock:
            self._show(verdict, step)

    def _show(self, verdict: Verdict, step: Step | None) -> None:
        key = cell_key(verdict)
        row = row_of(self._rows, verdict)
        changed = key not in self._verdicts or self._verdicts[key].state is not verdict.state
        self._verdicts[key] = verdict
        task = self._tasks.get(key)
        if task is None:
            if not self._tasks:
                self._progress.remove_task(self._reading)
            task = self._tasks[key] = self._progress.add_task("", start=False, total=1, arch="", state=Text())
        self._update(task, row, verdict, step)
        if changed:
            self._arrange()

    def _update(self, task: TaskID, row: Row, verdict: Verdict, step: Step | None) -> None:
        resolving = verdict.state is State.RESOLVING
        if resolving:
            self._progress.start_task(task)
        if verdict.state.is_final:
            self._progress.stop_task(task)
        done, total = _extent(verdict.state, step)
        state = Text(printable(step.stage), style="busy") if resolving and step else cell(self._terminal, verdict)
        self._progress.update(
            task,
            description=printable(row.label(self._terminal.dot)),
            arch=verdict.target.arch.value,
            state=state,
            completed=done,
            total=total,
        )

    def _arrange(self) -> None:
        """What is resolving first, then what has finished or waits, as far as there is room."""
        room = max(self._terminal.err.height - 2, 1)
        order = sorted(self._tasks, key=lambda key: self._verdicts[key].state is not State.RESOLVING)
        for index, key in enumerate(order):
            self._progress.update(self._tasks[key], visible=index < room)


class _Bar(BarColumn):
    """Moves only while something goes on whose extent is not known; what waits is an empty bar."""

    def render(self, task: Task) -> ProgressBar:
        return ProgressBar(
            total=task.total,
            completed=max(0, task.completed),
            width=self.bar_width,
            pulse=task.total is None,
            animation_time=task.get_time(),
        )


class _Elapsed(ProgressColumn):
    """Seconds since the resolve began; nothing before."""

    def render(self, task: Task) -> Text:
        seconds = task.finished_time if task.finished else task.elapsed
        return Text(f"{seconds:.0f} s" if seconds is not None else "", style="muted")


class _State(ProgressColumn):
    """The verdict, or the stage of the resolve."""

    def render(self, task: Task) -> Text:
        state: Text = task.fields["state"]
        return state


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[arch]}", markup=False, style="muted"),
        _Bar(bar_width=20),
        _State(),
        _Elapsed(),
        console=console,
        transient=True,
        refresh_per_second=8,
    )


def _extent(state: State, step: Step | None) -> tuple[float, float | None]:
    """Completed and total; a total of None is a bar that only shows that something goes on."""
    if state.is_final:
        return 1, 1
    if state is State.RESOLVING:
        return (step.done, step.total) if step and step.total else (0, None)
    return 0, 1
