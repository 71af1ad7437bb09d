"""`mfenvd run` with the reader and the resolver of `fakes`: `python -m tests.daemon.fake_daemon`."""

from __future__ import annotations

import logging
import os
import sys

from mfenvd.daemon import service
from mfenvd.daemon.process import run
from mfenvd.daemon.service import Options
from mfenvd.paths import find_paths

if __name__ == "__main__":
    # The tests' folder stays importable for the workers, which start elsewhere.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [sys.path[0], os.environ.get("PYTHONPATH")]))
    service.DRAIN_SECONDS = float(os.environ.get("FAKE_DRAIN", service.DRAIN_SECONDS))
    code = run(
        find_paths(),
        Options("tests.daemon.fakes:FakeReader", "tests.daemon.fakes:resolvers", warmer=None),
        lambda line: print(line, flush=True),
        verbose=True,
        to_terminal=False,
    )
    logging.shutdown()
    sys.exit(code)
