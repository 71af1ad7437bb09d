"""Conda packages on the command line."""

from __future__ import annotations

import os
from pathlib import Path

import boto3
import msgspec
import pytest
from moto.server import ThreadedMotoServer

from mfenvd.cli.packages_table import channel_name, packages_table
from mfenvd.cli.why import brought_by_conda, find_uses
from mfenvd.domain.arch import Arch
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.domain.verdict import Verdict
from tests.cli.conftest import Run, shown, terminal
from tests.support.conda_channel import package, repodata_of, write_repodata

PACKAGES = (
    package("python", "3.11.5", subdir="linux-64"),
    package("python", "3.11.5", subdir="osx-arm64"),
    package("python", "3.12.1", subdir="linux-64"),
    package("python_abi", "3.12", build="8_cp312"),
    package("pip", "24.0", depends=("python",)),
    package("python_abi", "3.11", build="8_cp311"),
    package("calc", "1.0", build="py311_0", subdir="linux-64", depends=("python_abi 3.11.* *_cp311", "__glibc >=2.17")),
    package("calc", "1.1", build="py311_0", subdir="linux-64", depends=("python >=3.11,<3.12.0a0", "__glibc >=2.28")),
    package("calc", "1.1", build="py312_0", subdir="linux-64", depends=("python_abi 3.12.* *_cp312", "__glibc >=2.28")),
    package("calc", "1.1", build="cuda_0", subdir="linux-64", depends=("python_abi 3.12.* *_cp312", "__cuda >=12.4")),
    package("calc", "1.1", build="gpu_0", subdir="linux-64", depends=("python_abi 3.13.* *_cp313t", "__cuda")),
    package("calc", "1.1", build="py311_0", subdir="osx-arm64", depends=("python_abi 3.11.* *_cp311", "__osx >=11.0")),
    package("pure.calc", "2.0", depends=("python >=3.9", "calc")),
    package("capped.calc", "2.0", depends=("python >=3.13,<3.16.0a0",)),
)


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_repodata(tmp_path_factory.mktemp("channels") / "corp", repodata_of(*PACKAGES))


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, channel: Path) -> None:
    """A shell whose conda is configured to the channel."""
    for name in [name for name in os.environ if name.startswith(("CONDA", "MAMBA"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".condarc").write_text(f"channels: [corp]\nchannel_alias: {channel.parent.as_uri()}\n")


def test_wheels_shows_which_archs_and_pythons_have_builds(mfenv: Run) -> None:
    ended = mfenv("wheels", "--conda", "calc", "--arch", "linux-64", "--arch", "osx-arm64")
    assert ended.code == 0
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert lines[:3] == ["calc", "linux-64 osx-arm64", "1.1 ✓ 3.11–3.12, 3.13t ✓ 3.11"]  # noqa: RUF001 - an en dash
    assert lines[3] == "also for CUDA 12.4 or a GPU macOS 11.0"
    assert lines[4:6] == ["1.0 ✓ 3.11 ✗ none", "glibc 2.17"]
    assert lines[6].startswith("from file://")


def test_wheels_of_a_channel_in_a_bucket(mfenv: Run, channel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame")
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
        monkeypatch.delenv("AWS_REGION", raising=False)
        monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
        s3 = boto3.client("s3", region_name="us-east-1", endpoint_url=f"http://{host}:{port}")
        s3.create_bucket(Bucket="team")
        for file in channel.glob("*/repodata.json"):
            s3.upload_file(str(file), "team", f"chan/{file.relative_to(channel).as_posix()}")
        ended = mfenv("wheels", "--conda", "calc=1.1", "-c", "s3://team/chan", "--arch", "linux-64")
        asked = ("--conda-pkg", "calc=1.0", "-c", "s3://team/chan", "--python", "3.11", "--glibc", "2.17")
        resolved = mfenv("resolve", *asked, "--arch", "linux-64", "--json")
    finally:
        server.stop()
    assert "py312_0" in ended.out
    assert "from s3://team/chan" in ended.out
    (verdict,) = msgspec.json.decode(resolved.out)["verdicts"]
    assert "s3://team/chan/linux-64/calc-1.0-py311_0.conda" in {package["url"] for package in verdict["packages"]}


def test_wheels_shows_the_builds_of_one_version(mfenv: Run) -> None:
    ended = mfenv("wheels", "--conda", "calc=1.1", "--arch", "linux-64")
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert lines[1:6] == [
        "python needs build channel", "linux-64 3.11 glibc 2.28 py311_0 corp", "3.12 CUDA 12.4 cuda_0 corp",
        "3.12 glibc 2.28 py312_0 corp", "3.13t a GPU gpu_0 corp",
    ]  # fmt: skip


def test_wheels_tells_builds_for_every_newer_python_from_those_for_the_newest_only(mfenv: Run) -> None:
    for name, pythons, newer in (("pure.calc", "3.9+", True), ("capped.calc", "3.13–3.15", False)):  # noqa: RUF001
        assert f"noarch  {pythons} " in mfenv("wheels", "--conda", name).out
        (row,) = msgspec.json.decode(mfenv("wheels", "--conda", name, "--json").out)["rows"]
        assert (row["builds"][0]["pythons"][-1], row["builds"][0]["newer"]) == ("3.15", newer)
        assert mfenv("wheels", "--conda", name, "--python", "3.16").code == (0 if newer else 1)


def test_wheels_of_a_python_are_those_that_it_can_have(mfenv: Run) -> None:
    ended = mfenv("wheels", "--conda", "calc", "--python", "3.12", "--arch", "linux-64", "--json")
    told = msgspec.json.decode(ended.out)
    assert [row["version"] for row in told["rows"]] == ["1.1"]
    assert [build["build"] for build in told["rows"][0]["builds"]] == ["cuda_0", "py312_0"]
    assert mfenv("wheels", "--conda", "calc", "--python", "3.8").code == 1
    assert mfenv("wheels", "--conda", "calc", "--python", "3").code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("clac",), 1, "Did you mean `mfenv wheels --conda calc`?"),
        (("calc>=2",), 1, "The newest is 1.1."),
        (("calc=>2",), 2, "is not a package name"),
        (("calc", "-c", "./nowhere", "-c", "nodefaults"), 3, "no conda channel"),
    ],
)
def test_wheels_says_what_there_is_not(mfenv: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    ended = mfenv("wheels", "--conda", *arguments)
    assert ended.code == code
    assert said in ended.err


def test_resolve_takes_files_and_packages_of_conda(mfenv: Run, project: Path) -> None:
    (project / "environment.yml").write_text("dependencies: [python=3.11, pure.calc]\n")
    ended = mfenv("resolve", "-f", "environment.yml", "--arch", "linux-64", "--glibc", "2.17", "--arch", "osx-arm64")
    assert ended.code == 0
    rows = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines() if line[:1].isalpha()}
    assert rows["calc"] == ["1.0", "1.1", "differs", "corp"]
    assert rows["pure.calc"] == ["2.0", "2.0", "corp", "noarch"]
    single = mfenv("resolve", "--conda-pkg", "calc=1.1", "--python", "3.11", "--arch", "osx-arm64")
    assert "1.1 py311_0" in single.out
    blocked = mfenv("resolve", "--conda-pkg", "calc=1.1", "--python", "3.11", "--arch", "win-64", "-c", "nodefaults")
    assert blocked.code in {1, 3}


