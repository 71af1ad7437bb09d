"""A finding's one-line pin put into its file, whole or not at all, and taken back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mfenv_tui.findings import typed_part
from mfenvd.atomic_write import staged
from mfenvd.domain.finding import Finding
from mfenvd.domain.repin import NotPinnedError, Pin, read_pin, repinned


class FixError(Exception):
    """The fix cannot be applied, or not be undone; says why."""


@dataclass(frozen=True)
class Edit:
    """One file before and after.

    Attributes:
        path: Of the file itself, where the name was a link.
        line: That differs, from 1.
        before: The content that was read,
        after: and what takes its place.
        what: As `torch==2.2.2`.
    """

    path: Path
    line: int
    before: bytes
    after: bytes
    what: str

    @property
    def reverse(self) -> Edit:
        """What undoes it."""
        return Edit(self.path, self.line, self.after, self.before, self.what)


def pin_of(finding: Finding) -> tuple[Pin, str, int]:
    """The pin that `finding`'s fix is, the file that it belongs into, and its line there. The file is not looked at.

    Raises:
        FixError: The fix is no pin, or it is not known where it belongs.
    """
    pin = read_pin(typed_part(finding.fix)) if finding.fix is not None else None
    if pin is None:
        raise FixError("This fix is not a pin of one package: nothing can be changed by itself.")
    if finding.path is None or finding.line is None:
        raise FixError(f"It is not known which line asks for {pin.name}: y copies the pin.")
    return pin, finding.path, finding.line


def plan(finding: Finding) -> Edit:
    """What applying `finding`'s fix would change; reads the file.

    Raises:
        FixError: As `pin_of`, or the line cannot be changed safely.
    """
    pin, named, line = pin_of(finding)
    path = Path(os.path.realpath(named))
    before = _read(path)
    try:
        after = repinned(before.decode("utf-8"), line, pin).encode()
    except UnicodeDecodeError as error:
        raise FixError(f"{path.name} is not UTF-8: it is left alone.") from error
    except NotPinnedError as error:
        raise FixError(f"{path.name}: {error} Add the pin by hand: y copies it.") from error
    return Edit(path, line, before, after, typed_part(finding.fix or ""))


def apply(edit: Edit) -> None:
    """Put `edit`'s file in place by renaming.

    Raises:
        FixError: It holds something else than what was read, or cannot be written.
    """
    try:
        with staged(edit.path, edit.after, mode=None, sync=True) as temporary:
            if _read(edit.path) != edit.before:
                raise FixError(f"{edit.path.name} was changed meanwhile: it is left as it is.")
            temporary.replace(edit.path)
    except OSError as error:
        raise FixError(f"{edit.path} cannot be written: {error.strerror or error}.") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FixError(f"{path} cannot be read: {error.strerror or error}.") from error
