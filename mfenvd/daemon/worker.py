"""A process that does one order after another: `python -m mfenvd.daemon.worker`.

Orders come in over stdin, progress and answers go out over what was stdout. When the daemon is gone, so is its
end of stdin, and the worker ends at once with everything that it started.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, NoReturn

import msgspec

from mfenvd.daemon.findings import resolving_failed, warming_failed
from mfenvd.daemon.frames import (
    ORDERS,
    Done,
    Fetch,
    Fetched,
    Found,
    LookUp,
    Order,
    Refresh,
    Refreshed,
    Reply,
    Reported,
    Tidied,
    Tidy,
    Warm,
    Warmed,
    frame,
    read_frame,
)
from mfenvd.daemon.pipes import take_pipes
from mfenvd.daemon.secrets import hide, scrubbed, secret_values
from mfenvd.daemon.trees import end_own_tree
from mfenvd.daemon.wheel_lookup import SEE_LOG, looked_up
from mfenvd.domain.job import Job
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.resolver import Progress, Resolver
from mfenvd.domain.state import State
from mfenvd.domain.warming import Warmer, WarmTask, Warmth
from mfenvd.engine import Engine

_NICENESS = 5
"""Behind the user's own programs, ahead of batch work."""

_PROGRESS_EVERY = 0.02
"""Seconds: a resolver that reports each of a thousand files must not keep the daemon busy."""

_log = logging.getLogger(__name__)

Resolvers = Callable[[], Mapping[Kind, Resolver]]
WarmerFactory = Callable[[], Warmer]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Works until stdin ends."""
    parser = argparse.ArgumentParser(prog="mfenvd.daemon.worker", description="Resolves what mfenvd hands it.")
    parser.add_argument("--resolvers", required=True, metavar="MODULE:FUNCTION", help="what makes the resolvers")
    parser.add_argument("--warmer", metavar="MODULE:FUNCTION", help="what makes the warmer; none without")
    parser.add_argument("--log", required=True, help="the log that a finding refers to")
    parser.add_argument("--early", action="store_true", help="there is no work for it yet: it gets ready for some")
    parser.add_argument("--niceness", type=int, default=_NICENESS, help="how far it gives way to other programs")
    options = parser.parse_args(arguments)
    orders, replies = take_pipes()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    with contextlib.suppress(AttributeError, OSError):
        os.nice(options.niceness)
    make_resolvers: Resolvers = _load(options.resolvers)
    make_warmer: WarmerFactory | None = _load(options.warmer) if options.warmer else None
    engine = Engine(make_resolvers(), make_warmer() if make_warmer else None)
    Worker(orders, replies, engine, options.log, begins_idle=options.early).run()


class Worker:
    """Takes orders from one pipe and answers on another."""

    def __init__(
        self, orders: BinaryIO, replies: BinaryIO, engine: Engine, log: str, *, begins_idle: bool = False
    ) -> None:
        self._orders = orders
        self._replies = replies
        self._engine = engine
        self._log = log
        self._begins_idle = begins_idle
        self._waiting: queue.SimpleQueue[Order] = queue.SimpleQueue()

    def run(self) -> NoReturn:
        threading.Thread(target=self._receive, daemon=True).start()
        if self._begins_idle:
            self._engine.load()
        while True:
            self._send(frame(self._reply(self._waiting.get())))

    def _receive(self) -> NoReturn:
        try:
            while (content := read_frame(self._orders)) is not None:
                self._waiting.put(ORDERS.decode(content))
        except msgspec.DecodeError:
            _log.exception("an order was not understood; was mfenv updated while mfenvd runs?")
        end_own_tree()

    def _reply(self, order: Order) -> Reply:
        if isinstance(order, Refresh):
            return self._refreshed(order)
        if isinstance(order, Tidy):
            return self._tidied(order)
        if isinstance(order, LookUp):
            return self._found(order)
        if isinstance(order, Fetch):
            return self._fetched(order)
        return self._warmed(order.task) if isinstance(order, Warm) else self._answer(order.job)

    def _warmed(self, task: WarmTask) -> Warmed:
        secrets = secret_values(task.context.surroundings)
        try:
            warmth = self._engine.warm(task, self._reporter(secrets))
        except Exception as error:  # noqa: BLE001 - becomes the environment's finding
            _log.exception("making %s ready failed", task.identity.id)
            failure = warming_failed(task.identity, error, self._log)
            warmth = Warmth(State.RESOLVED, (failure,), passing=True)
        shown = scrubbed(Outcome(findings=warmth.findings), secrets).findings
        return Warmed(msgspec.structs.replace(warmth, findings=shown))

    def _answer(self, job: Job) -> Done:
        secrets = secret_values(job.context.surroundings)
        try:
            outcome = self._engine.settle(job, self._reporter(secrets))
        except Exception as error:  # noqa: BLE001 - becomes the job's finding
            _log.exception("resolving %s for %s failed", job.request.id, job.target)
            outcome = Outcome(findings=(resolving_failed(job, error, self._log),), failed=True)
        return Done(scrubbed(outcome, secrets))

    def _refreshed(self, order: Refresh) -> Refreshed:
        return Refreshed(self._engine.refresh(order.kind, order.work, order.context))

    def _fetched(self, order: Fetch) -> Fetched:
        try:
            self._engine.fetch(order.task)
        except Exception:  # noqa: BLE001 - what it comes to is seen when the environment is made
            _log.exception("fetching ahead for %s failed", order.task.identity.id)
        return Fetched()

    def _tidied(self, order: Tidy) -> Tidied:
        try:
            self._engine.tidy(order.context, removes=order.removes)
        except Exception:  # noqa: BLE001 - nobody waits for it, and it is tried again
            _log.exception("tidying up failed")
        return Tidied()

    def _found(self, order: LookUp) -> Found:
        secrets = secret_values(order.surroundings)
        try:
            found = looked_up(order)
        except Exception as error:  # noqa: BLE001 - becomes the answer
            _log.exception("looking up %s failed", order.package)
            found = Found(refusal=f"Looking up {order.package} failed ({type(error).__name__}).", fix=SEE_LOG)
        return msgspec.structs.replace(
            found, refusal=hide(found.refusal, secrets), fix=found.fix and hide(found.fix, secrets)
        )

    def _reporter(self, secrets: Sequence[str]) -> Callable[[Progress], None]:
        last = Progress("")
        sent = 0.0

        def report(progress: Progress) -> None:
            nonlocal last, sent
            now = time.monotonic()
            if progress.stage == last.stage and now - sent < _PROGRESS_EVERY:
                return
            last, sent = progress, now
            shown = msgspec.structs.replace(progress, stage=hide(progress.stage, secrets))
            self._send(frame(Reported(shown)))

        return report

    def _send(self, content: bytes) -> None:
        try:
            self._replies.write(content)
            self._replies.flush()
        except BrokenPipeError:
            end_own_tree()


def _load(name: str) -> Any:
    """The function that `module:function` names."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


if __name__ == "__main__":
    main()
