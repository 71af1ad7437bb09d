"""The user's editor, on a file at a line."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from textual.app import App, SuspendNotSupported

_FALLBACKS = ("sensible-editor", "nano", "vim", "vi", "notepad")
_PLUS_LINE = frozenset(
    {
        "vi", "vim", "nvim", "gvim", "mvim", "view", "nano", "pico", "emacs", "emacsclient", "kak", "micro", "joe",
        "jed", "ne", "mg", "mcedit", "gedit", "sensible-editor",
    }
)  # fmt: skip
_COLON_LINE = frozenset({"subl", "sublime_text", "zed", "zeditor", "hx", "helix", "mate"})
_GOTO = frozenset({"code", "code-insiders", "codium", "vscodium", "cursor", "windsurf"})
_DASH_LINE = frozenset({"pycharm", "charm", "idea", "fleet", "kate"})
_WINDOWED = _GOTO | _DASH_LINE | {"subl", "sublime_text", "zed", "zeditor", "mate", "gvim", "mvim", "gedit", "notepad"}

_OPENED: list[subprocess.Popen[bytes]] = []
"""Editors with a window, which outlive the dashboard; kept so that nothing waits for them."""


class EditError(Exception):
    """The editor cannot be opened; says why and what to do."""


@dataclass(frozen=True)
class Editor:
    """A command to run, and whether it needs the terminal for itself."""

    command: tuple[str, ...]
    in_terminal: bool


def find_editor(environ: Mapping[str, str], path: str, line: int | None, column: int | None) -> Editor | None:
    """The command that opens `path` at `line` and `column` (from 1, None when not known).

    `VISUAL` comes before `EDITOR`; without either, an editor that is installed; None when there is none.
    """
    configured = environ.get("VISUAL") or environ.get("EDITOR")
    fallback = next((name for name in _FALLBACKS if shutil.which(name, path=environ.get("PATH", ""))), None)
    words = _split(configured) or ([fallback] if fallback else [])
    if not words:
        return None
    name = PurePath(words[0]).stem
    return Editor((*words, *_at(name, path, line, column)), in_terminal=name not in _WINDOWED)


def _split(command: str | None) -> list[str]:
    try:
        return shlex.split(command or "")
    except ValueError:  # an open quote
        return [command or ""]


def _at(name: str, path: str, line: int | None, column: int | None) -> tuple[str, ...]:
    if line is None:
        return (path,)
    if name in _PLUS_LINE:
        return (f"+{line}", path)
    place = f"{path}:{line}:{column}" if column else f"{path}:{line}"
    if name in _COLON_LINE:
        return (place,)
    if name in _GOTO:
        return ("--goto", place)
    return ("--line", str(line), path) if name in _DASH_LINE else (path,)


def edit(app: App[None], editor: Editor | None) -> None:
    """Open `editor`: in the terminal, which `app` gets back afterwards, or beside it.

    Raises:
        EditError: There is none, it cannot be run, or the terminal cannot be lent.
    """
    if editor is None:
        raise EditError("No editor is known: set EDITOR, for example to `nano`.")
    try:
        if editor.in_terminal:
            with app.suspend(), _uninterrupted():
                subprocess.run(editor.command, check=False)
        else:
            quiet = subprocess.DEVNULL
            opened = subprocess.Popen(editor.command, start_new_session=True, stdin=quiet, stdout=quiet, stderr=quiet)
            _OPENED.append(opened)
    except SuspendNotSupported as error:
        raise EditError("The terminal cannot be lent to an editor here: set VISUAL to one with a window.") from error
    except OSError as error:
        raise EditError(f"{editor.command[0]} cannot be run ({error.strerror}): set EDITOR to another one.") from error


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Leaves Ctrl-C to the program that has the terminal: it would end the dashboard behind it, too."""
    # A handler, as what is ignored stays so in the other program.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
