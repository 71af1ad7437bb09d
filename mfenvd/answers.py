"""What metaflow-netflixext answered before, for as long as nothing that the answer came from is another.

To ask takes more time than most resolves: a Python with Metaflow is started, and from there pip and conda. The answer
is a function of the options, the variables, the programs on PATH and the files that these read. The Python that answers
tells which files it opened; where pip and conda keep their configuration is known.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

import msgspec

from mfenvd.atomic_write import write_atomically
from mfenvd.condarc.places import files_at
from mfenvd.domain.loaded import Launcher
from mfenvd.domain.redact import redact
from mfenvd.domain.sharing import Asked
from mfenvd.domain.surroundings import Surroundings
from mfenvd.flows.metaflow_config import extension_manifest
from mfenvd.resolve.index.pip_settings import config_files
from mfenvd.warm.netflixext import manifest
from mfenvd.warm.netflixext.asking import SCRIPTS, Answer
from mfenvd.warm.shared_file import ManifestError

_LONGEST = 24 * 3600.0
"""Seconds for which an answer is used, whatever the files say."""

_MOST = 64
"""Answers that are kept."""

_OF_OTHERS = frozenset({"--force", "--using", "--using-pathspec", "--from", "--from-pathspec"})
"""Options whose answer depends on what the manifest and the datastore hold."""

_LOCAL_PATH, _RESOLVER = "METAFLOW_CONDA_LOCAL_PATH", "METAFLOW_CONDA_DEPENDENCY_RESOLVER"
_NOBODYS = ":none:"
_PROGRAMS = ("pip", "conda-lock", "cph", "micromamba", "mamba", "conda")
_OF_PREFIX = (".condarc", "condarc", "condarc.d", ".mambarc", "pip.conf", "pyvenv.cfg")
"""Configuration in the folder of a Python or of conda."""

_DRIVER = Path("/proc/driver/nvidia/version")
_LIBRARIES = Path("/etc/ld.so.cache")
"""Another one where a libc or a driver was installed."""

_NO_FILES = ("/proc/", "/dev/", "/sys/")

_Mark = tuple[int, int, int] | None
"""When a file was changed, its size and its inode; None where there is none."""


class Question(msgspec.Struct, frozen=True):
    """What the extension is asked.

    Attributes:
        options: As `metaflow environment resolve` takes them.
        launcher: Which Python, where and with which variables.
        environ: Variables besides those.
        watched: Files that the project's interpreter and configuration depend on, absolute.
    """

    options: tuple[str, ...]
    launcher: Launcher
    environ: dict[str, str] = {}
    watched: tuple[str, ...] = ()


class _Kept(msgspec.Struct, frozen=True):
    asked: Asked
    marks: dict[str, _Mark]


class _UntoldError(Exception):
    """It cannot be said what a program's answer depends on."""


class Answers:
    """Answers in a folder. Safe in several processes at once; what cannot be read or written is as if it were not.

    Args:
        cache_dir: mfenv's cache folder.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._folder = cache_dir / "netflixext" / "answers"

    def find(self, question: Question) -> Asked | None:
        """The answer that the extension would give; None where it has to be asked."""
        if not _is_settled(question):
            return None
        try:
            path = self._file(question)
            if path.stat().st_mtime < time.time() - _LONGEST:
                return None
            kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
            is_right = kept.marks == _marks(kept.marks) and not _is_resolved(kept.asked, question)
        except (OSError, msgspec.DecodeError, ManifestError):
            return None
        return kept.asked if is_right else None

    def keep(self, question: Question, answer: Answer, since: float) -> None:
        """Remembers an answer, unless it may be another one next time.

        Args:
            question: What was asked.
            answer: What was said.
            since: When it was asked, seconds since the epoch.
        """
        asked = answer.asked
        is_known = any(one.full_id is not None for one in asked.environments)
        if answer.opened is None or is_known or answer.latest != _NOBODYS or not _is_settled(question):
            return
        text = msgspec.json.encode(asked).decode()
        if redact(text) != text:
            return
        with contextlib.suppress(_UntoldError, OSError, ManifestError):
            if _is_resolved(asked, question):
                return
            opened = (path for path in answer.opened if path != asked.manifest and not path.startswith(_NO_FILES))
            marks = _marks((*map(_source, opened), *question.watched, *_looked_at(question)))
            if all(mark is None or mark[0] < since * 1e9 for mark in marks.values()):
                self._write(self._file(question), msgspec.json.encode(_Kept(asked, marks)))

    def _write(self, path: Path, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
        for old in sorted(self._folder.iterdir(), key=lambda file: file.stat().st_mtime)[:-_MOST]:
            old.unlink(missing_ok=True)

    def _file(self, question: Question) -> Path:
        """The question's place, the machine and what asks being part of the question."""
        launcher = question.launcher
        said = (
            question.options, launcher.interpreter, launcher.cwd, launcher.environ, question.environ,
            launcher.datastore, os.uname() if hasattr(os, "uname") else os.name, getattr(os, "getuid", int)(),
            _DRIVER.read_text("utf-8") if _DRIVER.exists() else None,
            [(files("mfenvd.warm.netflixext") / name).read_text("utf-8") for name in SCRIPTS],
        )  # fmt: skip
        return self._folder / f"{hashlib.sha256(msgspec.json.encode(said, order='sorted')).hexdigest()[:40]}.json"


