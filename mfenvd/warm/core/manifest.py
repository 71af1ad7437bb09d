"""Metaflow's `conda.manifest`, shared with Metaflow itself, which locks when it writes and not when it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mfenvd.warm import shared_file
from mfenvd.warm.core.entries import Entry, same_packages
from mfenvd.warm.shared_file import Form, ManifestError

__all__ = ["ManifestError", "Wanted", "Written", "find", "manifest_path", "read", "write"]

_NAME = "conda.manifest"
_Manifest = dict[str, Any]


class Wanted(msgspec.Struct, frozen=True):
    """One entry: where it goes and what it is to hold."""

    id: str
    platform: str
    kind: str
    lines: Entry


class Written(msgspec.Struct, frozen=True):
    """What came of writing.

    Attributes:
        changed: Whether the file is another one now.
        kept: The entries that were there and hold other packages.
    """

    changed: bool
    kept: tuple[Wanted, ...] = ()


def manifest_path(local_root: str, flow: str) -> Path:
    """Where Metaflow keeps a flow's manifest."""
    return Path(local_root, flow, _NAME)


def read(path: Path) -> _Manifest:
    """The whole manifest; empty where there is none.

    Raises:
        ManifestError: It cannot be read, or is not what Metaflow writes.
    """
    return shared_file.read(path, _FORM)


def find(manifest: Mapping[str, Any], id_: str, platform: str, kind: str) -> Entry | None:
    """An entry; None where there is none, or one that Metaflow takes for none (an empty list)."""
    found = manifest.get(id_, {}).get(platform, {}).get(kind)
    return found or None


def write(path: Path, wanted: tuple[Wanted, ...], *, replace: bool = False) -> Written:
    """Puts entries into the manifest. Entries that are there stay, those that are not wanted always.

    Args:
        path: Of the manifest; folders above it are made.
        wanted: The entries.
        replace: Put them in the place of those that are there.

    Raises:
        ManifestError: It cannot be written, or is not what Metaflow writes.
    """
    kept: list[Wanted] = []

    def change(manifest: _Manifest) -> None:
        kept.extend(_put(manifest, wanted, replace=replace))

    edited = shared_file.edit(path, _FORM, change)
    return Written(edited.changed, tuple(kept))


def _put(manifest: _Manifest, wanted: tuple[Wanted, ...], *, replace: bool) -> Iterator[Wanted]:
    """Puts in what is missing; yields what is there and holds other packages."""
    for one in wanted:
        there = find(manifest, one.id, one.platform, one.kind)
        if there is None or (replace and not same_packages(there, one.lines)):
            manifest.setdefault(one.id, {}).setdefault(one.platform, {})[one.kind] = one.lines
        elif not same_packages(there, one.lines):
            yield Wanted(one.id, one.platform, one.kind, there)
        else:
            _add_paths(there, one.lines)


def _add_paths(there: Entry, lines: Entry) -> None:
    """Says of packages that are there where they are kept, once that is known; never takes it back."""
    paths = {line["url"]: line["path"] for line in lines if "path" in line}
    for line in there:
        if line.get("url") in paths and "path" not in line:
            line["path"] = paths[line["url"]]


def _problem(value: Any) -> str | None:
    """None where it is ids, platforms and kinds, each with a list of packages."""
    is_manifest = isinstance(value, dict) and all(
        isinstance(platforms, dict)
        and all(
            isinstance(kinds, dict)
            and all(
                isinstance(lines, list) and all(isinstance(line, dict) for line in lines) for lines in kinds.values()
            )
            for kinds in platforms.values()
        )
        for platforms in value.values()
    )
    return None if is_manifest else "it has another form than Metaflow gives it"


_FORM = Form(_problem)
