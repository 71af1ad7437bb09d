"""The worker processes: started when there is work, ended when there has been none for a while."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import msgspec

from mfenvd.daemon.frames import Done, frame, read_reply
from mfenvd.daemon.trees import end_tree
from mfenvd.domain.job import Job
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.resolver import Progress

IDLE_SECONDS = 30.0
"""How long a worker without work is kept: a series of saves finds it warm, an idle daemon stays small."""

_END_SECONDS = 5.0

RESOLVERS = "mfenvd.resolve.resolvers:resolvers"

_log = logging.getLogger(__name__)
_worker_log = logging.getLogger("mfenvd.worker")


class WorkerDiedError(Exception):
    """A worker ended, or talked nonsense, before it had answered."""


class Worker:
    """One worker process, in a process group of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._stdin = cast("asyncio.StreamWriter", process.stdin)
        self._stdout = cast("asyncio.StreamReader", process.stdout)
        self._stderr = cast("asyncio.StreamReader", process.stderr)
        self._echo = asyncio.create_task(self._log_stderr())

    @classmethod
    async def start(cls, command: Sequence[str], cwd: str) -> Worker:
        """Starts `command` in `cwd`, which must not be a project's: Python looks there for modules first."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=cwd, start_new_session=True,
            env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        _log.debug("worker %d started", process.pid)
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def settle(self, job: Job, report: Callable[[Progress], None]) -> Outcome:
        """The worker's answer to `job`.

        Raises:
            WorkerDiedError: There is none.
        """
        try:
            self._stdin.write(frame(job))
            await self._stdin.drain()
            while True:
                reply = await read_reply(self._stdout)
                if isinstance(reply, Done):
                    return reply.outcome
                report(reply.progress)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.kill()
            raise WorkerDiedError(_how_it_ended(await self._process.wait())) from error
        except msgspec.DecodeError as error:
            self.kill()
            raise WorkerDiedError(f"its answer was not understood ({error})") from error

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
            await self._process.wait()
        # What it started elsewhere may hold its stderr open.
        await asyncio.wait((self._echo,), timeout=_END_SECONDS)
        self._echo.cancel()
        _log.debug("worker %d ended", self._process.pid)

    async def _log_stderr(self) -> None:
        while True:
            try:
                line = await self._stderr.readline()
            except ValueError:
                # Longer than the stream's limit; what was read of it is gone.
                continue
            if not line:
                return
            _worker_log.info("%d: %s", self._process.pid, line.decode(errors="replace").rstrip())


class Pool:
    """Workers, as many as are used at once. How many that may be is the scheduler's business."""

    def __init__(
        self, *, folder: Path, log: Path, resolvers: str = RESOLVERS, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._folder = folder
        self._command = (
            sys.executable, "-m", "mfenvd.daemon.worker", "--resolvers", resolvers, "--log", str(log)
        )  # fmt: skip
        self._idle_seconds = idle_seconds
        self._idle: dict[Worker, asyncio.TimerHandle] = {}
        self._busy: set[Worker] = set()
        self._ending: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many processes there are."""
        return len(self._idle) + len(self._busy)

    async def settle(self, job: Job, report: Callable[[Progress], None]) -> Outcome:
        """A worker's answer to `job`. When cancelled, the worker is killed with everything that it started.

        Raises:
            WorkerDiedError: It ended before it had answered, or could not be started.
        """
        worker = self._take() or await self._start()
        self._busy.add(worker)
        try:
            outcome = await worker.settle(job, report)
        except BaseException:
            worker.kill()
            self._see_off(worker)
            raise
        finally:
            self._busy.discard(worker)
        loop = asyncio.get_running_loop()
        self._idle[worker] = loop.call_later(self._idle_seconds, self._dismiss, worker)
        return outcome

    async def close(self) -> None:
        """Ends all of them; returns when they are gone."""
        for worker in list(self._idle):
            self._dismiss(worker)
        for worker in list(self._busy):
            worker.kill()
        while self._ending:
            await asyncio.gather(*self._ending)

    def _take(self) -> Worker | None:
        while self._idle:
            worker, timer = self._idle.popitem()
            timer.cancel()
            if worker.alive:
                return worker
            self._see_off(worker)
        return None

    async def _start(self) -> Worker:
        starting = asyncio.create_task(Worker.start(self._command, str(self._folder)))
        try:
            # A start that is cancelled half-way would leave a process that nobody knows.
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(self._discard)
            raise
        except OSError as error:
            raise WorkerDiedError(f"it could not be started ({error})") from error

    def _discard(self, starting: asyncio.Task[Worker]) -> None:
        if not starting.cancelled() and starting.exception() is None:
            worker = starting.result()
            worker.kill()
            self._see_off(worker)

    def _dismiss(self, worker: Worker) -> None:
        self._idle.pop(worker).cancel()
        worker.dismiss()
        self._see_off(worker)

    def _see_off(self, worker: Worker) -> None:
        task = asyncio.get_running_loop().create_task(worker.ended())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _how_it_ended(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
