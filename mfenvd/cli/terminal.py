"""Where output goes and what it may look like there."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from mfenvd.domain.finding import Severity
from mfenvd.domain.words import Tone

_PLAIN_WIDTH = 120
"""Columns where there is no terminal to ask, as in a CI log."""

STYLES = Theme(
    {
        Tone.GOOD.value: "green",
        Tone.WARNING.value: "yellow",
        Tone.BAD.value: "red",
        Tone.UNKNOWN.value: "magenta",
        Tone.BUSY.value: "cyan",
        Tone.WAITING.value: "dim",
        Tone.OUTDATED.value: "dim",
        Severity.ERROR.value: "bold red",
        Severity.NOTICE.value: "bold blue",
        "severity.warning": "bold yellow",
        "fix": "green",
        "muted": "dim",
        "strong": "bold",
    }
)


@dataclass(frozen=True)
class Terminal:
    """What a command prints with.

    Attributes:
        out: For answers.
        err: For progress, hints and errors.
        ascii_only: Whether `out` can show nothing but ASCII.
        here: The working directory, which shown paths are relative to.
    """

    out: Console
    err: Console
    ascii_only: bool
    here: Path

    @property
    def arrow(self) -> str:
        return "->" if self.ascii_only else "→"

    @property
    def dot(self) -> str:
        """Separates parts of a line."""
        return "-" if self.ascii_only else "·"

    def print(self, part: Any) -> None:
        """An answer for people. Where it goes to a file, lines are not filled up with spaces."""
        if self.out.is_terminal:
            self.out.print(part)
            return
        with self.out.capture() as captured:
            self.out.print(part)
        self.out.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))

    def say(self, text: str, style: str = "") -> None:
        """A line of plain text for people, cleaned of control characters; whole where it goes to a file."""
        self.out.print(Text(printable(text), style=style), soft_wrap=not self.out.is_terminal)

    def fact(self, label: str, text: str, *, indent: int = 2, width: int = 10) -> None:
        """A label and its text, which wraps below itself."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=width)
        grid.add_column(overflow="fold")
        grid.add_row(Text(label, style="muted"), Text(printable(text)))
        self.print(Padding(grid, (0, 0, 0, indent), expand=False))

    def hint(self, text: str) -> None:
        """A line beside the answer: it never gets into a pipe."""
        self.err.print(Text(printable(text), style="muted"))

    def path(self, path: str) -> str:
        """`path` relative to the working directory where that is shorter."""
        try:
            relative = os.path.relpath(path, self.here)
        except ValueError:  # another drive
            return path
        return relative if len(relative) < len(path) else path


def this_terminal() -> Terminal:
    """Standard output and standard error as they are now."""
    for stream in (sys.stdout, sys.stderr):
        _never_fail(stream)
    out = _console(sys.stdout)
    return Terminal(out=out, err=_console(sys.stderr), ascii_only=not _speaks_unicode(sys.stdout), here=Path.cwd())


def printable(text: str) -> str:
    """`text` without control characters, which could move the cursor or change colours."""
    return "".join(char if char.isprintable() or char == "\n" else " " if char == "\t" else "�" for char in text)


def _console(stream: TextIO) -> Console:
    width = None if stream.isatty() or os.environ.get("COLUMNS") else _PLAIN_WIDTH
    return Console(file=stream, width=width, theme=STYLES, highlight=False, markup=False, emoji=False, soft_wrap=False)


def _speaks_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "ascii").lower().replace("-", "").startswith("utf")


def _never_fail(stream: TextIO) -> None:
    """A character that the terminal does not have is shown as `?`."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
