"""A child process of the daemon: started, spoken to over pipes, and ended with everything that it started."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from typing import TypeVar, cast

import msgspec

from mfenvd.daemon.frames import LENGTH, frame
from mfenvd.daemon.trees import end_tree

T = TypeVar("T")

_END_SECONDS = 5.0

_log = logging.getLogger(__name__)


class ChildDiedError(Exception):
    """A child process ended, or talked nonsense, before it had answered."""


class Child:
    """One child process, in a process group of its own.

    Args:
        process: With pipes for all three streams.
        log: Takes what the process writes to stderr.
    """

    def __init__(self, process: asyncio.subprocess.Process, log: logging.Logger) -> None:
        self._process = process
        self._stdin = cast("asyncio.StreamWriter", process.stdin)
        self._stdout = cast("asyncio.StreamReader", process.stdout)
        self._stderr = cast("asyncio.StreamReader", process.stderr)
        self._echo = asyncio.create_task(self._log_stderr(log))

    @classmethod
    async def start(cls, command: Sequence[str], cwd: str, log: logging.Logger) -> Child:
        """Starts `command` in `cwd`, which must not be a project's: Python looks there for modules first.

        When cancelled, no process is left behind.

        Raises:
            ChildDiedError: It could not be started.
        """
        starting = asyncio.create_task(cls._start(command, cwd, log))
        try:
            # A start that is cancelled half-way would leave a process that nobody knows.
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_kill_started)
            raise
        except OSError as error:
            raise ChildDiedError(f"it could not be started ({error})") from error

    @classmethod
    async def _start(cls, command: Sequence[str], cwd: str, log: logging.Logger) -> Child:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=cwd, start_new_session=True,
            env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        _log.debug("child %d started", process.pid)
        return cls(process, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def send(self, message: msgspec.Struct) -> None:
        """Says `message`.

        Raises:
            ChildDiedError: Nobody listens.
        """
        try:
            self._stdin.write(frame(message))
            await self._stdin.drain()
        except ConnectionError as error:
            raise await self._died() from error

    def say(self, message: msgspec.Struct) -> None:
        """Says `message` without waiting for it to be taken; nothing happens where nobody listens."""
        if not self._stdin.is_closing():
            self._stdin.write(frame(message))

    async def receive(self, replies: msgspec.msgpack.Decoder[T]) -> T:
        """What it says next.

        Raises:
            ChildDiedError: Nothing any more, or what `replies` does not understand.
        """
        try:
            (length,) = LENGTH.unpack(await self._stdout.readexactly(LENGTH.size))
            return replies.decode(await self._stdout.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._died() from error
        except msgspec.DecodeError as error:
            self.kill()
            raise ChildDiedError(f"its answer was not understood ({error})") from error

    def kill(self) -> None:
        """Ends it at once, with everything that it started."""
        end_tree(self._process.pid)

    def dismiss(self) -> None:
        """Tells it that there is no more work; it ends when its stdin does."""
        self._stdin.close()

    async def ended(self) -> None:
        """Returns when nothing is left of it, which is made sure of after a while."""
        try:
            await asyncio.wait_for(self._process.wait(), _END_SECONDS)
        except asyncio.TimeoutError:
            self.kill()
            # What waits for a dead network drive cannot even be killed.
            await asyncio.wait((asyncio.ensure_future(self._process.wait()),), timeout=_END_SECONDS)
        # What it started elsewhere may hold its stderr open.
        await asyncio.wait((self._echo,), timeout=_END_SECONDS)
        self._echo.cancel()
        _log.debug("child %d ended", self._process.pid)

    async def _died(self) -> ChildDiedError:
        self.kill()
        code = await self._process.wait()
        return ChildDiedError(f"killed by signal {-code}" if code < 0 else f"exit code {code}")

    async def _log_stderr(self, log: logging.Logger) -> None:
        while True:
            try:
                line = await self._stderr.readline()
            except ValueError:
                # Longer than the stream's limit; what was read of it is gone.
                continue
            if not line:
                return
            log.info("%d: %s", self._process.pid, line.decode(errors="replace").rstrip())


def _kill_started(starting: asyncio.Task[Child]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().kill()
