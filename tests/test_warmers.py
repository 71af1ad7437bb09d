"""What is not even begun: environments of sources that only a project names which is not trusted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.identity import Identity
from mfenvd.domain.request import CondaPart, Kind, Request
from mfenvd.domain.resolution import Resolution
from mfenvd.domain.resolver import Context
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.domain.warming import WarmTask
from mfenvd.warm.core.manifest import manifest_path
from mfenvd.warmers import metaflow_warmer

_LIGHT = """
import sys
from mfenvd.warmers import metaflow_warmer
warmer = metaflow_warmer()
heavy = {"rattler", "mfenvd.store.archives", "mfenvd.warm.core.warmer"}
assert heavy.isdisjoint(sys.modules), heavy.intersection(sys.modules)
warmer.load()
assert heavy <= sys.modules.keys(), heavy.difference(sys.modules)
"""


def test_what_only_resolves_does_not_load_the_store_and_what_waits_for_work_does() -> None:
    done = subprocess.run([sys.executable, "-c", _LIGHT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def task(folder: Path, *channels: str) -> WarmTask:
    """For another platform than this machine's: it takes a manifest, and nothing is linked."""
    identity = Identity(
        "0123456789abcde", "Flow", "3.11", "win-64", "win-64", {"python": ""}, None, "local", "root",
        str(folder / ".metaflow"),
    )  # fmt: skip
    request = Request(Kind.CONDA, "3.11", conda=CondaPart((("python", "=3.11"),), channels))
    surroundings = Surroundings(str(folder), environ={"HOME": str(folder), "PATH": "/nowhere"})
    context = Context(str(folder / "cache"), surroundings, str(folder), "linux-64")
    resolution = Resolution(request.key, Target(Arch.WIN_64, "3.11"), ())
    return WarmTask(identity, {"win-64": resolution}, None, context, requests=(request,))


@pytest.mark.parametrize("channels", [("conda-forge",), ("team", "conda-forge")])
@pytest.mark.parametrize("trusted", [False, True])
def test_a_channel_that_only_a_project_names_counts_once_the_project_is_trusted(
    tmp_path: Path, channels: tuple[str, ...], trusted: bool
) -> None:
    asked = task(tmp_path, *channels)
    asked = msgspec.structs.replace(asked, context=msgspec.structs.replace(asked.context, trusted=trusted))
    warmth = metaflow_warmer().warm(asked, lambda _: None)
    begun = trusted or "team" not in channels
    assert manifest_path(str(tmp_path / ".metaflow"), "Flow").exists() == begun
    told = [finding for finding in warmth.findings if finding.code == Code.FOREIGN_SOURCE]
    assert [finding.data["places"] for finding in told] == ([] if begun else [["team"]])
