"""What a save costs, and whether the daemon answers meanwhile.

    python -m tests.bench.save_latency [--flows 1000] [--saves 30]

Prints, over a generated project: how long `status` takes while all of it is read and resolved, the time from a
save to the daemon's word that it is settled, and the processor time that such a save takes in the
daemon and its reader.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from mfenvd.domain.event import AnyEvent, Settled, VerdictChanged
from tests.bench.daemon_support import MeasuredDaemon, measured_daemon


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flows", type=int, default=1000)
    parser.add_argument("--saves", type=int, default=30)
    options = parser.parse_args()
    with measured_daemon() as daemon:
        daemon.write_flows(options.flows)
        answers_while_settling(daemon, options.flows)
        daemon.wait(lambda: daemon.is_settled)
        saves(daemon, options.saves, "a save that changes nothing", lambda number: f"# remark {number}\n", Settled)
        saves(daemon, options.saves, "a save that adds a flow", _another_flow, VerdictChanged)


def answers_while_settling(daemon: MeasuredDaemon, flows: int) -> None:
    took = []
    began = time.monotonic()
    daemon.register()
    read = None
    while True:
        before = time.perf_counter()
        status = daemon.connection.status(project="/")
        took.append((time.perf_counter() - before) * 1000)
        if read is None and not status.projects[0].reading:
            read = time.monotonic() - began
        if read is not None and not (status.daemon.running or status.daemon.queued):
            break
        time.sleep(0.01)
    took.sort()
    print(f"{flows} flows: read after {read:.2f} s, settled after {time.monotonic() - began:.1f} s")
    print(
        f"status meanwhile: median {statistics.median(took):.1f} ms, 99% {took[int(len(took) * 0.99)]:.1f} ms, "
        f"longest {took[-1]:.1f} ms of {len(took)}"
    )


def _another_flow(number: int) -> str:
    step = "    @pypi(python='3.11', packages={'other': '@git+https://example.com/other.git'})\n    @step\n"
    return f"class Added{number}(FlowSpec):\n{step}    def start(self):\n        pass\n"


def saves(daemon: MeasuredDaemon, count: int, title: str, added: Callable[[int], str], kind: type[AnyEvent]) -> None:
    """Appends to a flow `count` times; how long until an event of `kind`, and what it took in the daemon."""
    flow = daemon.root / "flow0.py"
    original = flow.read_text()
    took, cpu = [], []
    with daemon.connection.events() as events:
        next(events)
        for number in range(count):
            spent, began = daemon.cpu_seconds(), time.monotonic()
            flow.write_text(original + added(number))
            while not isinstance(event := next(events), kind):
                pass
            took.append((time.monotonic() - began) * 1000)
            while not isinstance(event, Settled):
                event = next(events)
            cpu.append((daemon.cpu_seconds() - spent) * 1000)
    print(
        f"{title}: told after {statistics.median(took):.0f} ms (longest {max(took):.0f} ms), "
        f"{statistics.mean(cpu):.0f} ms of processor in the daemon and its reader"
    )


if __name__ == "__main__":
    main()
