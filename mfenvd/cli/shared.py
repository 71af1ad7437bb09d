"""Shared environments of the working directory, and how they are listed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.table import Table
from rich.text import Text

from mfenvd.cli.errors import ManifestUnusableError
from mfenvd.cli.terminal import printable
from mfenvd.domain.arch import Arch

if TYPE_CHECKING:
    from mfenvd.shared_environments import SharedEnvironment, SharedEnvironments


class ConfiguredEnvironment(msgspec.Struct, frozen=True):
    """An environment of `[envs.NAME]`; `archs` are empty where the project's count."""

    name: str
    alias: str | None
    archs: tuple[Arch, ...]
    path: str | None


def shared_environments() -> SharedEnvironments:
    """What the manifest holds that Metaflow would use here.

    Raises:
        ManifestUnusableError: It cannot be read.
    """
    from mfenvd.flows.metaflow_config import extension_manifest
    from mfenvd.shared_environments import SharedEnvironments
    from mfenvd.warm.shared_file import ManifestError

    path = extension_manifest(Path.cwd(), metaflow_configuration())
    try:
        return SharedEnvironments(path)
    except ManifestError as error:
        raise ManifestUnusableError(str(path), error.reason) from None


def metaflow_configuration() -> dict[str, str]:
    """What Metaflow goes by in the working directory: this shell's variables, with its configuration files below."""
    from mfenvd.flows.metaflow_config import read_metaflow_config

    return read_metaflow_config(Path.cwd(), os.environ).under(os.environ)


def configured_environments() -> tuple[ConfiguredEnvironment, ...]:
    """What the configuration of the working directory's project names."""
    from mfenvd.flows.project import project_root
    from mfenvd.flows.settings import load_settings
    from mfenvd.paths import find_paths

    settings, _ = load_settings(project_root(Path.cwd()), find_paths())
    return tuple(
        ConfiguredEnvironment(name, one.alias, one.archs, one.origin.path if one.origin else None)
        for name, one in settings.environments.items()
    )


def listing(shared: Sequence[SharedEnvironment], configured: Sequence[ConfiguredEnvironment]) -> Table:
    """A row per environment."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="strong")
    for title in ("environment", "python", "packages", "archs", "resolved"):
        table.add_column(Text(title, style="muted"))
    for one in shared:
        name = "\n".join(one.aliases) or f"{one.request[:12]}:{one.full_id[:12]}"
        resolved = " by ".join(filter(None, [(one.resolved_on or "")[:16].replace("T", " "), one.resolved_by]))
        row = (name, one.python or "", str(one.packages), ", ".join(one.archs), resolved)
        table.add_row(*(Text(printable(cell)) for cell in row))
    for named in configured:
        name = f"{named.name} ({named.alias})" if named.alias else named.name
        table.add_row(Text(printable(name)), "", "", Text(", ".join(named.archs)), Text("in the configuration"))
    return table
