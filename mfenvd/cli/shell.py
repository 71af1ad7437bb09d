"""The shell that a command was typed in, as far as the projects that it is about may know it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from mfenvd.client.shell import this_shell
from mfenvd.domain.surroundings import Surroundings
from mfenvd.paths import Paths


def shell_for(paths: Iterable[Path], folders: Paths) -> Surroundings:
    """This shell, with the variables that requirement files use.

    Args:
        paths: Absolute requirement files; flows and folders mean the files that their project's configuration names.
        folders: For the user's own configuration file.
    """
    from mfenvd.flows.project import variables_in

    return this_shell(variables_in(paths, os.environ, folders))
