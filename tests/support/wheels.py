"""Tiny valid wheels and source distributions, the same bytes for the same arguments."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence

import msgspec

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)

# A PEP 517 backend that needs nothing: a source distribution of these builds without a network.
_BACKEND = """\
import os, zipfile

NAME, VERSION, METADATA = {name!r}, {version!r}, {metadata!r}
INFO = NAME + "-" + VERSION + ".dist-info"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    if {failure!r}:
        raise SystemExit({failure!r})
    filename = NAME + "-" + VERSION + "-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, filename), "w") as archive:
        archive.writestr(NAME + "/__init__.py", "")
        archive.writestr(INFO + "/METADATA", METADATA)
        archive.writestr(INFO + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(INFO + "/RECORD", "")
    return filename


def build_sdist(sdist_directory, config_settings=None):
    raise NotImplementedError
"""


class Archive(msgspec.Struct, frozen=True):
    """A distribution file: its name, its bytes, and its METADATA as the file inside says it."""

    filename: str
    content: bytes
    metadata: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def metadata_sha256(self) -> str:
        return hashlib.sha256(self.metadata).hexdigest()


def wheel(
    name: str,
    version: str,
    tags: str = "py3-none-any",
    *,
    requires: Sequence[str] = (),
    requires_python: str | None = None,
    extras: Sequence[str] = (),
    build: str | None = None,
    padding: int = 0,
) -> Archive:
    """A wheel.

    Args:
        name: As the project writes it; escaped for the filename as PEP 427 says.
        version: As in the filename.
        tags: `python-abi-platform`, each part possibly a compressed set (`cp39.cp310-abi3-any`).
        requires: `Requires-Dist` entries.
        requires_python: `Requires-Python`.
        extras: `Provides-Extra` entries.
        build: Build tag, as `1` or `2a`.
        padding: Bytes of ballast before the metadata, so that a partial download is worth it.
    """
    stem = f"{_escaped(name)}-{version}"
    info = f"{stem}.dist-info"
    metadata = _metadata(name, version, requires, requires_python, extras)
    python, abi, platform = tags.split("-")
    tag_lines = "".join(
        f"Tag: {p}-{a}-{m}\n" for p in python.split(".") for a in abi.split(".") for m in platform.split(".")
    )
    build_line = f"Build: {build}\n" if build else ""
    members = {
        f"{_escaped(name)}/__init__.py": f"__version__ = {version!r}\n".encode(),
        f"{_escaped(name)}/ballast.bin": b"\0" * padding,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n{build_line}{tag_lines}".encode(),
    }
    filename = f"{stem}-{build}-{tags}.whl" if build else f"{stem}-{tags}.whl"
    return Archive(filename, _recorded(members, info), metadata)


def wheel_of_files(name: str, version: str, tags: str, files: Mapping[str, bytes]) -> Archive:
    """A wheel of `files`, by path, its `.dist-info` among them but for the RECORD."""
    stem = f"{_escaped(name)}-{version}"
    info = next(path.partition("/")[0] for path in files if path.partition("/")[0].endswith(".dist-info"))
    return Archive(f"{stem}-{tags}.whl", _recorded(files, info), files[f"{info}/METADATA"])


def sdist(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    requires_python: str | None = None,
    failure: str = "",
) -> Archive:
    """A source distribution (.tar.gz) that builds offline; with `failure` its build ends with that message."""
    stem = f"{_escaped(name)}-{version}"
    metadata = _metadata(name, version, requires, requires_python)
    project = "".join(
        [
            f'[project]\nname = "{name}"\nversion = "{version}"\ndependencies = {list(requires)!r}\n',
            f'requires-python = "{requires_python}"\n' if requires_python else "",
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        ]
    )
    backend = _BACKEND.format(name=_escaped(name), version=version, metadata=metadata.decode(), failure=failure)
    members = {
        f"{stem}/PKG-INFO": metadata,
        f"{stem}/pyproject.toml": project.encode(),
        f"{stem}/backend.py": backend.encode(),
        f"{stem}/{_escaped(name)}/__init__.py": b"",
    }
    return Archive(f"{stem}.tar.gz", _tarred(members), metadata)


def _escaped(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")


def _metadata(
    name: str, version: str, requires: Sequence[str], requires_python: str | None, extras: Sequence[str] = ()
) -> bytes:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    if requires_python:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    return "\n".join([*lines, "", "A package for tests.", ""]).encode()


def _recorded(members: Mapping[str, bytes], info: str) -> bytes:
    """The archive of `members` with a RECORD of them in the folder `info`."""
    record = "".join(f"{path},{_record_hash(content)},{len(content)}\n" for path, content in members.items())
    return _zipped({**members, f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()})


def _record_hash(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"sha256={digest}"


def _zipped(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, content in members.items():
            archive.writestr(zipfile.ZipInfo(path, date_time=_ZIP_EPOCH), content)
    return buffer.getvalue()


def _tarred(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for path, content in members.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
