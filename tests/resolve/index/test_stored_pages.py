"""Pages that are kept: when they are asked for again, by whom, and what a cache that fails costs."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from requests import Response

from mfenvd.resolve.index.client import IndexClient, Listing
from mfenvd.resolve.index.configuration import IndexConfiguration
from mfenvd.resolve.index.errors import IndexUnreachable, IndexUnreadable, NoSuchPackage
from mfenvd.resolve.index.transport import LateTransport
from tests.resolve.index.conftest import MakeClient
from tests.support.index_server import Fault, IndexServer
from tests.support.wheels import wheel


def test_a_fresh_page_is_not_asked_for_again_in_any_client(index: IndexServer, client_of: MakeClient) -> None:
    index.add(wheel("demo", "1.0"))
    first = client_of(index.url).files("demo")
    assert client_of(index.url).files("demo") == first
    (again,) = client_of(index.url).listings_of_many(["demo"]).values()
    assert isinstance(again, Listing)
    assert again.files == first
    assert len(index.log) == 1


def test_an_old_page_is_asked_for_with_its_etag(index: IndexServer, client_of: MakeClient) -> None:
    index.add(wheel("demo", "1.0"))
    first = client_of(index.url).files("demo")
    assert client_of(index.url, fresh_for=0.0).files("demo") == first
    index.add(wheel("demo", "2.0"))
    assert len(client_of(index.url, fresh_for=0.0).files("demo")) == 2
    assert [asked.status for asked in index.log] == [200, 304, 200]
    client_of(index.url).files("demo")
    assert len(index.log) == 3, "what a refresh read is fresh for all"


def test_a_package_may_appear_a_minute_after_it_was_missing(
    index: IndexServer, client_of: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoSuchPackage):
        client_of(index.url).files("demo")
    index.add(wheel("demo", "1.0"))
    with pytest.raises(NoSuchPackage):
        client_of(index.url).files("demo")
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    assert len(client_of(index.url).files("demo")) == 1


def test_without_an_answer_an_old_page_is_used_and_said_to_be_old(index: IndexServer, client_of: MakeClient) -> None:
    index.add(wheel("demo", "1.0"))
    files = client_of(index.url).files("demo")
    index.stop()
    client = client_of(index.url, fresh_for=0.0)
    listing = client.listing("demo")
    assert listing.files == files
    ((shown, since),) = listing.stale
    assert shown == index.url
    assert abs(time.time() - since) < 60
    assert client.stale == {index.url: since}
    assert client_of(index.url, offline=True, fresh_for=0.0).listing("demo").stale
    assert client_of(index.url).listing("demo").stale == (), "a page that is fresh needs no excuse"


def test_offline_nothing_is_asked(index: IndexServer, client_of: MakeClient) -> None:
    index.add(wheel("demo", "1.0"))
    with pytest.raises(IndexUnreachable, match="offline"):
        client_of(index.url, offline=True).files("demo")
    assert len(index.log) == 0


def test_a_damaged_cache_costs_a_request_and_no_error(
    index: IndexServer, client_of: MakeClient, tmp_path: Path
) -> None:
    index.add(*(wheel("demo", f"1.{minor}", padding=0) for minor in range(400)))
    client_of(index.url).files("demo")
    stored = [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix == ".val"]
    assert stored, "a page of this size has a file of its own"
    for path in stored:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert len(client_of(index.url).files("demo")) == 400
    assert len(index.log) == 2
    (tmp_path / "cache" / "index" / "cache.db").write_bytes(b"not a database" * 1000)
    assert len(client_of(index.url).files("demo")) == 400
    assert len(client_of(index.url).files("demo")) == 400
    assert len(index.log) == 3


def test_a_cache_that_cannot_be_written_is_done_without(index: IndexServer, tmp_path: Path) -> None:
    index.add(wheel("demo", "1.0"))
    (tmp_path / "cache").write_text("a file where the folder should be")
    with IndexClient(IndexConfiguration(index.url), tmp_path / "cache") as client:
        assert len(client.files("demo")) == 1


def test_the_cache_runs_no_code(index: IndexServer, client_of: MakeClient, tmp_path: Path) -> None:
    index.add(wheel("demo", "1.0"))
    client_of(index.url).files("demo")
    flag = tmp_path / "flag"
    payload = b"cposix\nsystem\n(S'touch " + os.fsencode(flag) + b"'\ntR."
    with sqlite3.connect(tmp_path / "cache" / "index" / "cache.db") as database:
        database.execute("UPDATE Cache SET mode = 4, filename = NULL, value = ?", (payload,))
    database.close()
    assert len(client_of(index.url).files("demo")) == 1
    assert not flag.exists()


_READER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from mfenvd.resolve.index.client import IndexClient
from mfenvd.resolve.index.configuration import IndexConfiguration

with IndexClient(IndexConfiguration(sys.argv[1]), Path(sys.argv[2]), fresh_for=0.05) as client:
    for _ in range(10):
        client._listings.clear()
        answers = client.listings_of_many(f"demo-{number}" for number in range(8))
        assert all(len(answer.files) == 30 for answer in answers.values()), answers
"""


def test_several_processes_share_one_cache(index: IndexServer, tmp_path: Path) -> None:
    for number in range(8):
        index.add(*(wheel(f"demo-{number}", f"1.{minor}") for minor in range(30)))
    command = [sys.executable, "-W", "error", "-c", _READER, index.url, str(tmp_path)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")


def test_those_that_want_a_page_at_the_same_moment_ask_for_it_once(index: IndexServer, client_of: MakeClient) -> None:
    index.add(wheel("demo", "1.0"))
    index.fail("demo", Fault(delay=0.3))
    clients = [client_of(index.url) for _ in range(4)]
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(lambda client: client.files("demo"), clients))
    assert {file.version for files in answers for file in files} == {"1.0"}
    assert index.log.paths() == ["/simple/demo/"]


def test_those_that_want_a_page_at_the_same_moment_are_told_of_the_same_failure(
    index: IndexServer, client_of: MakeClient
) -> None:
    index.add(wheel("demo", "1.0"))
    index.fail("demo", Fault(delay=0.3, body=b"moved house", content_type="text/plain"))
    clients = [client_of(index.url) for _ in range(4)]

    def failure(client: IndexClient) -> str:
        with pytest.raises(IndexUnreadable) as caught:
            client.files("demo")
        return str(caught.value)

    with ThreadPoolExecutor(len(clients)) as pool:
        assert len(set(pool.map(failure, clients))) == 1
    assert index.log.paths() == ["/simple/demo/"]
    index.fail("demo", None)
    assert len(clients[0].files("demo")) == 1


def test_what_fails_on_one_way_is_asked_for_on_another(
    index: IndexServer, client_of: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add(wheel("demo", "1.0"))
    begun, ended, get = threading.Event(), threading.Event(), LateTransport.get

    def slow_through_a_proxy(transport: LateTransport, url: str, **rest: Any) -> Response:
        if transport._config.proxies:
            begun.set()
            ended.wait(10)
        return get(transport, url, **rest)

    monkeypatch.setattr(LateTransport, "get", slow_through_a_proxy)
    direct, proxied = client_of(index.url), client_of(index.url, environ={"http_proxy": "http://127.0.0.1:9"})
    with ThreadPoolExecutor(1) as pool:
        failing = pool.submit(proxied.files, "demo")
        assert begun.wait(20)
        try:
            assert len(direct.files("demo")) == 1
        finally:
            ended.set()
        with pytest.raises(IndexUnreachable):
            failing.result()
