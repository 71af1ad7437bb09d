"""`python -m mfenvd.daemon`: the same as the `mfenvd` command."""

from __future__ import annotations

import os
import sys


def _leave_out_working_folder() -> None:
    """`-m` lets Python look for modules in the working folder first, and a project's files must not be run.

    In a source checkout mfenvd itself may come from there; then it stays. Only what Python has loaded for itself
    is used here: another import might be the project's already.
    """
    here = os.getcwd()  # noqa: PTH109
    if sys.path and sys.path[0] in {"", here} and not __file__.startswith(here + os.sep):
        del sys.path[0]


if __name__ == "__main__":
    _leave_out_working_folder()
    from mfenvd.daemon.main import main

    main()
