"""What the dashboard costs: first picture, memory, processor and answers to keys, with many environments.

    python -m tests.bench.tui_load [--rows 1000] [--events 100] [--seconds 15]

Runs `mfenv-tui` in a terminal of its own (140 x 45) against a daemon that only speaks the contract, and prints
what was measured; the first picture beside that of an app of Textual's that shows one word. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from functools import partial
from pathlib import Path

import psutil
from typing_extensions import Self

from mfenvd.domain.arch import Arch
from mfenvd.domain.event import ProjectInfo, ResolveProgress, Status, VerdictChanged
from mfenvd.domain.resolver import Progress
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.domain.verdict import Verdict
from tests.support.fake_daemon import FakeDaemon, empty_status, running_fake_daemon

WIDTH, HEIGHT = 140, 45
ROOT = "/projects/flows"
OURS = "from mfenv_tui.main import main; main()"
BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("mfenv")
Bare().run()
"""
DOWN, RIGHT = b"\x1b[B", b"\x1b[C"
STEPS_PER_FLOW = 5
MIB = 2**20
SLOW = (5, 10)
"""KiB per second that a bad line to a distant machine carries."""

_TICK = 0.02


class Screen:
    """A terminal with the dashboard in it, read from a thread of its own; a context manager."""

    def __init__(self, home: Path, code: str = OURS, rate: float | None = None) -> None:
        """`rate`: bytes per second that the terminal takes, as over a slow line; None takes all at once."""
        self._rate = rate
        self.started = time.perf_counter()
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        environ = {**os.environ, "MFENV_HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        command = [sys.executable, "-c", code]
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True
        )
        os.close(slave)
        self.bytes = 0
        self._told = b""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        # It would go on with the next terminal that gets the same number.
        self._reader.join()
        os.close(self.master)

    def wait_for(self, text: str, limit: float = 30.0) -> float:
        """The time at which `text` was written, looking from the last `forget` on."""
        deadline = time.perf_counter() + limit
        with self._news:
            while text.encode() not in self._told:
                if not self._news.wait(deadline - time.perf_counter()):
                    raise TimeoutError(f"{text!r} was not shown within {limit:g} s: {self._state()}")
            return time.perf_counter()

    def forget(self) -> None:
        with self._news:
            self._told = b""

    def press(self, key: bytes) -> None:
        os.write(self.master, key)

    def _state(self) -> str:
        """Why nothing more may have come, for who looks into it."""
        code = self.process.poll()
        lives = "it still runs" if code is None else f"it ended with {code}"
        return f"{lives}, {self.bytes} bytes were written, at last {self._told[-500:]!r}"

    def _read(self) -> None:
        most = 65536 if self._rate is None else max(1, int(self._rate * _TICK))
        while True:
            if self._rate is not None:
                time.sleep(_TICK)
            try:
                chunk = os.read(self.master, most)
            except OSError:  # the terminal is gone with the dashboard
                return
            with self._news:
                self.bytes += len(chunk)
                self._told += chunk
                self._news.notify_all()


def verdict(row: int, arch: Arch, state: State = State.RESOLVED) -> Verdict:
    flow = row // STEPS_PER_FLOW
    return Verdict(
        source=f"{ROOT}/flow_{flow:04}.py",
        flow=f"Flow{flow:04}",
        step=f"step_{row:05}",
        env=f"{row:012x}",
        target=Target(arch, "3.11"),
        reasons=("archs in mfenv.toml",),
        state=state,
        kind="pypi",
    )


