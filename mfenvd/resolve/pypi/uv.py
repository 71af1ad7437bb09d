"""Runs uv in surroundings of its own: only what the index configuration says reaches it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Protocol

import msgspec

from mfenvd.domain.redact import redact
from mfenvd.resolve.index.client import FRESH_FOR
from mfenvd.resolve.index.configuration import DEFAULT_INDEX, IndexConfiguration
from mfenvd.resolve.pypi.compiled import Compiled, Log, parse_compiled, parse_log
from mfenvd.resolve.pypi.following import following
from mfenvd.resolve.pypi.metadata_override import Override
from mfenvd.resolve.pypi.platforms import UvPlatform
from mfenvd.uv_program import find_uv

# Seconds. Far beyond what solving takes: only a hanging network gets there.
_TIME_LIMIT = 900.0

# Makes uv say which wheel it goes by for each version that it considers.
_LOGGING = {"RUST_LOG": "uv_resolver::resolver=debug"}

# Variables that steer other tools, or uv itself, and have no say in what an environment resolves to.
_UNWANTED = ("UV_", "PIP_", "CONDA_", "MAMBA_", "METAFLOW_", "VIRTUAL_ENV", "PYTHON")
_WANTED = frozenset({"UV_HTTP_RETRIES"})


class Question(msgspec.Struct, frozen=True):
    """One `uv pip compile`.

    Attributes:
        requirements: PEP 508 lines; those with an address may hold credentials.
        constraints: PEP 508 lines.
        pre: Whether pre-releases are welcome everywhere.
        welcome: Canonical names of packages of which they are welcome; of others they are the last resort.
        overrides: Metadata to use instead of what the wheels say.
    """

    requirements: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    pre: bool = False
    welcome: tuple[str, ...] = ()
    overrides: tuple[Override, ...] = ()


class UvError(Exception):
    """uv gave no answer; `output` is what it printed, without credentials.

    Attributes:
        unsolvable: The requirements cannot be satisfied, rather than something else having gone wrong.
        log: What it went by.
    """

    def __init__(self, output: str, *, unsolvable: bool, log: Log = Log()) -> None:  # noqa: B008 - immutable
        self.output = redact(output).strip()
        self.unsolvable = unsolvable
        self.log = log
        super().__init__(self.output)


class UvMissingError(Exception):
    """The uv executable is not where its package should have put it."""


class Compiler(Protocol):
    """Answers questions as uv does."""

    def compile(self, question: Question, platform: UvPlatform) -> Compiled:
        """As `Uv.compile`."""
        ...


class Uv:
    """uv for one index configuration.

    Args:
        config: Where to look.
        cache_dir: mfenv's cache folder; its subfolder `uv` is used.
        environ: The project's variables.
        cwd: Folder to run in.
        refresh: Ask the indexes again even where a fresh answer is cached.

    Attributes:
        is_offline: Answers come from uv's cache, however old.
        heard: Told lines of uv's log while it is at work, from another thread; None where nobody listens.
    """

    def __init__(
        self,
        config: IndexConfiguration,
        cache_dir: Path,
        environ: Mapping[str, str],
        cwd: Path,
        *,
        refresh: bool = False,
    ) -> None:
        self._cache_dir = cache_dir / "uv"
        self._cwd = cwd
        self._fresh_for = 0 if refresh else int(FRESH_FOR)
        self._index_options, self._other_options = _split_options(config.uv_arguments())
        self._no_index = config.no_index
        kept = {name: value for name, value in environ.items() if name in _WANTED or not name.startswith(_UNWANTED)}
        self._environ = config.uv_environ(kept)
        self.is_offline = False
        self.heard: Callable[[str], None] | None = None
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_stopped = False

    def compile(self, question: Question, platform: UvPlatform) -> Compiled:
        """The packages that satisfy `question` on `platform`.

        Args:
            question: What is asked.
            platform: Where.

        Raises:
            UvError: There are none, or uv could not tell.
            UvMissingError: There is no uv.
        """
        if not question.requirements:
            return Compiled()
        with tempfile.TemporaryDirectory(prefix="mfenv-uv-") as folder:
            constraints = Path(folder) / "constraints.txt"
            constraints.write_text("".join(f"{line}\n" for line in question.constraints), encoding="utf-8")
            arguments = [
                "pip", "compile", "-", "--quiet",
                "--no-header", "--no-strip-extras", "--annotation-style", "split", "--format", "requirements.txt",
                "--only-binary", ":all:", "--no-sources",
                "--python", sys.executable,
                "--python-version", platform.python,
                "--python-platform", platform.name,
                "--constraints", str(constraints),
                "--prerelease", "allow" if question.pre else "if-necessary",
                *(f"--prerelease-package={name}=allow" for name in question.welcome),
            ]  # fmt: skip
            lines = "".join(f"{line}\n" for line in question.requirements)
            output, went_by = self.run(
                arguments, Path(folder), stdin=lines, overrides=question.overrides, environ=platform.environ
            )
        try:
            packages = parse_compiled(output)
        except ValueError as error:
            raise UvError(str(error), unsolvable=False, log=went_by) from error
        return Compiled(tuple(sorted(packages, key=lambda package: package.name)), went_by)

    def stop(self) -> None:
        """Ends what is at work in other threads, or begins there from now on: it fails."""
        self._is_stopped = True
        for process in tuple(self._running):
            process.kill()

    def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        *,
        stdin: str = "",
        overrides: Iterable[Override] = (),
        environ: Mapping[str, str] | None = None,
    ) -> tuple[str, Log]:
        """What `uv ARGUMENTS` prints, and what it went by.

        Args:
            arguments: The subcommand with its options; none may hold a secret.
            folder: For uv's configuration file.
            stdin: Fed to it.
            overrides: As in `Question`.
            environ: Further variables.

        Raises:
            UvError: It fails.
            UvMissingError: There is no uv.
        """
        settings = folder / "uv.toml"
        settings.write_text(self._settings(overrides), encoding="utf-8")
        command = [
            _executable(), *arguments, "--color", "never", "--no-progress", "--no-python-downloads",
            "--cache-dir", str(self._cache_dir), "--config-file", str(settings), *self._other_options,
        ]  # fmt: skip
        if self.is_offline:
            command.append("--offline")
        # What it prints goes to files, as each of hundreds of lines would wake this process.
        with (folder / "stdout").open("wb+") as stdout, (folder / "stderr").open("wb+") as stderr:
            with following(folder / "stderr", self.heard) if self.heard else nullcontext():
                failed = self._failed(command, folder, stdin, environ or {}, (stdout, stderr))
            stdout.seek(0)
            stderr.seek(0)
            output, log = (stream.read().decode(errors="replace") for stream in (stdout, stderr))
        went_by, rest = parse_log(log)
        if failed:
            raise UvError(rest, unsolvable="No solution found" in rest, log=went_by)
        return output, went_by

    def _failed(
        self,
        command: Sequence[str],
        folder: Path,
        stdin: str,
        environ: Mapping[str, str],
        streams: tuple[IO[bytes], IO[bytes]],
    ) -> bool:
        late = threading.Event()
        try:
            with subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=streams[0],
                stderr=streams[1],
                cwd=self._cwd if self._cwd.is_dir() else folder,
                env={**self._environ, **_LOGGING, **environ},
            ) as process:

                def kill() -> None:
                    late.set()
                    process.kill()

                # Popen's own time-outs look again every 50 ms, which is as long as solving takes.
                timer = threading.Timer(_TIME_LIMIT, kill)
                timer.start()
                self._running.add(process)
                if self._is_stopped:
                    process.kill()
                try:
                    process.communicate(stdin.encode())
                finally:
                    self._running.discard(process)
                    timer.cancel()
        except OSError as error:
            raise UvMissingError(f"{command[0]} cannot be run: {error}") from error
        if late.is_set():
            raise UvError(f"uv did not finish within {_TIME_LIMIT:.0f} seconds", unsolvable=False)
        return process.returncode != 0

    def _settings(self, overrides: Iterable[Override]) -> str:
        """A `uv.toml`. It gives pages the age that mfenv's own index client gives them, so that both read the same."""
        tables = []
        if not self._no_index:
            cache = f'{{ api = "max-age={self._fresh_for}", files = "max-age=365000000, immutable" }}'
            for option, value in self._index_options:
                name, url = _named(value)
                tables.append(
                    "[[index]]\n"
                    + (f"name = {_quoted(name)}\n" if name else "")
                    + f"url = {_quoted(url)}\ndefault = {'true' if option == '--default-index' else 'false'}\n"
                    + f"cache-control = {cache}\n"
                )
        for override in overrides:
            requires_python = override.requires_python
            tables.append(
                f"[[dependency-metadata]]\nname = {_quoted(override.name)}\nversion = {_quoted(override.version)}\n"
                f"requires-dist = [{', '.join(map(_quoted, override.requires))}]\n"
                f"provides-extra = [{', '.join(map(_quoted, override.extras))}]\n"
                + (f"requires-python = {_quoted(requires_python)}\n" if requires_python else "")
            )
        return "\n".join(tables)


def _executable() -> str:
    try:
        return find_uv()
    except FileNotFoundError as error:
        raise UvMissingError(str(error)) from error


def _split_options(arguments: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Index options, which go into the configuration file to carry a cache lifetime, and all others."""
    indexes: list[tuple[str, str]] = []
    others: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument in {"--default-index", "--index"}:
            indexes.append((argument, next(rest)))
        else:
            others.append(argument)
    if not any(option == "--default-index" for option, _ in indexes):
        indexes.append(("--default-index", DEFAULT_INDEX))
    return indexes, others


def _named(value: str) -> tuple[str, str]:
    """Name and URL of an index option: `name=url` or, without a name, a URL that may itself hold `=`."""
    name, _, url = value.partition("=")
    return (name, url) if name.isalnum() else ("", value)


def _quoted(text: str) -> str:
    """A TOML basic string: it has all escapes that JSON needs when characters beyond ASCII stay as they are."""
    return json.dumps(text, ensure_ascii=False)
