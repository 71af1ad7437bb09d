"""The examples of docs/conda-examples, against a channel and an index on loopback."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mfenvd.domain.arch import Arch
from tests.cli.conftest import Run
from tests.support.conda_channel import package, repodata_of, write_repodata
from tests.support.index_server import IndexServer
from tests.support.wheels import wheel

EXAMPLES = Path(__file__).parents[2] / "docs" / "conda-examples"


def packages() -> Iterator[dict[str, Any]]:
    """What the examples ask for, as far as it matters here: numpy 1.21.5 was never built for one arch."""
    yield package("pip", "24.0", depends=("python",))
    for name in ("requests", "python-dateutil"):
        yield package(name, "2.31.0", depends=("python",))
    for arch in map(str, Arch):
        floor = ("__glibc >=2.17,<3.0.a0",) if arch.startswith("linux") else ()
        for python in ("3.9.0", "3.9.18", "3.11.9"):
            yield package("python", python, subdir=arch)
        for numpy, minor in (("1.21.5", "3.9"), ("1.23.0", "3.9"), ("1.26.4", "3.11")):
            if (arch, numpy) != ("win-64", "1.21.5"):
                needs = (f"python {minor}.*", *floor)
                yield package("numpy", numpy, build=f"py{minor.replace('.', '')}_0", subdir=arch, depends=needs)
        yield package("pandas", "1.5.0", build="py39_0", subdir=arch, depends=("python 3.9.*", "numpy >=1.20"))
        yield package("pandas", "2.2.2", build="py311_0", subdir=arch, depends=("python 3.11.*", "numpy >=1.23"))
    for arch in ("linux-64", "win-64"):
        yield package("mkl", "2024.2", subdir=arch)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], dict[str, Any]]]:
    """What `mfenv check` says, by the name of the environment and the arch."""
    folder = tmp_path_factory.mktemp("conda-examples")
    write_repodata(folder / "channels" / "conda-forge", repodata_of(*packages()))
    project = folder / "project"
    shutil.copytree(EXAMPLES, project)
    (folder / ".condarc").write_text(f"channel_alias: {(folder / 'channels').as_uri()}\n")
    with IndexServer() as index, pytest.MonkeyPatch.context() as patch:
        index.add(wheel("python-json-logger", "2.0.7"))
        for name in [name for name in os.environ if name.startswith(("CONDA", "MAMBA", "PIP_", "UV_"))]:
            patch.delenv(name)
        for name, value in {
            "HOME": str(folder),
            "MFENV_HOME": str(folder / "mfenv"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": index.url,
        }.items():
            patch.setenv(name, value)
        patch.chdir(project)
        from mfenvd.cli import oneshot
        from mfenvd.cli.progress import Silent
        from mfenvd.paths import find_paths

        found = oneshot.check([project], find_paths(), Silent())
        assert found.findings == ()
        told = msgspec.json.decode(msgspec.json.encode(found.verdicts))
        yield {(each["step"] or each["env"], each["target"]["arch"]): each for each in told}


def codes(verdict: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in verdict["findings"]}


@pytest.mark.parametrize("arch", list(map(str, Arch)))
@pytest.mark.parametrize("step", ["start", "end"])
def test_the_flow_has_a_verdict_for_every_arch(
    verdicts: dict[tuple[str, str], dict[str, Any]], step: str, arch: str
) -> None:
    verdict = verdicts[step, arch]
    assert "MFE223" in codes(verdict), "python 3.9 is 3.9.0 to Metaflow's conda"
    if arch == "win-64":
        assert verdict["state"] == "blocked"
        (error,) = [finding for finding in verdict["findings"] if finding["severity"] == "error"]
        assert (error["package"], Path(error["path"]).name) == ("numpy", "cross_platform_conda.py")
        return
    assert verdict["state"] == "resolved"
    versions = {each["name"]: each["version"] for each in verdict["packages"]}
    assert versions == {
        "numpy": "1.21.5", "pandas": "1.5.0", "pip": "24.0", "python": "3.9.0", "requests": "2.31.0",
    }  # fmt: skip


@pytest.mark.parametrize("arch", list(map(str, Arch)))
def test_selectors_count_on_their_archs(verdicts: dict[tuple[str, str], dict[str, Any]], arch: str) -> None:
    verdict = verdicts["data", arch]
    assert verdict["state"] == "resolved"
    names = {each["name"] for each in verdict["packages"]}
    assert ("mkl" in names) == (arch in {"linux-64", "win-64"})


@pytest.mark.parametrize("arch", list(map(str, Arch)))
def test_a_mixed_environment_has_both_sides(verdicts: dict[tuple[str, str], dict[str, Any]], arch: str) -> None:
    verdict = verdicts["mixed", arch]
    assert (verdict["state"], verdict["kind"]) == ("resolved", "mixed")
    kinds = {each["name"]: each["kind"] for each in verdict["packages"]}
    assert (kinds["numpy"], kinds["python-json-logger"]) == ("conda", "pypi")


@pytest.mark.parametrize("arch", list(map(str, Arch)))
def test_git_in_a_mixed_environment_is_refused_at_its_line(
    verdicts: dict[tuple[str, str], dict[str, Any]], arch: str
) -> None:
    verdict = verdicts["mixed-invalid", arch]
    assert verdict["state"] == "blocked"
    (error,) = [finding for finding in verdict["findings"] if finding["severity"] == "error"]
    assert (error["package"], error["line"]) == ("my-pkg", 8)


def test_without_a_channel_there_is_a_finding_and_an_end(mfenv: Run, tmp_path: Path, project: Path) -> None:
    """What README's users see where conda-forge cannot be reached."""
    shutil.copy(EXAMPLES / "cross_platform_conda.py", project)
    (project / "mfenv.toml").write_text('archs = ["linux-64"]\n')
    (tmp_path / ".condarc").write_text("channel_alias: http://127.0.0.1:9\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path))
        ended = mfenv("check", "cross_platform_conda.py", "--json")
    told = msgspec.json.decode(ended.out)
    assert ended.code == 3
    assert {each["state"] for each in told["verdicts"]} == {"failed"}
    assert "MFE510" in {finding["code"] for each in told["verdicts"] for finding in each["findings"]}
