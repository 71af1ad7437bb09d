"""What `mfenv status` says, of a daemon and without one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from mfenvd.cli.status import duration
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.verdict import Verdict
from mfenvd.resolve.mixed.names import own_names
from tests.cli.conftest import Run
from tests.support.fake_daemon import FakeDaemon


def test_status_without_a_daemon(mfenv: Run) -> None:
    ended = mfenv("status")
    assert (ended.code, ended.out) == (0, "mfenvd is not running.\n")
    assert "mfenv up" in ended.err
    assert json.loads(mfenv("status", "--json").out) == {"daemon": None, "projects": [], "verdicts": []}


def test_status_as_json_has_the_documented_fields(mfenv: Run, daemon: FakeDaemon) -> None:
    told = json.loads(mfenv("status", "--json").out)
    assert told["daemon"]["pid"] == 4242
    assert {"pid", "version", "socket", "uptime"} <= told["daemon"].keys()
    blocked = next(verdict for verdict in told["verdicts"] if verdict["state"] == "blocked")
    assert list(blocked)[:9] == [
        "source", "flow", "step", "env", "target", "reasons", "state", "packages", "findings",
    ]  # fmt: skip
    assert {"arch", "python", "glibc", "macos"} <= blocked["target"].keys()
    assert {"code", "severity", "message", "package", "path", "line", "column", "fix"} <= blocked["findings"][0].keys()
    resolved = told["verdicts"][0]["packages"][0]
    assert {"name", "version", "filename", "url", "sha256", "requires"} <= resolved.keys()
    assert msgspec.convert(told["verdicts"], list[Verdict]) == list(daemon.status.verdicts)


def test_status_for_people(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    ended = mfenv("status")
    assert ended.code == 0
    assert "mfenvd 0.1.0 · pid 4242 · up 1 h 2 min" in ended.out
    assert str(daemon.socket) in ended.out
    assert str(project) in ended.out
    assert "AWS_SECRET_ACCESS_KEY, METAFLOW_PROFILE" in ended.out
    assert "✗ wheel gap" in ended.out
    assert "\x1b" not in ended.out


def test_status_tells_of_which_day_the_names_of_conda_packages_are_where_they_matter(
    mfenv: Run, daemon: FakeDaemon
) -> None:
    assert "names" not in mfenv("status").out
    mixed = tuple(msgspec.structs.replace(verdict, kind="mixed") for verdict in daemon.status.verdicts)
    daemon.status = msgspec.structs.replace(daemon.status, verdicts=mixed)
    assert f"which conda package is which on PyPI, as of {own_names().date}" in mfenv("status").out


def test_status_shows_no_secret(mfenv: Run, daemon: FakeDaemon) -> None:
    assert daemon.status.projects
    assert "AWS_SECRET_ACCESS_KEY=****" in mfenv("status", "--verbose").out


def test_status_may_be_limited_to_paths(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    assert daemon.status.verdicts
    told = json.loads(mfenv("status", "score.py", "--json").out)
    assert {verdict["source"] for verdict in told["verdicts"]} == {str(project / "score.py")}
    assert [each["root"] for each in told["projects"]] == [str(project)]


def test_status_of_paths_tells_what_is_wrong_with_them_and_with_what_they_all_depend_on(
    mfenv: Run, daemon: FakeDaemon, project: Path
) -> None:
    (watched,) = daemon.status.projects
    places = {"MFE103": "other.py", "MFE101": "score.py", "MFE204": "mfenv.toml"}
    wrong = tuple(Finding(code, Severity.ERROR, "Wrong.", path=str(project / name)) for code, name in places.items())
    projects = (msgspec.structs.replace(watched, findings=wrong),)
    daemon.status = msgspec.structs.replace(daemon.status, projects=projects)
    (told,) = json.loads(mfenv("status", "score.py", "--json").out)["projects"]
    assert [each["code"] for each in told["findings"]] == ["MFE101", "MFE204"]


def test_status_of_a_watched_folder_that_is_gone(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    project.rename(project.with_name("moved"))
    assert len(json.loads(mfenv("status", str(project), "--json").out)["projects"]) == 1
    assert mfenv("status", str(project.with_name("never"))).code == 2


def test_the_quick_way_to_status_and_the_usual_one_say_the_same(
    mfenv: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = mfenv("status", "--json", "-v").out
    monkeypatch.setattr("mfenvd.cli.main._STATUS_FLAGS", frozenset())
    assert mfenv("status", "--json", "-v").out == quick
    assert len(json.loads(quick)["verdicts"]) == len(daemon.status.verdicts)


def test_status_loads_neither_typer_nor_rich_nor_any_room(project: Path) -> None:
    code = (
        "import sys; from mfenvd.cli.main import run; run(['status', '--json']); "
        "sys.stderr.write(' '.join(name for name in sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=project, timeout=20
    )
    loaded = set(ended.stderr.split())
    assert not loaded & {
        "typer",
        "rich",
        "asyncio",
        "aiohttp",
        "textual",
        "mfenvd.engine",
        "mfenvd.flows",
        "mfenvd.resolve",
    }


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min"), (3725, "1 h 2 min"), (90_000, "1 d 1 h")],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected
