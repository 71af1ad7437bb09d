"""Metaflow's own work before the first task of a run, and nothing after it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.support.metaflow_world import World

_START = Path(__file__).with_name("real_start.py")


def starting(flow: str, *arguments: str) -> list[str]:
    """Arguments for Python to start a flow up to the point where its environments are there; `run` by default."""
    return [str(_START), flow, "--environment=pypi", "--no-pylint", *(arguments or ("run",))]


def bootstrap(world: World, flow: str, *arguments: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """Starts a flow so; the paths it would upload to its datastore.

    `world.bootstrapping` says afterwards what Metaflow let micromamba do for that.
    """
    done = world.metaflow(*starting(flow, *arguments), environ=dict(environ or {}))
    return list(json.loads(done.stdout.splitlines()[-1]))