def _is_settled(question: Question) -> bool:
    """Whether the answer depends on nothing but files: no other environment, no conda that is installed meanwhile."""
    return _OF_OTHERS.isdisjoint(question.options) and not question.launcher.config.get(_LOCAL_PATH)


def _is_resolved(asked: Asked, question: Question) -> bool:
    """Whether the extension would take what stands in its manifest, or has another manifest by now."""
    launcher = question.launcher
    path = extension_manifest(Path(launcher.cwd), {**launcher.config, **question.environ})
    if str(path) != asked.manifest:
        return True
    content = manifest.read(path)
    return any(content.default(one.arch, one.request) is not None for one in asked.environments)


def _looked_at(question: Question) -> Iterator[str]:
    """What pip, conda and the search for them look at.

    Raises:
        _UntoldError: One of them starts a program that may be any other.
    """
    launcher = question.launcher
    environ = {**launcher.environ, **question.environ}
    cwd = Path(launcher.cwd)
    surroundings = Surroundings(launcher.cwd, launcher.interpreter, launcher.python, environ)
    yield str(_LIBRARIES)
    yield launcher.interpreter
    yield from map(str, config_files(surroundings))
    for folder in (cwd, cwd.parent):
        yield str(folder / "conda_env" / "micromamba")
    search = environ.get("PATH", os.defpath)
    yield from filter(os.path.isabs, search.split(os.pathsep))
    for name in dict.fromkeys((*_PROGRAMS, launcher.config.get(_RESOLVER) or "mamba")):
        found = shutil.which(name, path=search)
        if found is not None:
            yield from _of_program(Path(cwd, found), search)


def _of_program(path: Path, search: str) -> Iterator[str]:
    """The program, the Python that runs it, and the configuration beside both."""
    real = path.resolve()
    yield from (str(path), str(real))
    yield from _of_prefix(real.parent.parent)
    interpreter = _interpreter(real, search)
    if interpreter is not None:
        yield str(interpreter)
        for prefix in (interpreter.parent.parent, interpreter.resolve().parent.parent):
            yield from _of_prefix(prefix)


def _of_prefix(prefix: Path) -> Iterator[str]:
    for name in _OF_PREFIX:
        yield str(prefix / name)
        yield from map(str, files_at(prefix / name))


def _interpreter(script: Path, search: str) -> Path | None:
    """The Python that a script is for; None for a program that is no script."""
    with script.open("rb") as file:
        line = file.readline(1024)
    if not line.startswith(b"#!"):
        return None
    words = os.fsdecode(line[2:]).split()
    if words and Path(words[0]).name == "env":
        found = shutil.which(words[-1], path=search)
        words = [found] if found else []
    if not words or not Path(words[0]).name.startswith("python"):
        raise _UntoldError(str(script))
    return Path(words[0])


def _source(path: str) -> str:
    """The module that bytecode was made of, where it is there: its bytecode is written again for no reason."""
    folder, name = os.path.split(path)
    if os.path.basename(folder) != "__pycache__":  # noqa: PTH119 - a thousand of them
        return path
    module = os.path.join(os.path.dirname(folder), name.partition(".")[0] + ".py")  # noqa: PTH118, PTH120 - likewise
    return module if os.path.exists(module) else path  # noqa: PTH110 - likewise


def _marks(paths: Iterable[str]) -> dict[str, _Mark]:
    return {path: _mark(path) for path in paths}


def _mark(path: str) -> _Mark:
    try:
        found = os.stat(path)  # noqa: PTH116 - a thousand of them
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
