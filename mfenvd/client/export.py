"""Writes a resolved environment down for other tools, as `mfenv export` does."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mfenvd.client.errors import ClientError
from mfenvd.domain.arch import Arch
from mfenvd.domain.redact import redact

EXPORT_TIMEOUT = 120.0
"""Seconds: what the daemon knows is written at once, but a hash that it does not know is fetched."""


_COMMAND = "import sys; from mfenvd.cli.main import main; sys.exit(main())"


@dataclass(frozen=True)
class Export:
    """What is written.

    Attributes:
        what: `FLOW/STEP`, or the name of a configured environment.
        source: The file that asks for it.
        output: Where to; absolute.
        format: One of those of `mfenv export`; None for the one that suits the packages.
        arch: The only arch; None for all that are resolved.
    """

    what: str
    source: str
    output: Path
    format: str | None = None
    arch: Arch | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """As `mfenv export` takes them."""
        options = ("--format", self.format) if self.format else ()
        archs = ("--arch", self.arch.value) if self.arch else ()
        return (*options, *archs, "--output", str(self.output), "--", self.what, self.source)


class ExportFailedError(ClientError):
    """Nothing was written; in the command's own words."""

    def __init__(self, said: str) -> None:
        message, _, fix = redact(said).strip().removeprefix("error: ").partition("\nfix: ")
        super().__init__(" ".join(message.split()) or "mfenv export failed.", " ".join(fix.split()) or None)


def export(asked: Export) -> str:
    """Write it, whole or not at all; what the command remarked on it, empty for nothing.

    Raises:
        ExportFailedError: It is not resolved, the format cannot hold it, or the file cannot be written.
    """
    command = [sys.executable, "-c", _COMMAND, "export", *asked.arguments]
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=EXPORT_TIMEOUT,
            check=False,
            cwd=sys.prefix,  # Python imports from the working directory first
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportFailedError(f"mfenv export did not run: {type(error).__name__}.") from error
    if ended.returncode:
        raise ExportFailedError(ended.stderr)
    return redact(ended.stderr).strip()
