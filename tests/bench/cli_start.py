"""How long `mfenv` takes to say something, against a bare `python -c pass`: `python -m tests.bench.cli_start`.

Prints the fastest and the median of ten runs each. Nothing here fails: it is for reading.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support import samples
from tests.support.fake_daemon import running_fake_daemon

RUNS = 10
_MFENV = "from mfenvd.cli.main import main; main()"


def milliseconds(arguments: list[str], environ: dict[str, str]) -> list[float]:
    took = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], env=environ, capture_output=True, check=False, timeout=60)
        took.append((time.perf_counter() - began) * 1000)
    return took


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        root = home / "flows"
        samples.write_sample_project(root)
        environ = {**os.environ, "MFENV_HOME": str(home)}
        with running_fake_daemon(home / "run" / "mfenvd.sock", samples.status(root)):
            for name, arguments in (
                ("python -c pass", ["-c", "pass"]),
                ("mfenv status", ["-c", _MFENV, "status"]),
                ("mfenv status --json", ["-c", _MFENV, "status", "--json"]),
                ("mfenv --help", ["-c", _MFENV, "--help"]),
                ("mfenv version", ["-c", _MFENV, "version"]),
            ):
                took = milliseconds(arguments, environ)
                print(f"{name:22} {min(took):6.0f} ms fastest {statistics.median(took):6.0f} ms median")


if __name__ == "__main__":
    main()
