"""The chains from what was asked for to a package."""

from __future__ import annotations

import json

import msgspec

from mfenvd.domain.words import Tone, tone
from tests.cli.conftest import Run
from tests.support.fake_daemon import FakeDaemon


def test_why_shows_the_chains_from_the_daemons_verdicts(mfenv: Run, daemon: FakeDaemon) -> None:
    assert daemon.status.verdicts
    assert mfenv("why", "UrlLib3").out == (
        "urllib3 2.5.0\n  requests → urllib3\n    TrainFlow · start  linux-64, osx-arm64, osx-64\n"
    )
    uses = json.loads(mfenv("why", "numpy", "--json").out)["uses"]
    resolved = [use for use in uses if use["version"]]
    assert {tuple(map(tuple, use["chains"])) for use in resolved} == {(("pyarrow", "numpy"),)}
    blocked = [use for use in uses if not use["version"]]
    assert {tuple(map(tuple, use["chains"])) for use in blocked} == {(("pandas", "numpy"),)}


def test_why_of_a_package_that_is_not_there_offers_near_names(mfenv: Run, daemon: FakeDaemon) -> None:
    assert daemon.status.verdicts
    ended = mfenv("why", "request")
    assert ended.code == 1
    assert ended.err == "error: request is in none of 5 resolved environments.\nfix: Did you mean `requests`?\n"


def test_why_cannot_tell_where_environments_could_not_be_resolved(mfenv: Run, daemon: FakeDaemon) -> None:
    ended = mfenv("why", "zarr")
    assert (ended.code, ended.err.splitlines()[1]) == (3, "fix: Others are not resolved: `mfenv check` says why.")
    told = [verdict for verdict in daemon.status.verdicts if tone(verdict) is not Tone.UNKNOWN]
    daemon.status = msgspec.structs.replace(daemon.status, verdicts=tuple(told))
    assert mfenv("why", "zarr").code == 1


def test_why_of_what_is_no_name(mfenv: Run) -> None:
    assert mfenv("why", "not a name").code == 2
