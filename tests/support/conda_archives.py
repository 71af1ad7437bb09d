"""Small conda packages (`.conda`), the same bytes for the same arguments, and folders of them that are channels."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import zstandard

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_QUICK = 1


class Member(msgspec.Struct, frozen=True):
    """A file of a package.

    Attributes:
        content: Its bytes; of a link, nothing.
        executable: Whether its mode is 0755 rather than 0644.
        link_to: Target of a symbolic link, relative to the link; None for a file.
        placeholder: Text in `content` that the prefix replaces where the package is linked; None for none.
    """

    content: bytes = b""
    executable: bool = False
    link_to: str | None = None
    placeholder: str | None = None


class CondaArchive(msgspec.Struct, frozen=True):
    """A package's file: its name, its subdir, its bytes, and its `info/index.json`."""

    filename: str
    subdir: str
    content: bytes
    index: dict[str, Any]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def record(self) -> dict[str, Any]:
        """Its entry in `repodata.json`."""
        return {
            **self.index,
            "sha256": self.sha256,
            "md5": hashlib.md5(self.content, usedforsecurity=False).hexdigest(),
            "size": len(self.content),
        }


def conda_archive(
    name: str,
    version: str,
    files: Mapping[str, bytes | Member] | None = None,
    *,
    build: str = "0",
    subdir: str = "noarch",
    depends: Sequence[str] = (),
    constrains: Sequence[str] = (),
    noarch: str | None = None,
    entry_points: Sequence[str] = (),
    site_packages: str | None = None,
) -> CondaArchive:
    """A package.

    Args:
        name: As conda has it.
        version: As in the filename.
        files: By path in the prefix; below `site-packages/` where `noarch` is `python`.
        build: Build string; its number is what follows the last `_`.
        subdir: Of the channel.
        depends: Match specs.
        constrains: Match specs.
        noarch: `python` or `generic`; `generic` where `subdir` is `noarch` and this is None.
        entry_points: `command = module:function`, of a noarch Python package.
        site_packages: `python_site_packages_path` of a python package.
    """
    members = {path: Member(each) if isinstance(each, bytes) else each for path, each in (files or {}).items()}
    number = build.rpartition("_")[2]
    index: dict[str, Any] = {
        "name": name, "version": version, "build": build, "build_number": int(number) if number.isdigit() else 0,
        "depends": list(depends), "constrains": list(constrains), "subdir": subdir, "license": "none", "timestamp": 0,
    }  # fmt: skip
    if subdir == "noarch":
        index["noarch"] = noarch or "generic"
    if site_packages is not None:
        index["python_site_packages_path"] = site_packages
    info = {"info/index.json": _json(index), "info/paths.json": _json(_paths(members)), "info/about.json": b"{}"}
    if noarch == "python":
        link = {"noarch": {"type": "python", "entry_points": list(entry_points)}, "package_metadata_version": 1}
        info["info/link.json"] = _json(link)
    info["info/files"] = "".join(f"{path}\n" for path in members).encode()
    stem = f"{name}-{version}-{build}"
    parts = {
        "metadata.json": b'{"conda_pkg_format_version": 2}',
        f"pkg-{stem}.tar.zst": _tarred(members),
        f"info-{stem}.tar.zst": _tarred({path: Member(content) for path, content in info.items()}),
    }
    return CondaArchive(f"{stem}.conda", subdir, _zipped(parts), index)


def write_channel(folder: Path, archives: Iterable[CondaArchive]) -> Path:
    """Makes `folder` a channel of `archives`, with `noarch` and every subdir that one of them has; returns it."""
    by_subdir: dict[str, list[CondaArchive]] = {"noarch": []}
    for archive in archives:
        by_subdir.setdefault(archive.subdir, []).append(archive)
    for subdir, members in by_subdir.items():
        (folder / subdir).mkdir(parents=True, exist_ok=True)
        for archive in members:
            (folder / subdir / archive.filename).write_bytes(archive.content)
        packages = {archive.filename: archive.record for archive in members}
        repodata = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": packages, "repodata_version": 1}
        (folder / subdir / "repodata.json").write_bytes(_json(repodata))
    return folder


def _paths(members: Mapping[str, Member]) -> dict[str, Any]:
    return {"paths": [_path(path, member) for path, member in sorted(members.items())], "paths_version": 1}


def _path(path: str, member: Member) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "_path": path,
        "path_type": "softlink" if member.link_to else "hardlink",
        "sha256": hashlib.sha256(member.content).hexdigest(),
        "size_in_bytes": len(member.content),
    }
    if member.placeholder:
        entry |= {"file_mode": "text", "prefix_placeholder": member.placeholder}
    return entry


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode()


def _tarred(members: Mapping[str, Member]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, member in sorted(members.items()):
            entry = tarfile.TarInfo(path)
            entry.mode = 0o755 if member.executable else 0o644
            if member.link_to:
                entry.type, entry.linkname = tarfile.SYMTYPE, member.link_to
            entry.size = len(member.content)
            archive.addfile(entry, io.BytesIO(member.content))
    return zstandard.ZstdCompressor(level=_QUICK).compress(buffer.getvalue())


def _zipped(parts: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, content in parts.items():
            archive.writestr(zipfile.ZipInfo(path, date_time=_ZIP_EPOCH), content)
    return buffer.getvalue()
