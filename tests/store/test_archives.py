"""Files are in the store whole and as they were resolved, or not at all."""

import hashlib
import multiprocessing
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.resolution import LockedPackage
from mfenvd.store.archives import ArchiveStore
from mfenvd.store.errors import DownloadError, NotDownloaded, StoreUnwritable, WrongContent
from mfenvd.store.eviction import evicted
from mfenvd.store.findings import finding_of


def package(content: bytes, name: str = "demo", *, known: bool = True) -> LockedPackage:
    sha256 = hashlib.sha256(content).hexdigest() if known else None
    filename = f"{name}-1.0-py3-none-any.whl"
    return LockedPackage(name, "1.0", filename, f"https://files.example/{filename}", sha256=sha256)


class Server:
    """Gives `content` for every package, and counts."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked: list[str] = []

    def __call__(self, package: LockedPackage, file: BinaryIO) -> None:
        self.asked.append(package.name)
        file.write(self.content)


def test_a_file_is_fetched_once_and_found_by_its_sha256(tmp_path: Path) -> None:
    store, server = ArchiveStore(tmp_path), Server(b"wheel")
    wanted = package(b"wheel")

    path = store.fetch(wanted, server)
    assert path.read_bytes() == b"wheel"
    assert path.name == wanted.filename
    assert path.parent.name == wanted.sha256

    assert ArchiveStore(tmp_path).fetch(wanted, server) == path
    assert store.get(wanted.sha256 or "", wanted.filename) == path
    assert server.asked == ["demo"]


def test_another_content_than_the_resolved_one_is_refused(tmp_path: Path) -> None:
    store = ArchiveStore(tmp_path)
    with pytest.raises(WrongContent) as caught:
        store.fetch(package(b"wheel"), Server(b"trojan"))
    finding = finding_of(caught.value)
    assert finding.code == Code.WRONG_CONTENT
    assert finding.data["got"] == hashlib.sha256(b"trojan").hexdigest()
    assert list(store.entries()) == []
    assert [path for path in (tmp_path / "incoming").iterdir() if path.is_file()] == []


def test_a_file_of_which_only_the_md5_is_known_is_checked_too(tmp_path: Path) -> None:
    store = ArchiveStore(tmp_path)
    wanted = msgspec.structs.replace(
        package(b"", known=False), md5=hashlib.md5(b"conda", usedforsecurity=False).hexdigest()
    )
    with pytest.raises(WrongContent) as caught:
        store.fetch(wanted, Server(b"con"))
    finding = finding_of(caught.value)
    assert wanted.filename in finding.message
    assert "md5" in finding.message
    assert finding.fix
    assert finding.data["expected"] == wanted.md5
    assert store.fetch(wanted, Server(b"conda")).read_bytes() == b"conda"


def test_a_damaged_file_is_set_aside_and_fetched_again(tmp_path: Path) -> None:
    store, server = ArchiveStore(tmp_path), Server(b"wheel")
    path = store.fetch(package(b"wheel"), server)
    path.write_bytes(b"rotten")

    assert store.get(package(b"wheel").sha256 or "", path.name) is None
    assert [file.read_bytes() for file in (tmp_path / "quarantine").iterdir()] == [b"rotten"]
    assert store.fetch(package(b"wheel"), server).read_bytes() == b"wheel"
    assert server.asked == ["demo", "demo"]


def test_a_file_without_a_known_sha256_is_that_file_from_then_on(tmp_path: Path) -> None:
    store, server = ArchiveStore(tmp_path), Server(b"as it comes")
    wanted = package(b"", known=False)
    path = store.fetch(wanted, server)
    assert path.parent.name == hashlib.sha256(b"as it comes").hexdigest()
    assert ArchiveStore(tmp_path).fetch(wanted, server) == path
    assert server.asked == ["demo"]


def test_a_server_that_gives_nothing_leaves_nothing(tmp_path: Path) -> None:
    def down(package: LockedPackage, file: BinaryIO) -> None:
        file.write(b"half")
        raise DownloadError("https://user:secret@files.example answers 503")

    store = ArchiveStore(tmp_path)
    with pytest.raises(NotDownloaded) as caught:
        store.fetch(package(b"wheel"), down)
    finding = finding_of(caught.value)
    assert finding.code == Code.NOT_DOWNLOADED
    assert "files.example" in finding.message
    assert "secret" not in finding.message
    assert list(store.entries()) == []
    assert [path for path in (tmp_path / "incoming").iterdir() if path.is_file()] == []


def test_a_folder_that_refuses_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "incoming").write_text("a file where a folder should be")
    with pytest.raises(StoreUnwritable) as caught:
        ArchiveStore(tmp_path).fetch(package(b"wheel"), Server(b"wheel"))
    assert finding_of(caught.value).code == Code.STORE_UNWRITABLE


def _fetch(folder: str, asked: str) -> None:
    def server(package: LockedPackage, file: BinaryIO) -> None:
        with Path(asked).open("a") as log:
            log.write("asked\n")
        file.write(b"wheel")

    ArchiveStore(Path(folder)).fetch(package(b"wheel"), server)


def test_processes_that_want_the_same_file_fetch_it_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    asked = tmp_path / "asked"
    workers = [context.Process(target=_fetch, args=(str(tmp_path / "store"), str(asked))) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert asked.read_text() == "asked\n"


def test_trimming_removes_what_was_not_used_for_longest(tmp_path: Path) -> None:
    store = ArchiveStore(tmp_path)
    contents = {name: name.encode() * 10 for name in ("old", "kept", "new")}
    paths = {}
    for age, (name, content) in enumerate(contents.items()):
        paths[name] = store.fetch(package(content, name), Server(content))
        _last_used(paths[name], 1_000_000 + age)
    kept = hashlib.sha256(contents["kept"]).hexdigest()

    assert store.trim(10**6).files == 0
    trimmed = store.trim(70, keep={kept})
    assert (trimmed.files, trimmed.size) == (1, 30)
    assert not paths["old"].exists()
    assert store.trim(0, keep={kept}).files == 1
    assert [path.exists() for path in paths.values()] == [False, True, False]


def test_using_a_file_makes_it_young(tmp_path: Path) -> None:
    store = ArchiveStore(tmp_path)
    old = store.fetch(package(b"old", "old"), Server(b"old"))
    new = store.fetch(package(b"new", "new"), Server(b"new"))
    _last_used(old, 1_000_000)
    _last_used(new, 1_000_001)
    store.fetch(package(b"old", "old"), Server(b"old"))
    store.trim(3)
    assert (old.exists(), new.exists()) == (True, False)


def test_a_file_that_is_asked_for_while_it_is_removed_stays(tmp_path: Path) -> None:
    store = ArchiveStore(tmp_path)
    path = store.fetch(package(b"wheel"), Server(b"wheel"))
    _last_used(path, 1_000_000)
    (found,) = store.entries()
    assert store.get(hashlib.sha256(b"wheel").hexdigest(), path.name) == path
    assert not evicted(found, tmp_path / "incoming")
    assert path.read_bytes() == b"wheel"
    (found,) = store.entries()
    assert evicted(found, tmp_path / "incoming")
    assert not path.exists()
    assert not evicted(found, tmp_path / "incoming")
    assert list((tmp_path / "incoming").glob("evicted-*")) == []


def _last_used(path: Path, when: float) -> None:
    import os

    os.utime(path.parent, (when, when))
