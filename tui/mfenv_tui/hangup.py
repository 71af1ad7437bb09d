"""Ends the dashboard when its terminal goes away.

The terminal's SIGHUP reaches only who belongs to it; everybody else would read an end of file over and over.
"""

from __future__ import annotations

import os
import sys
import threading
import time

BETWEEN_LOOKS = 1.0
HUNG_UP = 129
"""The exit code of a program that SIGHUP ended."""


def end_with_terminal() -> None:
    """From now on, ends the process within a second or so once stdin is no terminal any more."""
    if sys.platform != "win32":
        threading.Thread(target=_watch, name="hangup", daemon=True).start()


def _watch() -> None:
    while os.isatty(0):
        time.sleep(BETWEEN_LOOKS)
    # Nothing is left to restore, and nobody to tell.
    os._exit(HUNG_UP)
