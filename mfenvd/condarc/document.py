"""One configuration file: its values as they are written, and where each of them stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mfenvd.condarc import findings
from mfenvd.domain.finding import Finding, Location

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_LARGEST = 1 << 20


class Document(msgspec.Struct, frozen=True):
    """A configuration file.

    Attributes:
        values: By key. Scalars stay as written (`3.10` is not a number): texts, lists and dicts of texts.
        places: Where each key stands.
        findings: Why it could not be read.
    """

    values: dict[str, Any] = msgspec.field(default_factory=dict)
    places: dict[str, Location] = msgspec.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def read_document(path: Path, variables: Mapping[str, str]) -> Document | None:
    """The file at `path` with `$NAME` and `${NAME}` replaced; None when there is none.

    A variable that is not set stays as it is written, as micromamba has it.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST).decode()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Document(findings=(findings.unreadable(str(path), error.strerror or str(error)),))
    except UnicodeDecodeError:
        return Document(findings=(findings.malformed(Location(str(path)), "it is not UTF-8"),))
    # Most machines have no such file, and the reader of YAML takes a while to load.
    from mfenvd.condarc.parsing import parsed

    return parsed(path, expanded(text, variables))


def variables_of(path: Path) -> list[str]:
    """The names of the variables that the file at `path` uses; none for one that cannot be read."""
    try:
        with path.open("rb") as file:
            return used_names(file.read(_LARGEST).decode())
    except (OSError, UnicodeDecodeError):
        return []


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """`text` with the variables that are set."""
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], found[0]), text)


def used_names(text: str) -> list[str]:
    """The variables that a text uses; of an expanded one, those that are not set."""
    return [found[1] or found[2] for found in _VARIABLE.finditer(text)]
