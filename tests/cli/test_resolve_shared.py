"""`mfenv resolve` in a project with metaflow-netflixext: written where the extension reads it, under its own ids."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mfenvd.warm.netflixext import asking
from tests.cli.conftest import Run
from tests.support.extension_world import ARCHS, ExtensionWorld, extension_world
from tests.support.wheels import wheel
from tests.warm.netflixext.extension import python_with_extension

# conda-lock's own.
pytestmark = [
    pytest.mark.metaflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"),
]

EVERY_ARCH = [part for arch in ARCHS for part in ("--arch", arch)]
ON_LINUX = ["--arch", "linux-64"]
Entries = dict[tuple[str, str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExtensionWorld]:
    """One for all tests: each has names and requirements of its own."""
    python = python_with_extension(tmp_path_factory.getbasetemp().parent)
    wheels = [wheel("demo", "2.0", requires=["helper>=1"])]
    with extension_world(tmp_path_factory.mktemp("machine"), python, wheels=wheels) as world:
        world.write("requirements.txt", "demo==1.0\n")
        world.write("newer.txt", "demo==2.0\n")
        yield world


@pytest.fixture
def here(machine: ExtensionWorld, mfenv: Run, monkeypatch: pytest.MonkeyPatch) -> ExtensionWorld:
    """The test's process is a shell of the machine, in its project, the extension's environment activated."""
    folder = Path(machine.python).parent
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "UV_INDEX_URL", "METAFLOW_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in machine.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VIRTUAL_ENV", str(folder.parent))
    monkeypatch.setenv("PATH", f"{folder}:{machine.environ['PATH']}")
    monkeypatch.chdir(machine.project)
    return machine


def manifest(world: ExtensionWorld) -> dict[str, Any]:
    return dict(json.loads(world.manifest_file.read_text()))


def test_the_extension_finds_what_was_resolved_by_its_name(mfenv: Run, here: ExtensionWorld) -> None:
    arguments = ("-r", "requirements.txt", *EVERY_ARCH, "--alias", "team/env:v1", "--alias", "team/env")
    told = json.loads(mfenv("resolve", *arguments, "--json").out)
    ids = f"{told['shared']['request']}:{told['shared']['full_id']}"
    assert told["shared"]["aliases"] == ["team/env:v1", "team/env:latest"]
    assert [verdict["state"] for verdict in told["verdicts"]] == ["resolved"] * 3
    shown = here.environment("show", "team/env:v1").stderr
    assert f"DEFAULT Environment of type pypi-only full hash {ids}" in shown
    assert "Aliases team/env:v1, team/env:latest (mutable)" in shown
    assert "Available on linux-64, osx-64, osx-arm64" in shown
    kept = here.root / "datastore" / "conda_env" / "envs" / "aliases" / "generic" / "team" / "env"
    assert {file.name: json.loads(file.read_text()) for file in kept.iterdir()} == {
        "v1": ids.split(":"), "latest": ids.split(":")
    }  # fmt: skip

    before = here.manifest_file.read_bytes()
    ended = mfenv("resolve", "-r", "newer.txt", *ON_LINUX, "--alias", "team/env:v1")
    assert (ended.code, "Choose another tag" in ended.err) == (1, True)
    assert mfenv("resolve", "-r", "newer.txt", *ON_LINUX, "--dry-run").code == 0
    assert here.manifest_file.read_bytes() == before, "neither wrote anything"


def test_the_extension_is_asked_once_as_long_as_nothing_changes(
    mfenv: Run, here: ExtensionWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolved() -> dict[str, Any]:
        here.manifest_file.unlink(missing_ok=True)
        return dict(json.loads(mfenv("resolve", "-r", "asked.txt", *ON_LINUX, "--json").out)["shared"])

    asked: list[object] = []
    ask = asking.ask

    def counted(*question: Any) -> asking.Answer:
        asked.append(question)
        return ask(*question)

    monkeypatch.setattr(asking, "ask", counted)
    here.write("asked.txt", "demo==1.0\n")
    first = resolved()
    # The very first import of the extension leaves its bytecode behind, so that folders are others than before.
    assert resolved() == resolved() == first
    before = len(asked)
    assert resolved() == first
    assert len(asked) == before
    here.write("asked.txt", "demo==2.0\n")
    assert resolved()["request"] != first["request"]
    pip = here.home / ".config" / "pip" / "pip.conf"
    pip.parent.mkdir(parents=True)
    try:
        pip.write_text(f"[global]\nextra-index-url = {here.index.url.replace('127.0.0.1', 'localhost')}\n")
        assert resolved()["request"] != first["request"]
    finally:
        pip.unlink()
    assert len(asked) == before + 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("-r", "requirements.txt", "--alias", "Team/Env"), 2, "Write it as `team/env`"),
        (("-r", "requirements.txt", "--alias", "step:Flow/1/start"), 2, "a name that Metaflow gives"),
        (("demo", "--alias", "team/env:v2"), 2, "one file each"),
        (("-r", "requirements.txt", "-r", "newer.txt", "--alias", "team/env:v2"), 2, "files of one kind"),
        (("--alias", "team/env:v2"), 2, "was not told what to resolve"),
    ],
)
def test_what_cannot_be_shared_is_said_before_anything_is_resolved(
    mfenv: Run, here: ExtensionWorld, arguments: tuple[str, ...], code: int, said: str
) -> None:
    ended = mfenv("resolve", *arguments)
    assert ended.code == code
    assert said in ended.err


def test_where_the_extension_refuses_the_packages_are_told_all_the_same(
    mfenv: Run, here: ExtensionWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAFLOW_CONDA_DEPENDENCY_RESOLVER", "conda")
    told = json.loads(mfenv("resolve", "-r", "newer.txt", *ON_LINUX, "--json").out)
    assert [verdict["state"] for verdict in told["verdicts"]] == ["resolved"]
    (finding,) = told["findings"]
    assert (finding["code"], "No conda binary found" in finding["message"]) == ("MFE612", True)
    assert "shared" not in told
    refused = mfenv("resolve", "-r", "newer.txt", *ON_LINUX, "--alias", "team/refused:v1")
    assert (refused.code, "No conda binary found" in refused.err) == (1, True)


def test_without_the_extension_nothing_is_shared(mfenv: Run, project: Path, tmp_path: Path) -> None:
    (project / "requirements.txt").write_text("demo==1.0\n")
    ended = mfenv("resolve", "-r", "requirements.txt", "--alias", "team/env:v1")
    assert ended.code == 3
    assert "has no metaflow-netflixext" in ended.err


CASES: dict[str, tuple[str, ...]] = {
    "one arch": ("-r", "requirements.txt", *ON_LINUX),
    "three archs": ("-r", "requirements.txt", *EVERY_ARCH),
    "another arch": ("-r", "newer.txt", "--arch", "osx-arm64"),
    "exact Python, no pins": ("-r", "requirements.txt", "--skip-metaflow-deps", "--python", "3.11.7", *ON_LINUX),
    "system packages": ("-r", "system.txt", *ON_LINUX),
    "conda packages": ("-f", "environment.yml", *ON_LINUX),
    "project": ("-p", "pyproject.toml", *ON_LINUX),
    "extended": ("--using", "base/env:v1", "-r", "more.txt", *ON_LINUX),
    "extended by what it has": ("--using", "base/env:v1", "-r", "less.txt", *ON_LINUX),
    "cloned": ("--from", "base/env:v1", "--arch", "osx-64"),
    "not the default": ("-r", "newer.txt", "--no-set-default", *ON_LINUX),
}


@pytest.mark.soak
@pytest.mark.parametrize("case", CASES)
def test_the_manifest_is_as_the_extension_itself_would_have_left_it(
    mfenv: Run, here: ExtensionWorld, case: str
) -> None:
    other = here.index.url.replace("127.0.0.1", "localhost")
    here.write("system.txt", f"demo==1.0\n--sys-pkg __glibc==2.28\n--extra-index-url {other}\n--pre\n")
    here.write("environment.yml", "dependencies:\n  - python=3.11.*\n  - native>=2\n")
    here.write("pyproject.toml", '[project]\nname = "x"\nversion = "1"\ndependencies = ["demo>=1", "helper"]\n')
    here.write("more.txt", "six\n")
    here.write("less.txt", "helper\n")
    here.index.add(wheel("six", "1.16.0"))
    start = _made_by(lambda: here.environment("resolve", "-r", "requirements.txt", "--alias", "base/env:v1"), here, b"")
    base = here.manifest_file.read_bytes() if "base" in " ".join(CASES[case]) else b""
    assert start
    ours = _made_by(lambda: mfenv("resolve", *CASES[case]), here, base)
    again = _made_by(lambda: mfenv("resolve", *CASES[case]), here, base)
    theirs = _made_by(lambda: here.environment("resolve", *CASES[case]), here, base)
    assert ours
    assert ours == theirs
    assert again == theirs, "whether the extension was asked again or not"


def _made_by(command: Callable[[], object], world: ExtensionWorld, start: bytes) -> Entries:
    """What a command leaves in a manifest that holds `start`, without the environments that wheels are put into."""
    world.manifest_file.parent.mkdir(parents=True, exist_ok=True)
    if start:
        world.manifest_file.write_bytes(start)
    else:
        world.manifest_file.unlink(missing_ok=True)
    command()
    found: Entries = {}
    for arch, requests in manifest(world)["environments"].items():
        for request, environments in requests.items():
            for full_id, entry in environments.items():
                if full_id == "_default":
                    continue
                if "conda::tomli" not in entry["deps"]:
                    packages = sorted(entry["packages"], key=lambda package: str(package["filename"]))
                    is_default = environments.get("_default") == full_id
                    told = {**entry, "packages": packages, "resolved_on": "", "is_default": is_default}
                    found[arch, request, full_id] = told
    return found


RAN = """\
from metaflow import FlowSpec, named_env, step


