"""Where the `mfenv` command begins: Ctrl-C is as quiet while modules are loaded as it is later."""

from __future__ import annotations

import sys

_INTERRUPTED = 130
"""`ExitCode.INTERRUPTED`, of which nothing is loaded yet."""


def main() -> None:
    """The `mfenv` command."""
    try:
        from mfenvd.cli import main as command
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    command.main()
