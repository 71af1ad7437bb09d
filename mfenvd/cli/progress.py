"""Progress while environments are resolved: a bar for each on a terminal (`bars`), plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Protocol

import msgspec
from rich.text import Text
from typing_extensions import Self

from mfenvd.cli.matrix import cell
from mfenvd.cli.rows import CellKey, Row, RowKey, cell_key, row_of
from mfenvd.cli.terminal import Terminal, printable
from mfenvd.domain.resolver import Progress as Step
from mfenvd.domain.state import State
from mfenvd.domain.verdict import Verdict


class Board(Protocol):
    """Shows how far each environment is on each arch, inside a `with` block. Safe to call from any thread."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, verdict: Verdict, step: Step | None = None) -> None:
        """`verdict` as it is now; `step` says more while it is resolving."""
        ...


def board(terminal: Terminal, *, quiet: bool = False) -> Board:
    """On standard error: bars when that is a terminal, else lines; nothing at all when `quiet`."""
    if quiet:
        return Silent()
    if not terminal.err.is_terminal:
        return Lines(terminal)
    from mfenvd.cli.bars import Bars  # late: CI has no terminal, and needs no bars

    return Bars(terminal)


class Silent:
    """For `--json` and `--quiet`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, verdict: Verdict, step: Step | None = None) -> None:
        pass


class Lines(Silent):
    """A line when an environment begins to resolve, and one when it is done."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._rows: dict[RowKey, Row] = {}
        self._shown: dict[CellKey, State] = {}
        self._began: dict[CellKey, float] = {}
        self._lock = threading.Lock()

    def show(self, verdict: Verdict, step: Step | None = None) -> None:  # noqa: ARG002 - lines do not move
        with self._lock:
            self._show(verdict)

    def _show(self, verdict: Verdict) -> None:
        key = cell_key(verdict)
        row = row_of(self._rows, verdict)
        if self._shown.get(key) is verdict.state:
            return
        self._shown[key] = verdict.state
        if verdict.state is State.RESOLVING:
            self._began.setdefault(key, time.monotonic())
        if verdict.state is State.RESOLVING or verdict.state.is_final:
            self._print(row, verdict, self._began.get(key))

    def _print(self, row: Row, verdict: Verdict, began: float | None) -> None:
        took = f"  ({time.monotonic() - began:.1f} s)" if began is not None and verdict.state.is_final else ""
        label = f"{printable(row.label(self._terminal.dot))}  {verdict.target.arch}  "
        self._terminal.err.print(Text.assemble(label, cell(self._terminal, verdict), (took, "muted")))


def resolving(verdict: Verdict) -> Verdict:
    """`verdict` while its resolve is under way."""
    return msgspec.structs.replace(verdict, state=State.RESOLVING)