class RanFlow(FlowSpec):
    @named_env(name="ran/env:v1")
    @step
    def start(self):
        self.next(self.end)

    @named_env(disabled=True)
    @step
    def end(self):
        pass


if __name__ == "__main__":
    RanFlow()
"""


@pytest.mark.soak
def test_the_environment_of_a_step_that_ran_is_found_by_whoever_has_the_metadata_and_the_datastore(
    mfenv: Run, here: ExtensionWorld
) -> None:
    here.write("more.txt", "six\n")
    here.write("ran.py", RAN)
    here.index.add(wheel("six", "1.16.0"))
    assert mfenv("resolve", "-r", "requirements.txt", *ON_LINUX, "--alias", "ran/env:v1").code == 0
    said = here.metaflow("ran.py", "--environment=conda", "--no-pylint", "run")
    run_id = (said.stdout + said.stderr).partition("run-id ")[2].partition(")")[0]
    step = f"RanFlow/{run_id}/start"
    ids = manifest(here)["aliases"]["ran/env/v1"]

    here.manifest_file.unlink()
    shown = json.loads(mfenv("env", "show", f"step:{step}", "--json").out)["environment"]
    assert [shown["request"], shown["full_id"]] == ids
    for command in ("get", "create"):
        here.manifest_file.unlink()
        assert mfenv("env", command, step, "--pathspec").code == 0
    here.manifest_file.unlink()
    assert mfenv("env", "alias", step, "ran/again:v1", "--pathspec").code == 0
    assert manifest(here)["aliases"]["ran/again/v1"] == ids
    ended = mfenv("env", "show", f"step:RanFlow/{run_id}/end")
    assert (ended.code, "is not a Conda step" in ended.err) == (1, True), ended
    ended = mfenv("env", "show", "step:RanFlow/17/start")
    assert (ended.code, "Cannot locate step" in ended.err) == (1, True), ended

    for options in (
        ("--using-pathspec", step, "-r", "more.txt", *ON_LINUX),
        ("--from-pathspec", step, "--arch", "osx-64"),
    ):
        ours = _made_by(partial(mfenv, "resolve", *options), here, b"")
        theirs = _made_by(partial(here.environment, "resolve", *options), here, b"")
        # With `--from` the extension writes down what it began with, too; it knows what the datastore has of that.
        assert ours
        assert (ours.keys() == theirs.keys()) == ("--using-pathspec" in options)
        assert {key: _uncached(theirs[key]) for key in ours} == {key: _uncached(entry) for key, entry in ours.items()}


def _uncached(entry: dict[str, Any]) -> dict[str, Any]:
    lines = [{key: value for key, value in line.items() if key != "cache_info"} for line in entry["packages"]]
    return {**entry, "packages": lines}


@pytest.mark.soak
def test_an_environment_is_made_where_the_extension_and_jupyter_find_it(mfenv: Run, here: ExtensionWorld) -> None:
    here.index.add(wheel("ipykernel", "6.29.0"))
    assert mfenv("resolve", "-r", "requirements.txt", *ON_LINUX, "--alias", "made/env:v1").code == 0
    for _ in range(2):
        made = json.loads(mfenv("env", "create", "made/env:v1", "--name", "lab", "--exist-ok", "--json").out)
        assert made["prefix"] == str(here.envs / "lab")
    assert mfenv("env", "create", "made/env:v1", "--name", "lab").code == 1
    assert mfenv("env", "alias", "made/env:v1", "also/env").code == 0
    ended = mfenv("env", "create", "made/env:v1", "--name", "lab", "--exist-ok")
    assert ended.out == f"made/env:v1 is at {here.envs / 'lab'}.\n"
    assert (
        "already created and valid" in here.environment("create", "made/env:v1", "--name", "lab", "--exist-ok").stderr
    )
    names = here.environment("show", "made/env:v1").stderr.partition("Locally present as ")[2].partition("\n")[0]
    assert "lab" in names.split(", ")
    said = subprocess.run([f"{made['prefix']}/bin/python", "-c", "import demo; print(demo.__version__)"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert said.stdout == "1.0\n"

    arguments = ("--name", "notebook", "--install-notebook", "--into-dir", "notebook")
    made = json.loads(mfenv("env", "create", "made/env:v1", *arguments, "--json").out)
    kernel = json.loads((Path(made["kernel"]) / "kernel.json").read_text())
    assert kernel["argv"][0] == f"{made['prefix']}/bin/python"
    link = here.project / "notebook" / "__conda_python"
    subprocess.run([str(link), "-c", "import demo, ipykernel"], check=True)
    assert (mfenv("env", "create", "made/env:v1", "--install-notebook").code, link.exists()) == (2, True)
