"""Aliases in a folder that a team shares lead all of it to the same environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.alias import parse_alias
from mfenvd.domain.layouts import alias_key, environment_key
from mfenvd.warm.netflixext.alias_files import AliasFiles
from mfenvd.warm.netflixext.manifest import EnvId

IDS = ("a" * 40, "b" * 40)
LATEST = parse_alias("team/env:latest")


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_everybody_may_read_where_an_alias_leads(tmp_path: Path) -> None:
    files = AliasFiles(tmp_path)
    assert files.ids(LATEST) is None
    for ids in (("c" * 40, "d" * 40), IDS):
        files.put(LATEST, ids)
        assert files.ids(LATEST) == ids
    assert (tmp_path / alias_key(LATEST.key)).stat().st_mode & 0o777 == 0o644


def test_what_is_no_alias_or_no_environment_is_not_there(tmp_path: Path) -> None:
    files = AliasFiles(tmp_path)
    files.put(LATEST, IDS)
    for arch, content in (("linux-64", b'{"packages": []}'), ("osx-64", b'{"packages": 1}'), ("osx-arm64", b"{")):
        place = tmp_path / environment_key(arch, *IDS)
        place.parent.mkdir(parents=True)
        place.write_bytes(content)
    assert [one.id for one in files.find(LATEST)] == [EnvId("linux-64", *IDS)]
    assert [one.aliases for one in files.find(LATEST)] == [(LATEST.key,)]
    for nonsense in (["one"], [IDS[0], "../../elsewhere"]):
        (tmp_path / alias_key(LATEST.key)).write_bytes(msgspec.json.encode(nonsense))
        assert files.find(LATEST) == ()
    assert AliasFiles(None).find(LATEST) == ()
