"""`conda_v2.cnd` is shared with the extension: it reads what we wrote, and what it clobbers is written again."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from mfenvd.warm.netflixext.manifest import (
    Entry,
    EnvId,
    ManifestError,
    Removed,
    Wanted,
    is_mutable,
    read,
    remove,
    write,
)

WRITERS = Path(__file__).with_name("writers.py")
RESOLVED_ON = "2026-01-02T03:04:05"


def env_id(name: str, packages: str = "", arch: str = "linux-64") -> EnvId:
    return EnvId(arch, _hex(name), _hex(packages or name))


def _hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def entry(name: str, *, cached: bool = False) -> Entry:
    filename = f"{name}-1.0-py3-none-any"
    package: dict[str, Any] = {
        "_type": "pypi", "filename": filename, "url": f"https://host/{filename}.whl", "url_format": ".whl",
        "hashes": {".whl": "0" * 64},
    }  # fmt: skip
    if cached:
        url = f"packages/pypi/host/{filename}.whl/{filename}.whl/{'0' * 64}/{filename}.whl"
        package["cache_info"] = {".whl": {"_type": "pypi", "url": url}}
    return {
        "deps": [f"pypi::{name}"], "sources": [], "extras": [], "packages": [package], "resolved_on": RESOLVED_ON,
        "resolved_by": "tester", "resolved_archs": ["linux-64"], "env_type": "pypi-only", "accurate_source": True,
        "full_id_unique_keys": {},
    }  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".metaflow" / "conda_v2.cnd"


def put(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


def test_the_first_environment_makes_the_file_and_the_same_again_leaves_it_alone(path: Path) -> None:
    id_, wanted = env_id("one"), Wanted(env_id("one"), entry("one"), aliases=("team/one/v1", "team/one/latest"))
    assert write(path, [wanted]).changed
    found = read(path)
    assert found.entry(id_) == entry("one")
    assert found.default("linux-64", id_.req) == id_
    assert found.named("team/one/v1") == found.named("team/one/latest") == found.named(id_.full) == (id_.req, id_.full)
    assert set(found.aliases_of(id_)) == {"team/one/v1", "team/one/latest"}
    before = path.stat()
    assert not write(path, [wanted]).changed
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_what_others_wrote_stays_and_so_does_the_mode(path: Path) -> None:
    environments = {"osx-64": {"q": {"_default": "z", "z": {"packages": [], "new": 1}}}}
    names = {"mappings": {"Flow/1/start": ["q", "z"]}, "aliases": {"x/v1": ["q", "z"]}}
    put(path, {"version": 1, **names, "environments": environments, "later": {"unknown": True}})
    path.chmod(0o600)
    inode = path.stat().st_ino
    write(path, [Wanted(env_id("one"), entry("one"))])
    found = json.loads(path.read_text())
    assert found["mappings"] == names["mappings"]
    assert found["aliases"]["x/v1"] == ["q", "z"]
    assert found["environments"]["osx-64"] == environments["osx-64"]
    assert found["later"] == {"unknown": True}
    assert (path.stat().st_mode & 0o777, path.stat().st_ino) == (0o600, inode)


def test_the_environment_that_steps_get_stays_until_it_is_to_be_replaced(path: Path) -> None:
    old, new = env_id("request", "old"), env_id("request", "new")
    write(path, [Wanted(old, entry("old"))])
    assert write(path, [Wanted(new, entry("new"))]).kept == (old,)
    assert read(path).default("linux-64", old.req) == old
    assert read(path).entry(new) == entry("new")
    assert write(path, [Wanted(new, entry("new"))], replace=True).kept == ()
    assert read(path).default("linux-64", old.req) == new


def test_a_default_that_leads_nowhere_gives_way(path: Path) -> None:
    id_ = env_id("request", "new")
    put(path, {"version": 1, "environments": {"linux-64": {id_.req: {"_default": "gone"}}}})
    assert read(path).default("linux-64", id_.req) is None
    assert write(path, [Wanted(id_, entry("new"))]).kept == ()
    assert read(path).default("linux-64", id_.req) == id_


def test_where_packages_are_cached_is_added_and_never_taken_back(path: Path) -> None:
    write(path, [Wanted(env_id("one"), entry("one"))])
    assert write(path, [Wanted(env_id("one"), entry("one", cached=True))]).changed
    assert not write(path, [Wanted(env_id("one"), entry("one"))]).changed
    assert read(path).entry(env_id("one")) == entry("one", cached=True)


def test_an_alias_that_may_not_change_is_refused_and_one_that_may_moves(path: Path) -> None:
    one, two = env_id("one"), env_id("two")
    write(path, [Wanted(one, entry("one"), aliases=("e/v1", "e/stable"))])
    written = write(path, [Wanted(two, entry("two"), aliases=("e/v1", "e/stable"))])
    assert written.refused == ("e/v1",)
    assert read(path).named("e/v1") == (one.req, one.full)
    assert read(path).named("e/stable") == (two.req, two.full)
    assert [is_mutable(alias) for alias in ("e/v1", "e/latest", "e/candidate", "e/stable")] == [False, True, True, True]


def test_only_what_is_ours_and_nobody_refers_to_is_removed(path: Path) -> None:
    ids = {name: env_id(name) for name in ("plain", "named", "ran", "resolved-again")}
    write(path, [Wanted(id_, entry(name), aliases=("e/v1",) * (name == "named")) for name, id_ in ids.items()])
    content = json.loads(path.read_text())
    content["mappings"]["Flow/1/start"] = [ids["ran"].req, ids["ran"].full]
    content["environments"]["linux-64"][ids["resolved-again"].req][ids["resolved-again"].full]["resolved_on"] = "later"
    put(path, content)

    absent = env_id("absent")
    unwanted = dict.fromkeys((*ids.values(), absent), RESOLVED_ON)
    assert remove(path, unwanted, lambda _: False) == Removed((), (absent,), (ids["resolved-again"],))
    removed = Removed((ids["plain"],), (absent,), (ids["resolved-again"],))
    before = path.read_bytes()
    assert remove(path, unwanted, lambda _: True, dry_run=True) == removed
    assert path.read_bytes() == before
    assert remove(path, unwanted, lambda _: True) == removed
    assert set(read(path)) == set(ids.values()) - {ids["plain"]}
    assert read(path).named(ids["plain"].full) is None
    assert read(path).default("linux-64", ids["plain"].req) is None


def test_a_full_id_stays_as_long_as_another_arch_or_request_has_it(path: Path) -> None:
    here, there, asked_otherwise = env_id("one"), env_id("one", arch="osx-arm64"), env_id("two", "one")
    write(path, [Wanted(id_, entry("one")) for id_ in (here, there, asked_otherwise)])
    for gone, left in ((here, there), (there, asked_otherwise), (asked_otherwise, None)):
        remove(path, {gone: RESOLVED_ON}, lambda _: True)
        assert read(path).named(here.full) == ((left.req, left.full) if left else None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "Expecting"),
        ("[]", "another form"),
        ('{"version": 2}', "version 2"),
        ('{"version": 1, "aliases": {"x": "y"}}', "another form"),
        ('{"version": 1, "aliases": {"x": ["r", []]}}', "another form"),
        ('{"version": 1, "environments": {"linux-64": {"r": {"../../f": {"packages": []}}}}}', "another form"),
        ('{"version": 1, "environments": {"linux-64": {"r": {"_default": "f"}, "a/../..": {}}}}', "another form"),
        ('{"version": 1, "environments": {"linux-64": {"r": {"f": {}}}}}', "another form"),
    ],
)
def test_what_is_not_understood_is_left_alone(path: Path, content: str, reason: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(ManifestError, match=reason) as raised:
        write(path, [Wanted(env_id("one"), entry("one"))])
    assert not raised.value.readable
    assert path.read_text() == content


def crowd(path: Path, python: str, each: int) -> list[Wanted]:
    """`each` writers of the extension and as many of ours at the same time; what ours wrote."""
    theirs = subprocess.Popen(
        [python, str(WRITERS), str(path.parent), "theirs", str(each)],
        env={"HOME": str(path.parents[1]), "USER": "tester"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    wanted = [Wanted(env_id(f"ours-{number}"), entry(f"ours-{number}")) for number in range(each)]

    def ours(one: Wanted) -> None:
        while theirs.poll() is None:
            write(path, [one])

    threads = [threading.Thread(target=ours, args=(one,)) for one in wanted]
    for thread in threads:
        thread.start()
    said, _ = theirs.communicate(timeout=120)
    for thread in threads:
        thread.join()
    assert said == f"{each}\n"
    return wanted


def holds(path: Path, wanted: list[Wanted]) -> bool:
    found = read(path)
    return all(found.entry(one.id) == one.entry and found.default("linux-64", one.id.req) == one.id for one in wanted)


@pytest.mark.metaflow
def test_writers_of_both_kinds_at_once_lose_nothing_of_ours(path: Path, extension_python: str) -> None:
    wanted = crowd(path, extension_python, 20)
    # As the daemon does when it sees that the file was changed.
    write(path, wanted)
    assert holds(path, wanted)


@pytest.mark.metaflow
@pytest.mark.soak
def test_many_writers_of_both_kinds_again_and_again(path: Path, extension_python: str) -> None:
    for _ in range(10):
        wanted = crowd(path, extension_python, 40)
        write(path, wanted)
        assert holds(path, wanted)
        path.unlink()


@pytest.mark.metaflow
def test_the_extension_reads_what_we_wrote_and_adds_to_it(path: Path, extension_python: str) -> None:
    wanted = [Wanted(env_id("ours"), entry("ours", cached=True), aliases=("team/ours/v1",))]
    write(path, wanted)
    command = [extension_python, str(WRITERS), str(path.parent), "theirs", "1"]
    subprocess.run(command, env={"HOME": str(path.parents[1]), "USER": "tester"}, check=True, timeout=120)
    found = read(path)
    assert len(list(found)) == 2
    assert holds(path, wanted)
    assert found.named("team/ours/v1") == (wanted[0].id.req, wanted[0].id.full)
