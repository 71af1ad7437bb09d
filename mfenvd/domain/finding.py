"""One thing wrong or worth knowing: what it is, where it is, and what to do about it."""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec


class Severity(str, Enum):
    """How much a finding weighs: an error blocks, a warning may bite later, a notice is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"

    def __str__(self) -> str:
        return self.value


class Location(msgspec.Struct, frozen=True):
    """A place in a file: absolute path, line and column from 1 (None where only the file is known)."""

    path: str
    line: int | None = None
    column: int | None = None


class Finding(msgspec.Struct, frozen=True):
    """A fact with a stable code, as every client shows it.

    Attributes:
        code: `MFE302`; its section in docs/findings.md is named after it.
        severity: Only an error keeps an environment from resolving.
        message: One or more sentences that name the thing.
        package: Canonical name of the package it is about, None when it is about none.
        path: Absolute path of the file to change, None when no file is to blame.
        line: Line in that file, from 1.
        column: Column in that line, from 1.
        fix: What to write or run, in one line; None when nothing can be done here.
        chain: Canonical names from the root requirement to `package`, both included.
        detail: Further lines (each wheel and the axis it fails on, the solver's words), shown on demand.
        data: The facts behind the message as plain values, for tables and tools.
    """

    code: str
    severity: Severity
    message: str
    package: str | None = None
    path: str | None = None
    line: int | None = None
    column: int | None = None
    fix: str | None = None
    chain: tuple[str, ...] = ()
    detail: tuple[str, ...] = ()
    data: dict[str, Any] = msgspec.field(default_factory=dict)

    def located(self, location: Location | None) -> Finding:
        """This finding at `location`, unless it has a place of its own already."""
        if location is None or self.path is not None:
            return self
        return msgspec.structs.replace(self, path=location.path, line=location.line, column=location.column)

    @property
    def place(self) -> str:
        """`path:line:column` as editors understand it, shorter where less is known, empty when nothing is."""
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)
