"""What an environment of metaflow-netflixext says that it is: the file that is written last into it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from mfenvd.atomic_write import write_atomically
from mfenvd.warm.netflixext.manifest import EnvId

MARK = ".metaflowenv"


def read_mark(prefix: Path) -> EnvId | None:
    """Which environment lies there; None where it is not whole, or none of Metaflow's."""
    try:
        req, full, arch = msgspec.json.decode((prefix / MARK).read_bytes(), type=tuple[str, str, str])
    except (OSError, msgspec.DecodeError):
        return None
    return EnvId(arch, req, full)


def write_mark(prefix: Path, id_: EnvId) -> None:
    """Says it.

    Raises:
        OSError: The environment cannot be written.
    """
    write_atomically(prefix / MARK, msgspec.json.encode([id_.req, id_.full, id_.arch]), mode=None)


def laid_out(folders: Iterable[Path]) -> frozenset[EnvId]:
    """The environments in folders of environments, whoever made them and whatever they are called."""
    found = (read_mark(mark.parent) for folder in folders for mark in folder.glob(f"*/{MARK}"))
    return frozenset(id_ for id_ in found if id_ is not None)