def test_resolve_takes_what_metaflow_environment_resolve_takes(mfenv: Run, project: Path) -> None:
    (project / "requirements.txt").write_text("--conda-pkg calc\n--sys-pkg __glibc=2.17\n")
    archs = ("--arch", "linux-64", "--arch", "osx-arm64")
    ended = mfenv("resolve", "--requirement", "requirements.txt", "--python", "3.11.*", *archs, "--force", "--json")
    told = msgspec.json.decode(ended.out)["verdicts"]
    assert [(verdict["target"]["arch"], verdict["state"]) for verdict in told] == [
        ("linux-64", "resolved"), ("osx-arm64", "resolved"),
    ]  # fmt: skip
    assert {verdict["target"]["python"] for verdict in told} == {"3.11"}
    (project / "pyproject.toml").write_text("[project]\nname = 'mine'\ndependencies = []\n")
    assert mfenv("resolve", "-p", "pyproject.toml", "--arch", "linux-64").code == 0


def test_resolve_for_a_driver_takes_what_needs_one(mfenv: Run) -> None:
    asked = ("resolve", "--conda-pkg", "calc=1.1=cuda_0", "--python", "3.12", "--arch", "linux-64", "--json")
    assert mfenv(*asked).code == 1
    told = msgspec.json.decode(mfenv(*asked, "--cuda", "12.4").out)["verdicts"][0]
    assert (told["state"], told["target"]["cuda"]) == ("resolved", "12.4")
    assert mfenv(*asked, "--cuda", "new").code == 2


