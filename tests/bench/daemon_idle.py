"""What the daemon costs while nothing happens.

    python -m tests.bench.daemon_idle [--flows 50] [--seconds 60]

Registers a generated project, changes 40 flows at once as switching a branch does, waits until everything is settled,
the other processes have ended and the watch has calmed down, then prints memory, processor and wake-ups. Takes some
four minutes more than `--seconds`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from mfenvd.daemon.readers import IDLE_SECONDS
from mfenvd.daemon.watch import ACTIVE_SECONDS
from tests.bench.daemon_support import MeasuredDaemon, measured_daemon

BURST = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flows", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with measured_daemon() as daemon:
        daemon.write_flows(options.flows)
        daemon.register()
        daemon.wait(lambda: daemon.is_settled)
        print_memory(daemon, f"settled, {options.flows} flows")
        for number in range(min(BURST, options.flows)):
            flow = daemon.root / f"flow{number}.py"
            flow.write_text(flow.read_text().replace("package", "other"))
        time.sleep(1)
        daemon.wait(lambda: daemon.is_settled)
        print_memory(daemon, f"{BURST} flows changed")
        daemon.wait(lambda: not daemon.process.children())
        time.sleep(max(0.0, ACTIVE_SECONDS - IDLE_SECONDS) + 5)
        measure(daemon, options.seconds)


def measure(daemon: MeasuredDaemon, seconds: float) -> None:
    switches, cpu, began = switches_of(daemon), daemon.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    woken = switches_of(daemon) - switches
    print_memory(daemon, "idle")
    print(f"processor {(daemon.cpu_seconds() - cpu) / took:6.2%} of a core over {took:.0f} s")
    print(f"wake-ups  {woken / took:6.1f} per second")


def print_memory(daemon: MeasuredDaemon, moment: str) -> None:
    memory = daemon.process.memory_full_info()
    print(f"{moment}: {memory.rss / 2**20:.1f} MiB resident, {memory.uss / 2**20:.1f} MiB its own", flush=True)


def switches_of(daemon: MeasuredDaemon) -> int:
    """Times that a thread of the daemon waited for something: of all threads on Linux, of one elsewhere."""
    tasks = list(Path(f"/proc/{daemon.process.pid}/task").glob("*/status"))
    if not tasks:
        return int(daemon.process.num_ctx_switches().voluntary)
    lines = [line for task in tasks for line in task.read_text().splitlines() if line.startswith("voluntary_ctxt")]
    return sum(int(line.split()[1]) for line in lines)


if __name__ == "__main__":
    main()
