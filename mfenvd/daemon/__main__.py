"""`python -m mfenvd.daemon`: the same as the `mfenvd` command."""

from __future__ import annotations

import sys
from pathlib import Path


def _leave_out_working_folder() -> None:
    """`-m` lets Python look for modules in the working folder first, and a project's files must not be run.

    In a source checkout mfenvd itself may come from there; then it stays.
    """
    here = Path.cwd()
    if sys.path and sys.path[0] in {"", str(here)} and here not in Path(__file__).resolve().parents:
        del sys.path[0]


if __name__ == "__main__":
    _leave_out_working_folder()
    from mfenvd.daemon.main import main

    main()