def test_resolve_says_at_which_line_a_package_is_wrong(mfenv: Run, project: Path) -> None:
    (project / "environment.yml").write_text("dependencies:\n- python=3.11\n- calc=9\n")
    ended = mfenv("resolve", "-f", "environment.yml", "--arch", "linux-64")
    assert ended.code == 1
    assert "environment.yml:3:3" in ended.out


def locked(name: str, version: str = "1", *, requires: tuple[str, ...] = (), requested: bool = False) -> LockedPackage:
    filename = f"{name}-{version}-h0_0.conda"
    return LockedPackage(
        name, version, filename, f"https://repo.example/forge/noarch/{filename}", requires=requires,
        requested=requested, kind=Kind.CONDA, build="h0_0", subdir="noarch", channel="https://repo.example/forge",
    )  # fmt: skip


def verdict(*packages: LockedPackage, arch: Arch = Arch.LINUX_64) -> Verdict:
    return Verdict(
        source="/p/flow.py", flow="F", step="start", env="abc", target=Target(arch, "3.11", glibc="2.28"),
        reasons=(), state=State.RESOLVED, packages=packages, kind=Kind.CONDA,
    )  # fmt: skip


def test_why_finds_condas_names_as_people_write_them() -> None:
    found = verdict(locked("app", requires=("ruamel.yaml",), requested=True), locked("ruamel.yaml"))
    (use,) = find_uses([found], "ruamel-yaml")
    assert (use.version, use.chains) == ("1", (("app", "ruamel.yaml"),))


def test_why_finds_what_conda_brings_by_its_name_on_the_index(project: Path) -> None:
    wheel = LockedPackage(
        "accelerate", "1", "accelerate-1-py3-none-any.whl", "https://files.example/a.whl", requires=("pytorch",),
        requested=True,
    )  # fmt: skip
    (use,) = brought_by_conda([verdict(locked("pytorch"), wheel)], "torch")
    assert use.package is not None
    assert (use.package.name, use.chains) == ("pytorch", (("accelerate", "pytorch"),))
    assert brought_by_conda([verdict(locked("pytorch"))], "tensorflow") == []


@pytest.mark.parametrize(
    ("command", "fix"), [(["resolve", "six"], "--conda-pkg"), (["wheels", "six"], "mfenv wheels --conda six")]
)
def test_channels_without_conda_packages_are_a_mistake(mfenv: Run, command: list[str], fix: str) -> None:
    ended = mfenv(*command, "-c", "conda-forge")
    assert ended.code == 2
    assert fix in ended.err


def test_a_mixed_environment_says_where_each_package_comes_from(tmp_path: Path) -> None:
    wheel = LockedPackage("six", "1.16.0", "six-1.16.0-py3-none-any.whl", "https://files.example/six.whl")
    on = terminal(here=tmp_path)
    on.print(packages_table(on, [verdict(locked("numpy", requested=True), wheel)]))
    lines = [line.split() for line in shown(on).splitlines()]
    assert lines[1:] == [["numpy", "1", "h0_0", "forge", "noarch"], ["six", "1.16.0", "PyPI"]]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://repo.example/conda-forge", "conda-forge"),
        ("https://repo.example/a/team/label/dev", "team/label/dev"),
        ("file:///srv/channels/local", "local"), ("s3://bucket/channel", "channel"),
    ],
)  # fmt: skip
def test_a_channel_is_called_as_people_call_it(url: str, name: str) -> None:
    assert channel_name(msgspec.structs.replace(locked("x"), channel=url)) == name
