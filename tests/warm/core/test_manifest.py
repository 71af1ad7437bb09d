"""The manifest is shared with Metaflow: nothing of it is lost, nothing changes that need not."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mfenvd.warm import shared_file
from mfenvd.warm.core.entries import Entry
from mfenvd.warm.core.manifest import ManifestError, Wanted, Written, find, manifest_path, read, write

HAMMER = Path(__file__).with_name("hammer.py")


def lines(*names: str) -> Entry:
    return [{"url": f"https://host/{name}"} for name in names]


def wanted(id_: str, *names: str, platform: str = "linux-64", kind: str = "conda") -> Wanted:
    return Wanted(id_, platform, kind, lines(*names))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return manifest_path(str(tmp_path / ".metaflow"), "Flow")


def test_the_first_entry_makes_the_file_and_the_same_again_leaves_it_alone(path: Path) -> None:
    assert read(path) == {}
    assert write(path, (wanted("a", "x"), wanted("a", "y", kind="pypi"))).changed
    assert read(path) == {"a": {"linux-64": {"conda": lines("x"), "pypi": lines("y")}}}
    before = path.stat()
    again = write(path, (wanted("a", "x"),))
    assert not again.changed
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_an_entry_that_is_there_stays_until_it_is_to_be_replaced(path: Path) -> None:
    write(path, (wanted("a", "x", "y"), wanted("b", "z")))
    content = path.read_bytes()

    kept = write(path, (wanted("a", "newer"),))
    assert kept.kept == (wanted("a", "x", "y"),)
    assert path.read_bytes() == content

    assert write(path, (wanted("a", "newer"),), replace=True).changed
    assert read(path)["a"] == {"linux-64": {"conda": lines("newer")}}
    assert read(path)["b"] == {"linux-64": {"conda": lines("z")}}


def test_the_same_packages_in_another_order_are_the_same(path: Path) -> None:
    write(path, (wanted("a", "x", "y"),))
    assert write(path, (wanted("a", "y", "x"),), replace=True) == Written(changed=False)


def test_a_path_is_added_to_what_is_there_and_never_taken_back(path: Path) -> None:
    write(path, (wanted("a", "x", "y"),))
    confirmed = [{**lines("x")[0], "path": "host/x"}, *lines("y")]
    assert write(path, (Wanted("a", "linux-64", "conda", confirmed),)).changed
    assert find(read(path), "a", "linux-64", "conda") == confirmed
    assert not write(path, (wanted("a", "x", "y"),)).changed
    assert find(read(path), "a", "linux-64", "conda") == confirmed


def test_an_empty_file_and_an_empty_entry_are_nothing(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch()
    assert read(path) == {}
    path.write_text('{"a": {"linux-64": {"conda": []}}}')
    assert find(read(path), "a", "linux-64", "conda") is None
    assert write(path, (wanted("a", "x"),)).changed


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"a": 1}', '{"a": {"linux-64": []}}', '{"a": {"p": {"conda": ["x"]}}}']
)
def test_what_is_not_understood_is_left_alone(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(ManifestError) as raised:
        write(path, (wanted("a", "x"),))
    assert not raised.value.readable
    assert path.read_text() == content


def test_a_folder_that_may_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ManifestError) as raised:
        write(manifest_path(str(tmp_path / "file"), "Flow"), (wanted("a", "x"),))
    assert raised.value.readable


def test_metaflow_waits_for_us_and_we_for_metaflow(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, (wanted("a", "x"),))
    with path.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = threading.Thread(target=write, args=(path, (wanted("b", "y"),)))
        done.start()
        done.join(0.1)
        assert done.is_alive()
    done.join(10)
    assert set(read(path)) == {"a", "b"}

    monkeypatch.setattr(shared_file, "LOCK_SECONDS", 0.05)
    with path.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ManifestError, match="locked"):
            write(path, (wanted("c", "z"),))


def test_a_manifest_that_is_deleted_while_we_wait_is_made_anew(path: Path) -> None:
    write(path, (wanted("a", "x"),))
    with path.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = threading.Thread(target=write, args=(path, (wanted("b", "y"),)))
        waiting.start()
        waiting.join(0.1)
        path.unlink()
    waiting.join(10)
    assert set(read(path)) == {"b"}


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.sampled_from("wxyz"), min_size=1, max_size=4, unique=True)))
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_written_is_whole_json_at_every_write(tmp_path: Path, steps: list[tuple[str, list[str]]]) -> None:
    path = manifest_path(str(tmp_path / str(os.urandom(6).hex())), "Flow")
    seen: list[str] = []
    truncate = os.ftruncate

    def look_before(descriptor: int, length: int) -> None:
        seen.append(path.read_text())
        truncate(descriptor, length)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "ftruncate", look_before)
        for id_, names in steps:
            write(path, (wanted(id_, *names),), replace=True)
    assert all(isinstance(json.loads(text), dict) for text in seen)
    if steps:
        expected = {id_: {"linux-64": {"conda": lines(*names)}} for id_, names in steps}
        found = read(path)
        assert {id_: {line["url"] for line in found[id_]["linux-64"]["conda"]} for id_ in found} == {
            id_: {line["url"] for line in expected[id_]["linux-64"]["conda"]} for id_ in expected
        }


def hammer(what: str, path: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(HAMMER), what, str(path.parent.parent), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def our_writer(path: Path, name: str, count: int) -> None:
    for number in range(count):
        names = [f"{name}/{number}/{line}" for line in range(number % 7 + 1)]
        write(path, (wanted(f"{name}-{number % 40}", *names),), replace=True)
        read(path)  # ours waits for the lock, so that it is never torn


@pytest.mark.metaflow
def test_nothing_is_lost_when_metaflow_writes_at_the_same_time(path: Path) -> None:
    count = 150
    theirs = [hammer("write", path, f"theirs{number}", count) for number in range(2)]
    ours = [threading.Thread(target=our_writer, args=(path, f"ours{number}", count)) for number in range(2)]
    for thread in ours:
        thread.start()
    for thread in ours:
        thread.join()
    assert [process.communicate(timeout=120)[0] for process in theirs] == ["0\n", "0\n"]
    found = read(path)
    assert set(found) == {
        f"{who}{one}-{number}" for who in ("ours", "theirs") for one in (0, 1) for number in range(40)
    }
    for id_, platforms in found.items():
        name, _, number = id_.rpartition("-")
        last = max(candidate for candidate in range(count) if candidate % 40 == int(number))
        urls = {line["url"] for line in platforms["linux-64"]["conda"]}
        assert urls == {f"https://host/{name}/{last}/{line}" for line in range(last % 7 + 1)}


@pytest.mark.metaflow
def test_metaflows_unlocked_readers_are_torn_less_by_us_than_by_metaflow(path: Path) -> None:
    def torn(writing: bool) -> int:
        write(path, tuple(wanted(f"big-{number}", *(f"{number}/{line}" for line in range(20))) for number in range(20)))
        reader = hammer("read", path, "reader", 1000)
        if writing:
            our_writer(path, "ours", 600)
            writer = None
        else:
            writer = hammer("write", path, "theirs", 400)
        answer = int(reader.communicate(timeout=120)[0])
        if writer:
            writer.communicate(timeout=120)
        return answer

    by_us, by_metaflow = torn(writing=True), torn(writing=False)
    assert by_us <= max(by_metaflow, 10), "at most one in a hundred"
