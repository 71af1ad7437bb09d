"""`mfenv cache` over a store with a few files."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from mfenvd.cli.main import run
from mfenvd.store.uploads import Uploads, mirror_folder
from tests.store.mirrors import stored, upload_of

LONG_AGO = 1_000_000.0


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of its own; its cache holds `old`, `queued` and `new`, of which only `new` was asked for lately."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MFENV_HOME", str(tmp_path / "mfenv"))
    monkeypatch.setenv("MAMBA_ROOT_PREFIX", str(tmp_path / "mamba"))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mfenv" / "cache"
    packages = {name: stored(folder, name) for name in ("old", "queued", "new")}
    Uploads(mirror_folder(str(folder))).add([upload_of(packages["queued"], "s3://team/conda")])
    for name in ("old", "queued"):
        os.utime(path_of(folder, name).parent, (LONG_AGO, LONG_AGO))
    return folder


def path_of(cache: Path, name: str) -> Path:
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return cache / "store" / "archives" / sha256[:2] / sha256 / f"{name}.whl"


def answer(capsysbinary: pytest.CaptureFixture[bytes], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert run([*arguments, "--json"]) == code
    return dict(json.loads(capsysbinary.readouterr().out))


def test_info_shows_use_need_and_limits(cache: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    (cache.parent / "config").mkdir()
    (cache.parent / "config" / "config.toml").write_text('[cache]\nmax-size = "1GiB"\nmax-age = "4 weeks"\n')
    usage = answer(capsysbinary, "cache", "info")
    assert usage["limits"] == {"max_size": 2**30, "max_age": 28 * 24 * 3600.0}
    assert usage["stored"] == {"files": 3, "size": 12}
    assert (usage["waiting"]["files"], usage["in_use"]["files"], usage["linked"]["files"]) == (1, 1, 0)
    assert {part["name"] for part in usage["parts"]} == {"store", "mirror"}

    assert run(["cache", "info"]) == 0
    said = " ".join(capsysbinary.readouterr().out.decode().split())
    assert "3 files (12 bytes)" in said
    assert "1.0 GiB, unused for 28 days at most" in said


def test_gc_removes_what_exceeds_the_limits_and_nothing_that_is_needed(
    cache: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert answer(capsysbinary, "cache", "gc")["files"]["files"] == 0
    assert answer(capsysbinary, "cache", "gc", "--max-size", "0KiB", "--dry-run")["files"]["files"] == 1
    assert path_of(cache, "old").exists()
    assert answer(capsysbinary, "cache", "gc", "--max-age", "90 days")["files"] == {"files": 1, "size": 3}
    assert [path_of(cache, name).exists() for name in ("old", "queued", "new")] == [False, True, True]


def test_clear_keeps_what_is_needed(cache: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert answer(capsysbinary, "cache", "clear")["files"]["files"] == 1
    assert [path_of(cache, name).exists() for name in ("old", "queued", "new")] == [False, True, True]


def test_verify_sets_damaged_files_aside(cache: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert answer(capsysbinary, "cache", "verify")["damaged"] == []
    path_of(cache, "old").write_bytes(b"odl")
    verified = answer(capsysbinary, "cache", "verify", code=1)
    assert (verified["files"]["files"], verified["damaged"]) == (3, ["old.whl"])
    assert not path_of(cache, "old").exists()
    assert run(["cache", "verify"]) == 0
    assert "0 damaged" in capsysbinary.readouterr().out.decode()
    assert answer(capsysbinary, "cache", "info")["quarantined"] == {"files": 1, "size": 3}


def test_a_limit_that_is_none_is_refused(cache: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["cache", "gc", "--max-size", "much"]) == 2
    assert b"20GiB" in capsysbinary.readouterr().err
