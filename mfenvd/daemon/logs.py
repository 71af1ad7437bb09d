"""The rotating log. Whatever is written to it, tracebacks included, is redacted last."""

from __future__ import annotations

import logging
import logging.handlers
import sys
from collections.abc import Iterable
from pathlib import Path

from mfenvd.daemon.secrets import hide

MAX_BYTES = 2 * 1024 * 1024
KEPT_FILES = 3

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class RedactingFormatter(logging.Formatter):
    """Hides credentials in URLs and every secret that a registered project brought along."""

    def __init__(self, fmt: str) -> None:
        super().__init__(fmt)
        self._secrets: list[str] = []

    def hide(self, values: Iterable[str]) -> None:
        """From now on, each of `values` is hidden wherever it stands."""
        self._secrets = sorted({*values, *self._secrets}, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        return hide(super().format(record), self._secrets)


def set_up(path: Path, *, verbose: bool, to_terminal: bool) -> RedactingFormatter:
    """Logs to `path`, and to stderr when there is somebody to read it; `verbose` tells each step."""
    formatter = RedactingFormatter(_FORMAT)
    handlers: list[logging.Handler] = [
        logging.handlers.RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8")
    ]
    if to_terminal:
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers:
        handler.setFormatter(formatter)
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=handlers, force=True)
    for chatty in ("asyncio", "filelock", "charset_normalizer"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return formatter
