"""gc, adopt and repair from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from mfenvd.cli.main import run
from mfenvd.paths import find_paths
from mfenvd.warm.netflixext import manifest, ours
from mfenvd.warm.netflixext.manifest import EnvId, Wanted
from tests.support.micromamba import install_micromamba

ID = "0123456789abcde"


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment that an interrupted Metaflow left, on a machine of its own."""
    for name, folder in (("HOME", "home"), ("MFENV_HOME", "mfenv"), ("MAMBA_ROOT_PREFIX", "mamba")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    install_micromamba(tmp_path / "bin")
    monkeypatch.setenv("METAFLOW_PATH_TO_MICROMAMBA", str(tmp_path / "bin" / "micromamba"))
    monkeypatch.chdir(tmp_path)
    prefix = tmp_path / "mamba" / "envs" / "metaflow" / "linux-64" / ID
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "conda-meta" / "history").touch()
    (tmp_path / "home" / ".conda").mkdir(parents=True)
    (tmp_path / "home" / ".conda" / "environments.txt").write_text(f"{prefix}\n")
    return prefix


def answer(capsysbinary: pytest.CaptureFixture[bytes], *arguments: str) -> dict[str, Any]:
    assert run(arguments) == 0
    return dict(json.loads(capsysbinary.readouterr().out))


def test_repair_says_what_is_wrong_and_mends_it(left: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    said = answer(capsysbinary, "repair", "--dry-run", "--json")
    (each,) = said["environments"]
    assert (each["prefix"], each["removed"], each["finding"]["code"]) == (str(left), False, "MFE655")

    assert run(["repair"]) == 0
    out = capsysbinary.readouterr().out.decode()
    assert "no package is linked" in " ".join(out.split())
    assert "removed; Metaflow makes it at its next run" in out
    assert not left.exists()

    assert run(["repair"]) == 0
    assert "finished" in capsysbinary.readouterr().out.decode()


def test_adopt_leaves_what_is_unfinished(left: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    said = answer(capsysbinary, "adopt", "--json")
    (each,) = said["environments"]
    assert each["problems"] == ["no package is linked"]
    assert run(["adopt"]) == 0
    captured = capsysbinary.readouterr()
    assert "not adopted: no package is linked" in " ".join(captured.out.decode().split())
    assert "mfenv repair" in captured.err.decode()


def test_gc_leaves_what_is_metaflows(left: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    said = answer(capsysbinary, "gc", "--older-than", "0", "--json")
    assert said["environments"] == {"idle": [], "interrupted": []}
    assert run(["gc", "-n"]) == 0
    assert "0 environments and 0 stored files (0.0 MiB) would be removed." in capsysbinary.readouterr().out.decode()
    assert left.exists()


def test_gc_takes_what_nobody_uses_out_of_the_extensions_manifest(
    left: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert left.exists()
    path, id_ = tmp_path / "conda_v2.cnd", EnvId("linux-64", "a" * 40, "b" * 40)
    wanted = Wanted(id_, {"packages": [], "resolved_on": "2026-01-02T03:04:05"})
    ours.write(Path(find_paths().cache), path, [wanted])
    assert answer(capsysbinary, "gc", "--json")["entries"] == []
    assert run(["gc", "--older-than", "0", "-n"]) == 0
    out = " ".join(capsysbinary.readouterr().out.decode().split())
    assert f"{id_.req}:{id_.full} would be removed" in out
    assert "0 environments, 1 manifest entry and 0 stored files (0.0 MiB) would be removed." in out
    (entry,) = answer(capsysbinary, "gc", "--older-than", "0", "--json")["entries"]
    assert entry == {"manifest": str(path), "id": {"arch": id_.arch, "req": id_.req, "full": id_.full}}
    assert list(manifest.read(path)) == []
