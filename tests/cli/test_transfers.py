"""A bar for many files, where there is a terminal to draw it on."""

import io
from pathlib import Path

from rich.console import Console

from mfenvd.cli.terminal import STYLES, Terminal
from mfenvd.cli.transfers import bytes_as_text, transfers


def terminal(*, is_one: bool) -> Terminal:
    err = Console(file=io.StringIO(), force_terminal=is_one, width=120, theme=STYLES)
    return Terminal(out=err, err=err, ascii_only=False, here=Path.cwd())


def drawn(one: Terminal, *, quiet: bool = False) -> str:
    with transfers(one, "uploading", 2, 3 * 2**20, quiet=quiet) as bar:
        bar.advance(2**20)
        bar.advance(2**21)
    assert isinstance(one.err.file, io.StringIO)
    return one.err.file.getvalue()


def test_a_terminal_shows_files_and_bytes() -> None:
    shown = drawn(terminal(is_one=True))
    assert "uploading" in shown
    assert "2/2" in shown
    assert "3.0/3.0 MiB" in shown


def test_nothing_is_shown_elsewhere() -> None:
    assert drawn(terminal(is_one=False)) == ""
    assert drawn(terminal(is_one=True), quiet=True) == ""


def test_bytes_for_people() -> None:
    assert [bytes_as_text(size) for size in (0, 1023, 1536, 5 * 2**30)] == [
        "0 bytes",
        "1023 bytes",
        "1.5 KiB",
        "5.0 GiB",
    ]
