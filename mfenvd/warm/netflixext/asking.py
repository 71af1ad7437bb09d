"""Asks metaflow-netflixext in the project's Python what would be resolved, and what steps that ran were resolved to."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Sequence
from importlib.resources import as_file, files
from typing import Any

import msgspec

from mfenvd.domain.loaded import Launcher
from mfenvd.domain.sharing import Asked
from mfenvd.warm.core.ids import KNOWN_EXTENSIONS

SCRIPTS = ("resolve_side.py", "extension_side.py")
"""What the project's Python runs, in this package: the first one loads the others."""

_SECONDS = 120.0
"""The extension asks conda, pip and, for `--using`, the datastore."""


class NotAskedError(Exception):
    """The extension gives no answer; `reason` continues "because"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ExtensionMissingError(NotAskedError):
    """The Python has no metaflow-netflixext, or one that mfenv does not know."""


class RefusedError(NotAskedError):
    """The extension refuses what it was asked; `reason` is its own sentence.

    Args:
        reason: That sentence.
        is_usage: Whether it is about the options that were given together.
    """

    def __init__(self, reason: str, *, is_usage: bool) -> None:
        super().__init__(reason)
        self.is_usage = is_usage


class Answer(msgspec.Struct, frozen=True):
    """What the extension says, and what it depends on.

    Attributes:
        asked: What would be resolved.
        latest: Whose environments of the datastore are taken (`CONDA_USE_REMOTE_LATEST`).
        opened: Absolute paths of the files and folders that its Python read, there or not; None where nobody knows.
    """

    asked: Asked
    latest: str
    opened: tuple[str, ...] | None


class _Said(msgspec.Struct):
    extension: str | None = None
    ids: tuple[str, str] | None = None
    answer: Asked | None = None
    latest: str = ""
    opened: tuple[str, ...] | None = None
    error: str | None = None
    usage: bool = False


def ask(options: Sequence[str], launcher: Launcher, environ: dict[str, str] | None = None) -> Answer:
    """What would be resolved. Runs Metaflow, and none of the project's code.

    Args:
        options: As `metaflow environment resolve` takes them; paths are relative to `launcher.cwd`.
        launcher: Which Python, where and with which variables.
        environ: Variables besides those.

    Raises:
        ExtensionMissingError: There is no extension that mfenv knows.
        RefusedError: It does not take the options.
        NotAskedError: It does not answer.
    """
    said = _said(launcher, environ or {}, options=list(options))
    if said.answer is None:
        raise _without_extension(said, launcher)
    return Answer(said.answer, said.latest, said.opened)


def ask_of_step(pathspec: str, launcher: Launcher) -> tuple[str, str]:
    """Request and full id of the environment that a step ran in, as Metaflow's metadata has them.

    Args:
        pathspec: `Flow/run/step`.
        launcher: Which Python, where and with which variables.

    Raises:
        ExtensionMissingError: There is no extension that mfenv knows.
        RefusedError: There is no such step, or it ran in no environment of the extension.
        NotAskedError: It does not answer.
    """
    said = _said(launcher, {}, step=pathspec)
    if said.ids is None:
        raise _without_extension(said, launcher)
    return said.ids


def _said(
    launcher: Launcher, environ: dict[str, str], *, options: Sequence[str] = (), step: str | None = None
) -> _Said:
    question: dict[str, Any] = {
        "options": options, "step": step, "datastore": launcher.datastore, "known": KNOWN_EXTENSIONS
    }  # fmt: skip
    scripts = (as_file(files("mfenvd.warm.netflixext") / name) for name in SCRIPTS)
    with contextlib.ExitStack() as stack:
        side, shared = map(stack.enter_context, scripts)
        question["shared"] = str(shared)
        try:
            done = subprocess.run(
                [launcher.interpreter, str(side)],
                input=msgspec.json.encode(question), capture_output=True, check=False, timeout=_SECONDS,
                cwd=launcher.cwd, env={**launcher.environ, **environ}, start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise NotAskedError(f"it does not answer within {_SECONDS:g} seconds") from None
        except OSError as error:
            raise NotAskedError(f"{launcher.interpreter} cannot be started: {error.strerror or error}") from None
    try:
        said = msgspec.json.decode(done.stdout, type=_Said)
    except msgspec.DecodeError:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise NotAskedError(f"{launcher.interpreter} says no more than: {last}") from None
    if said.error is not None:
        raise RefusedError(said.error, is_usage=said.usage)
    return said


def _without_extension(said: _Said, launcher: Launcher) -> ExtensionMissingError:
    has = f"{launcher.interpreter} has metaflow-netflixext {said.extension}"
    known = ", ".join(KNOWN_EXTENSIONS)
    no = f"{launcher.interpreter} has no metaflow-netflixext"
    return ExtensionMissingError(f"{has}, and mfenv knows {known}" if said.extension else no)
