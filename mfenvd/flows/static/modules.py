"""Finds and parses the files of a project, each once while it stays as it is."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from mfenvd.domain.finding import Finding
from mfenvd.flows.static import findings
from mfenvd.flows.static.private_names import mangle
from mfenvd.flows.static.source import Source

LARGEST = 1 << 20
"""Bytes: no larger file is read."""

_KEPT = 512 * 1024
"""Bytes of source whose trees are kept; a tree takes some 50 times its source."""


class Unreadable(Exception):  # noqa: N818 - it carries a finding rather than an error
    """A file cannot be read or parsed; `finding` says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


class ModuleCache:
    """Parsed files by path. A file that changed (time or size) is parsed again; the oldest give way."""

    def __init__(self) -> None:
        self._parsed: OrderedDict[str, tuple[tuple[int, int], Source | Unreadable]] = OrderedDict()
        self._size = 0

    def parse(self, path: Path) -> Source:
        """The file at `path`.

        Raises:
            Unreadable: It cannot be read or is not Python.
        """
        key = str(path)
        stamp = _stamp(path)
        kept = self._parsed.get(key)
        if kept is not None and kept[0] == stamp:
            self._parsed.move_to_end(key)
            return _unwrap(kept[1])
        self._drop(key)
        try:
            result: Source | Unreadable = parse(path, read_bytes(path))
        except Unreadable as unreadable:
            result = unreadable
        self._keep(key, stamp, result)
        return _unwrap(result)

    def _keep(self, key: str, stamp: tuple[int, int], result: Source | Unreadable) -> None:
        self._parsed[key] = (stamp, result)
        self._size += _weight(result)
        while self._size > _KEPT and len(self._parsed) > 1:
            self._drop(next(iter(self._parsed)))

    def _drop(self, key: str) -> None:
        kept = self._parsed.pop(key, None)
        if kept is not None:
            self._size -= _weight(kept[1])


def read_bytes(path: Path) -> bytes:
    """The content of a regular file of at most `LARGEST` bytes.

    Raises:
        Unreadable: There is none.
    """
    try:
        if not path.is_file():
            raise Unreadable(findings.unreadable_file(path, "is not a regular file"))
        if path.stat().st_size > LARGEST:
            raise Unreadable(findings.unreadable_file(path, f"is larger than {LARGEST >> 20} MiB"))
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(findings.unreadable_file(path, error.strerror or type(error).__name__)) from error


def parse(path: Path, content: bytes) -> Source:
    """The source in `content`, in the encoding that it declares (PEP 263), UTF-8 otherwise.

    Raises:
        Unreadable: It is not text or not Python.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = io.TextIOWrapper(io.BytesIO(content), encoding).read()
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise Unreadable(findings.undecodable_file(path, _declared_encoding(content))) from error
    if "\0" in text:
        raise Unreadable(findings.unreadable_file(path, "holds null bytes"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's strings
            tree = ast.parse(text, filename=str(path))
        mangle(tree, text)
    except SyntaxError as error:
        raise Unreadable(findings.syntax_error(path, error)) from error
    except (RecursionError, MemoryError, ValueError) as error:
        raise Unreadable(findings.unreadable_file(path, "is nested too deeply")) from error
    return Source(str(path), text, tree)


_ENCODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


def _declared_encoding(content: bytes) -> str | None:
    """The encoding that one of the first two lines declares (PEP 263)."""
    for line in content.splitlines()[:2]:
        match = _ENCODING.match(line)
        if match:
            return match[1].decode()
    return None


def find_module(name: str, folders: Iterable[str], *, namespaces: bool = True) -> Path | None:
    """The file of module `name` (dotted) in the first of `folders` that has it.

    With `namespaces`, a folder of Python files without an `__init__.py` counts where there is no file.
    """
    bases = [Path(folder, *name.split(".")) for folder in folders]
    for base in bases:
        for candidate in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if candidate.is_file():
                return candidate
    return next((base for base in bases if _holds_python(base)), None) if namespaces else None


def _holds_python(folder: Path) -> bool:
    """Whether a folder, or a folder in it, has a Python file."""
    if not folder.is_dir():
        return False
    return any(next(folder.glob(pattern), None) is not None for pattern in ("*.py", "*/*.py"))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, -1)
    return (status.st_mtime_ns, status.st_size)


def _weight(result: Source | Unreadable) -> int:
    return len(result.text) if isinstance(result, Source) else 0


def _unwrap(result: Source | Unreadable) -> Source:
    if isinstance(result, Unreadable):
        raise result
    return result
