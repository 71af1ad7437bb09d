"""What was resolved stands in the manifest as the extension would have put it there."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.sharing import Worded
from mfenvd.warm.netflixext.manifest import EnvId, read, write
from mfenvd.warm.netflixext.recording import Resolved, records, username

REQ, OTHER = "a" * 40, "b" * 40


def resolved(arch: str, req: str = REQ, version: str = "1.0") -> Resolved:
    name = f"six-{version}-py3-none-any.whl"
    wheel = LockedPackage("six", version, name, f"https://files.example/{name}", sha256="ab" * 32)
    return Resolved(arch, req, Worded({"pypi": ("six",)}), (wheel,))


def test_archs_with_one_request_id_share_a_full_id_and_others_do_not() -> None:
    linux, mac, other = records(
        [resolved("linux-64"), resolved("osx-64", OTHER), resolved("osx-arm64")], Kind.PYPI, by="tester"
    )
    assert [one.id.arch for one in (linux, mac, other)] == ["linux-64", "osx-arm64", "osx-64"]
    assert linux.id.full == mac.id.full
    assert other.id.full != linux.id.full
    assert linux.entry["resolved_archs"] == ["linux-64", "osx-arm64"]
    assert other.entry["resolved_archs"] == ["osx-64"]
    (alone,) = records([resolved("linux-64")], Kind.PYPI, by="tester")
    assert alone.id.full != linux.id.full


def test_what_is_written_is_what_steps_get_and_what_the_alias_leads_to(tmp_path: Path) -> None:
    path = tmp_path / "conda_v2.cnd"
    (first,) = records([resolved("linux-64")], Kind.PYPI, by="tester", aliases=("team/env/v1", "team/env/latest"))
    assert write(path, (first,)).changed
    (second,) = records([resolved("linux-64", version="2.0")], Kind.PYPI, by="tester", aliases=("team/env/latest",))
    assert write(path, (second,)).kept == (first.id,)
    manifest = read(path)
    assert manifest.default("linux-64", REQ) == first.id
    assert manifest.named("team/env/v1") == (REQ, first.id.full)
    assert manifest.named("team/env/latest") == (REQ, second.id.full)
    (third,) = records([resolved("linux-64", version="3.0")], Kind.PYPI, by="tester", is_default=False)
    write(path, (third,), replace=True)
    assert read(path).default("linux-64", REQ) == first.id
    assert EnvId("linux-64", REQ, third.id.full) in set(read(path))


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"USER": "alice"}, "alice"),
        ({"METAFLOW_USER": "team", "USER": "alice"}, "team"),
        ({"SUDO_USER": "alice", "USER": "root"}, "alice"),
    ],
)
def test_who_resolved_is_who_metaflow_says(environ: dict[str, str], name: str) -> None:
    assert username(environ) == name
