"""What conda-lock runs in place of conda: prints the solution that py-rattler found before, one per subdir.

conda-lock 4 asks for `--version`, then runs `create --prefix P --dry-run --json --override-channels --channel C…
SPEC…` with the subdir in CONDA_SUBDIR and reads FETCH from the answer. It would only go on to ask for the folders of
unpacked packages (`info --json`, `config --json list pkgs_dirs`) if there were packages to link that are not among
those to fetch.

Run as a file, by a Python of any kind: imports nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ANSWERS = "MFENV_CONDA_ANSWERS"
"""Variable with the folder of the solutions, `SUBDIR.json` each."""

VERSION = "conda 24.1.0"
"""Of the conda whose answers these are like; conda-lock has its own ways with mambas alone."""


def answer(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[str, int]:
    """What to print, and the exit status."""
    if "--version" in arguments:
        return VERSION, 0
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    if command == "create" and {"--dry-run", "--json"} <= set(arguments):
        solution = Path(environ.get(ANSWERS, ""), f"{environ.get('CONDA_SUBDIR')}.json")
        if solution.is_file():
            return solution.read_text("utf-8"), 0
        return _error(f"there is no solution for {environ.get('CONDA_SUBDIR')}")
    if command in {"config", "info"} and "--json" in arguments:
        return json.dumps({"pkgs_dirs": [environ.get("CONDA_PKGS_DIRS", "")]}), 0
    return _error(f"not a command that mfenv stands in for: {' '.join(arguments)}")


def _error(message: str) -> tuple[str, int]:
    return json.dumps({"success": False, "message": message}), 1


if __name__ == "__main__":
    text, status = answer(sys.argv[1:], os.environ)
    sys.stdout.write(text + "\n")
    sys.exit(status)
