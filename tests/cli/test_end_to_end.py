"""The commands over the real daemon, the real readers and resolvers, and an index on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mfenvd.domain.codes import Code
from tests.support.index_server import IndexServer
from tests.support.wheels import sdist, wheel

FLOW = """\
from metaflow import FlowSpec, batch, pypi, step


class DemoFlow(FlowSpec):
    @pypi(packages={"app": "1.0"}, python="3.11")
    @step
    def start(self):
        self.next(self.end)

    @batch(image="amazonlinux:2")
    @pypi(packages={"fast": "2.0"}, python="3.11")
    @step
    def end(self):
        pass
"""


class Session:
    """A project and a shell in which `mfenv` is run as a process."""

    def __init__(self, folder: Path, index: IndexServer) -> None:
        self.root = folder / "project"
        self.root.mkdir()
        (self.root / "flow.py").write_text(FLOW)
        (self.root / "mfenv.toml").write_text('archs = ["linux-64", "osx-arm64"]\n')
        # A short path: sockets are limited.
        self._home = tempfile.TemporaryDirectory(prefix="mfenv")
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
        self.environ = {
            **kept,
            "HOME": self._home.name,
            "MFENV_HOME": self._home.name,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": index.url,
            "CONDA_CHANNELS": f"{index.url}/no-channel",
            "AWS_SECRET_ACCESS_KEY": "hunter2hunter2",
        }

    def mfenv(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-c", "from mfenvd.cli.main import main; main()", *arguments]
        return subprocess.run(
            argv, cwd=self.root, env=self.environ, capture_output=True, text=True, check=False, timeout=90
        )

    def json(self, *arguments: str) -> Any:
        ended = self.mfenv(*arguments, "--json")
        assert ended.stdout, ended.stderr
        return json.loads(ended.stdout)

    def close(self) -> None:
        self.mfenv("down", "--force")
        self._home.cleanup()


@pytest.fixture(scope="module")
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        server.add(
            wheel("requests", "2.32.0", requires=["idna"]),
            wheel("idna", "3.10"),
            wheel("app", "1.0", requires=["lib>=2"]),
            wheel("lib", "2.1"),
            wheel("fast", "1.9", "cp311-cp311-manylinux_2_17_x86_64"),
            wheel("fast", "2.0", "cp311-cp311-manylinux_2_28_x86_64"),
            wheel("fast", "2.0", "cp311-cp311-macosx_11_0_arm64"),
            sdist("fast", "2.0"),
            sdist("sources", "1.0"),
        )
        yield server


@pytest.fixture
def session(tmp_path: Path, index: IndexServer) -> Iterator[Session]:
    made = Session(tmp_path, index)
    yield made
    made.close()


def states(told: Any) -> dict[tuple[str, str], str]:
    return {(verdict["step"], verdict["target"]["arch"]): verdict["state"] for verdict in told["verdicts"]}


def test_from_up_to_down(session: Session) -> None:
    up = session.mfenv("up")
    assert up.returncode == 0, up.stderr
    assert "✗ glibc" in up.stdout
    assert "error[MFE303]" in up.stdout
    assert "--> flow.py:11:" in up.stdout
    assert "Traceback" not in up.stderr

    status = session.json("status")
    assert states(status)["start", "osx-arm64"] == "resolved"
    assert states(status)["end", "linux-64"] == "blocked"
    assert status["daemon"]["socket"].startswith(session.environ["MFENV_HOME"])
    (project,) = status["projects"]
    assert project["root"] == str(session.root)
    assert project["environ"]["AWS_SECRET_ACCESS_KEY"] == "****"

    assert "requests → idna" in session.mfenv("why", "idna").stdout
    again = session.json("up")
    assert states(again) == states(status)
    assert "app → lib" in session.mfenv("why", "lib").stdout

    assert session.mfenv("trust").stdout == f"{session.root} is trusted.\n"
    assert session.json("status")["projects"][0]["trusted"] is True
    assert "hunter2" not in session.mfenv("logs", "-n", "10000").stdout
    assert session.json("unwatch") == {"unwatched": [str(session.root)]}
    assert session.json("status")["verdicts"] == []
    assert session.mfenv("down").stdout == "mfenvd has stopped.\n"
    assert session.json("status")["daemon"] is None


def test_check_says_the_same_as_the_daemon(session: Session) -> None:
    checked = session.mfenv("check", "--json")
    assert checked.returncode == 1
    one_shot = json.loads(checked.stdout)
    watched = session.json("up")
    for each in watched["verdicts"]:
        del each["settled"]
        # What Metaflow needs besides is for those who run flows here; there is no conda channel in this test.
        each["findings"] = [finding for finding in each["findings"] if finding["code"] != Code.BASE_UNRESOLVED]
    for each in one_shot["verdicts"]:
        del each["settled"]
    assert one_shot["verdicts"] == watched["verdicts"]


def test_resolve_for_another_machine(session: Session) -> None:
    (session.root / "requirements.txt").write_text("app\nfast\n")
    arguments = ("resolve", "-r", "requirements.txt", "--python", "3.11", "--arch", "linux-64", "--glibc")
    old, new = session.json(*arguments, "2.17"), session.json(*arguments, "2.28")
    versions = [
        {package["name"]: package["version"] for package in told["verdicts"][0]["packages"]} for told in (old, new)
    ]
    assert [each["fast"] for each in versions] == ["1.9", "2.0"]
    assert versions[0]["lib"] == "2.1"
    assert old["verdicts"][0]["target"] == {
        "arch": "linux-64", "python": "3.11", "glibc": "2.17", "macos": None, "cuda": None,
    }  # fmt: skip


def test_an_extra_and_a_group_of_a_file_are_resolved_when_they_are_asked_for(session: Session) -> None:
    (session.root / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1"\ndependencies = ["lib"]\n'
        '[project.optional-dependencies]\nnet = ["requests"]\n[dependency-groups]\ndev = ["fast"]\n'
    )
    arguments = ("resolve", "-r", "pyproject.toml", "--python", "3.11", "--arch", "osx-arm64")

    def names(*parts: str) -> set[str]:
        (verdict,) = session.json(*arguments, *parts)["verdicts"]
        return {package["name"] for package in verdict["packages"]}

    assert names() == {"lib"}
    assert names("--extra", "net", "--group", "dev") == {"lib", "requests", "idna", "fast"}
    unused = session.mfenv("resolve", "lib", "--extra", "net")
    assert (unused.returncode, "Add `-r pyproject.toml`." in unused.stderr) == (2, True)


def test_wheels_of_a_package(session: Session) -> None:
    told = session.json("wheels", "fast==2.0", "--python", "3.11")
    (row,) = told["rows"]
    assert row["sdist"] is True
    assert {cell["arch"]: bool(cell["pythons"]) for cell in row["cells"]} == {
        "linux-64": True, "linux-aarch64": False, "osx-64": False, "osx-arm64": True, "win-64": False,
    }  # fmt: skip
    assert "no wheel at all" in session.mfenv("wheels", "sources").stdout
    assert session.mfenv("wheels", "fast==2.0", "--python", "3.9").stdout.count("none") == 5
    unknown = session.mfenv("wheels", "nothing-of-that-name")
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("error: There is no package nothing-of-that-name in ")
    never = session.mfenv("wheels", "fast==99")
    assert never.returncode == 1
    assert "The newest is 2.0;" in never.stderr


def test_plan_resolves_nothing(session: Session, index: IndexServer) -> None:
    before = len(index.log.paths())
    plan = session.json("plan")
    assert len(index.log.paths()) == before
    start, end = plan["steps"]
    assert start["packages"] == {"conda": {}, "pypi": {"app": "1.0"}}
    assert end["remote"] == ["batch"]
    assert list(start)[:5] == ["source", "flow", "step", "env", "kind"]
    assert "@batch" in session.mfenv("plan", "flow.py").stdout


def test_a_variable_that_a_requirements_file_uses_is_handed_over_and_never_shown(session: Session) -> None:
    """Whatever it is called: `CORP_LOGIN` does not look like a secret."""
    with IndexServer(credentials=("me", "hush-hush")) as private:
        private.add(wheel("ours", "1.0"))
        folder = session.root / "reqs"
        folder.mkdir()
        address = private.url.replace("://", "://me:${CORP_LOGIN}@")
        (folder / "ours.txt").write_text(f"--index-url {address}\nours\n")
        (session.root / "flow.py").unlink()
        (session.root / "mfenv.toml").write_text('[envs.ours]\nrequirements = "reqs/ours.txt"\narchs = ["osx-arm64"]\n')
        session.environ["CORP_LOGIN"] = "hush-hush"

        up, checked = session.json("up"), session.json("check")
        resolved = session.json("resolve", "-r", "reqs/ours.txt", "--arch", "osx-arm64", "--python", "3.11")
        status = session.mfenv("status", "--json").stdout

    for told in (up, checked, resolved):
        assert [[package["name"] for package in each["packages"]] for each in told["verdicts"]] == [["ours"]]
    assert json.loads(status)["projects"][0]["environ"]["CORP_LOGIN"] == "****"
    home = Path(session.environ["MFENV_HOME"])
    shown = [status, json.dumps([up, checked, resolved]), session.mfenv("logs", "-n", "10000").stdout]
    assert not any("hush-hush" in text for text in shown)
    journals = [path for path in home.rglob("*journal*") if path.is_file()]
    assert journals
    assert not any(b"hush-hush" in path.read_bytes() for path in journals)