def status(socket: Path, rows: int) -> Status:
    described = empty_status(socket)
    return Status(
        daemon=described.daemon,
        projects=(ProjectInfo(root=ROOT, trusted=False, cwd=ROOT, flows=rows // STEPS_PER_FLOW),),
        verdicts=tuple(verdict(row, arch) for row in range(rows) for arch in Arch),
        seq=1,
    )


def tell(daemon: FakeDaemon, rows: int, rate: int, until: threading.Event) -> None:
    """`rate` events per second: resolves that start, go on and end, all over the table."""
    choose = random.Random(7)  # noqa: S311 - nothing secret
    due = time.perf_counter()
    while not until.is_set():
        row, arch, kind = choose.randrange(rows), choose.choice(list(Arch)), choose.random()
        if kind < 0.6:
            progress = Progress("reading metadata", choose.randrange(60), 60)
            daemon.publish(partial(ResolveProgress, ids=(verdict(row, arch).id,), progress=progress))
        else:
            state = State.RESOLVING if kind < 0.8 else State.RESOLVED
            daemon.publish(partial(VerdictChanged, verdict=verdict(row, arch, state)))
        due += 1 / rate
        time.sleep(max(0.0, due - time.perf_counter()))


def answer_times(screen: Screen, keys: int, limit: float = 30.0) -> list[float]:
    """Seconds from a press of Down to the next environment's name above the findings."""
    screen.press(RIGHT)
    screen.press(RIGHT)
    times = []
    for row in range(1, keys + 1):
        time.sleep(0.137)
        screen.forget()
        pressed = time.perf_counter()
        screen.press(DOWN)
        times.append(screen.wait_for(f"step_{row:05} · ", limit) - pressed)
    return times


def used(process: psutil.Process, seconds: float) -> float:
    """Share of one core."""
    before = sum(process.cpu_times()[:2])
    time.sleep(seconds)
    return (sum(process.cpu_times()[:2]) - before) / seconds


def first_pictures(home: Path, times: int = 5) -> None:
    """Seconds from the start to the first word on the screen, and of processor until then; the best of several."""
    best: dict[str, tuple[float, float]] = {}
    for _ in range(times):
        for code in (BARE, OURS):
            with Screen(home, code) as screen:
                shown = screen.wait_for("mfenv") - screen.started
                spent = sum(psutil.Process(screen.process.pid).cpu_times()[:2])
            before = best.get(code, (shown, spent))
            best[code] = (min(before[0], shown), min(before[1], spent))
    (bare, bare_spent), (ours, ours_spent) = best[BARE], best[OURS]
    print(f"first picture           {ours:7.3f} s, {ours_spent:.2f} s of processor (best of {times})")
    print(f"                        {ours / bare:7.2f} x, {ours_spent / bare_spent:.2f} x that of a bare Textual app")


def measure(rows: int, rate: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="mfenv-bench-") as folder:
        home = Path(folder)
        socket = home / "run" / "mfenvd.sock"
        first_pictures(home)
        with running_fake_daemon(socket, status(socket, rows)) as daemon, Screen(home) as screen:
            process = psutil.Process(screen.process.pid)
            print(f"{rows} rows x {len(Arch)} archs shown {screen.wait_for('step_00000') - screen.started:7.3f} s")
            time.sleep(3)
            print(f"memory                  {process.memory_info().rss / MIB:7.1f} MiB")
            print(f"processor when idle     {used(process, 5):7.1%} of a core")
            ended = threading.Event()
            teller = threading.Thread(target=tell, args=(daemon, rows, rate, ended), daemon=True)
            teller.start()
            before = screen.bytes
            print(f"processor at {rate} events/s {used(process, seconds):6.1%} of a core")
            written = (screen.bytes - before) / seconds
            print(f"written to the terminal {written / 1024:7.1f} KiB/s, {written / rate:.0f} bytes/event")
            times = answer_times(screen, 40)
            ended.set()
            teller.join()
            print(f"memory afterwards       {process.memory_info().rss / MIB:7.1f} MiB")
            print(f"keys answered within    {1000 * statistics.quantiles(times, n=20)[-1]:7.1f} ms (95th percentile)")
            print(f"                        {1000 * statistics.median(times):7.1f} ms (median)")
            screen.press(b"q")
            screen.process.wait(10)
        measure_slow_lines(home, socket, rows, rate)


def measure_slow_lines(home: Path, socket: Path, rows: int, rate: int) -> None:
    """What a key costs when nothing else happens, and answers to keys over a slow line while `rate` events/s come."""
    with running_fake_daemon(socket, status(socket, rows)) as daemon:
        with Screen(home) as screen:
            screen.wait_for("step_00000")
            time.sleep(2)
            before, keys = screen.bytes, 20
            answer_times(screen, keys)
            print(f"written per key         {(screen.bytes - before) / keys:7.0f} bytes")
        for kib in SLOW:
            with Screen(home, rate=kib * 1024) as screen:
                screen.wait_for("step_00000", limit=60)
                ended = threading.Event()
                teller = threading.Thread(target=tell, args=(daemon, rows, rate, ended), daemon=True)
                teller.start()
                time.sleep(10)
                times = answer_times(screen, 10, limit=60)
                ended.set()
                teller.join()
                print(f"keys answered at {kib:2} KiB/s {1000 * statistics.median(times):7.0f} ms (median)")
                print(f"                        {1000 * times[0]:7.0f} ms (first), {1000 * times[-1]:.0f} ms (last)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--events", type=int, default=100, help="per second")
    parser.add_argument("--seconds", type=float, default=15)
    chosen = parser.parse_args()
    measure(chosen.rows, chosen.events, chosen.seconds)


if __name__ == "__main__":
    main()
