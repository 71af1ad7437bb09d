"""Files of a package from indexes that work, that do not, and that are far away."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from requests import Response
from urllib3.util import connection

from mfenvd.resolve.index.client import CONNECTIONS, Listing
from mfenvd.resolve.index.errors import IndexRefuses, IndexUnreachable, IndexUnreadable, NoSuchPackage
from mfenvd.resolve.index.transport import LateTransport
from tests.resolve.index.conftest import MakeClient, ServeIndex
from tests.support.index_server import Fault, IndexServer, Style
from tests.support.wheels import sdist, wheel


class Asking:
    """How many requests are on their way, and how many there were at most."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.now -= 1


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Asking:
    one, get = Asking(), LateTransport.get

    def counted(
        transport: LateTransport, url: str, *, index: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        with one:
            return get(transport, url, index=index, headers=headers)

    monkeypatch.setattr(LateTransport, "get", counted)
    return one


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("metadata", [True, False])
def test_every_kind_of_index_lists_its_files(
    serve: ServeIndex, client_of: MakeClient, style: Style, metadata: bool
) -> None:
    index = serve(style=style, metadata=metadata)
    index.add(wheel("Demo.Pkg", "1.0"), sdist("Demo.Pkg", "1.0", requires_python=">=3.9"))
    one, two = client_of(index.url).files("demo_pkg")
    assert (one.name, one.version, one.kind, one.has_metadata) == ("demo-pkg", "1.0", "wheel", metadata)
    assert (two.kind, two.requires_python, two.index) == ("sdist", ">=3.9", index.url)


def test_files_of_all_indexes_are_merged_and_the_last_one_names_a_file_they_share(
    serve: ServeIndex, client_of: MakeClient
) -> None:
    first, second = serve(), serve(style=Style.HTML)
    shared = wheel("demo", "1.0")
    first.add(shared, wheel("demo", "2.0"))
    second.add(shared, wheel("demo", "3.0"))
    files = client_of(first.url, second.url).files("demo")
    assert [(file.version, file.index) for file in files] == [
        ("1.0", second.url),
        ("2.0", first.url),
        ("3.0", second.url),
    ]
    assert files[0].size == len(shared.content), "the first index's word on the same file is kept"


def test_a_listing_gives_one_version_in_any_spelling_in_pips_order(serve: ServeIndex, client_of: MakeClient) -> None:
    first, second = serve(), serve()
    first.add(wheel("demo", "1.0"), sdist("demo", "1.0.0"), wheel("demo", "2.0rc1"))
    second.add(wheel("demo", "1.0", build="1"), wheel("demo", "0.9"))
    listing = client_of(first.url, second.url).listing("demo")
    assert [str(version) for version in listing.versions] == ["2rc1", "1", "0.9"]
    expected = ["demo-1.0-py3-none-any.whl", "demo-1.0.0.tar.gz", "demo-1.0-1-py3-none-any.whl"]
    for spelling in ("1", "1.0", "1.0.0", listing.versions[1]):
        assert [file.filename for file in listing.of(spelling)] == expected
    assert listing.of("3") == ()
    assert [file.version for file in listing.files] == ["0.9", "1.0", "1.0.0", "1.0", "2.0rc1"]


def test_a_warm_answer_loads_neither_http_nor_html(index: IndexServer, client_of: MakeClient, tmp_path: Path) -> None:
    archive = wheel("demo", "1.0")
    index.add(archive)
    client = client_of(index.url)
    client.metadata(client.files("demo")[0])
    code = f"""if True:
        import sys
        from pathlib import Path
        from mfenvd.resolve.explain import fits
        from mfenvd.resolve.index.client import IndexClient
        from mfenvd.resolve.index.configuration import IndexConfiguration
        with IndexClient(IndexConfiguration({index.url!r}), Path({str(tmp_path / "cache")!r})) as client:
            assert client.metadata(client.files("demo")[0]).name == "demo"
        print(sorted({{"requests", "lxml", "truststore", "certifi"}} & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
    assert len(index.log) == 2


def test_a_package_that_one_index_lacks_comes_from_the_other(serve: ServeIndex, client_of: MakeClient) -> None:
    first, second = serve(), serve()
    second.add(wheel("demo", "1.0"))
    assert len(client_of(first.url, second.url).files("demo")) == 1


def test_a_package_that_no_index_has_does_not_exist(index: IndexServer, client_of: MakeClient, tmp_path: Path) -> None:
    with pytest.raises(NoSuchPackage, match="demo") as raised:
        client_of(index.url, tmp_path.as_uri()).files("demo")
    assert raised.value.indexes == (index.url, tmp_path.as_uri())


def test_a_project_without_files_exists(index: IndexServer, client_of: MakeClient) -> None:
    archive = wheel("demo", "1.0")
    index.add(archive)
    index.remove(archive.filename)
    assert client_of(index.url).files("demo") == ()


def test_an_index_in_a_folder_works_and_may_lack_packages(
    index: IndexServer, client_of: MakeClient, tmp_path: Path
) -> None:
    archive = wheel("demo", "1.0", requires=["other"])
    index.add(archive)
    folder = index.write_folder(tmp_path / "mirror")
    index.remove(archive.filename)
    index.add(wheel("remote", "1.0"))
    client = client_of(index.url, folder.as_uri(), (tmp_path / "nowhere").as_uri())
    (file,) = client.files("demo")
    assert (file.sha256, client.metadata(file).requires) == (archive.sha256, ("other",))
    assert client.files("remote")[0].version == "1.0"


def test_find_links_are_folders_pages_and_archives(index: IndexServer, client_of: MakeClient, tmp_path: Path) -> None:
    linked = wheel("demo", "3.0")
    index.add(linked)
    (tmp_path / "links").mkdir()
    for archive in (wheel("demo", "1.0"), sdist("demo", "1.1")):
        (tmp_path / "links" / archive.filename).write_bytes(archive.content)
    (tmp_path / "links" / "notes.txt").write_text("not a wheel")
    alone = tmp_path / wheel("demo", "2.0").filename
    alone.write_bytes(wheel("demo", "2.0").content)
    page = tmp_path / "page.html"
    page.write_text(f'<a href="{alone.name.replace("2.0", "2.5")}">x</a>')
    links = ("links", str(alone), str(page), index.links_url, f"http://{index.host}/files/demo-4.0-py3-none-any.whl")
    client = client_of(find_links=(*links, "not-there"))
    assert [file.version for file in client.files("demo")] == ["1.0", "1.1", "2.0", "2.5", "3.0", "4.0"]
    assert client.metadata(client.files("demo")[0]).name == "demo"
    assert client.files("demo")[0].size == len(wheel("demo", "1.0").content)
    with pytest.raises(NoSuchPackage):
        client.files("other")
    assert index.log.paths() == ["/links/"], "one page serves all packages"


def test_many_packages_are_asked_for_at_once_and_each_gets_its_answer(
    index: IndexServer, client_of: MakeClient, asking: Asking
) -> None:
    names = [f"demo-{number}" for number in range(12)]
    for name in names:
        index.add(wheel(name, "1.0"))
        index.fail(name, Fault(delay=0.2))
    index.fail("demo-3", Fault(status=404))
    index.fail("demo-4", Fault(body=b"garbage"))
    answers = client_of(index.url).listings_of_many([*names, "Demo_0"])
    assert asking.most > 1
    assert list(answers) == names
    assert isinstance(answers["demo-3"], NoSuchPackage)
    assert isinstance(answers["demo-4"], IndexUnreadable)
    assert all(isinstance(answers[name], Listing) for name in names if name not in {"demo-3", "demo-4"})


def test_several_threads_of_one_client_ask_no_more_at_once_than_one(
    index: IndexServer, client_of: MakeClient, asking: Asking
) -> None:
    groups = [[f"demo-{group}-{number}" for number in range(30)] for group in range(4)]
    for name in chain.from_iterable(groups):
        index.add(wheel(name, "1.0"))
        index.fail(name, Fault(delay=0.1))
    client = client_of(index.url)
    with ThreadPoolExecutor(len(groups)) as pool:
        answers = list(pool.map(client.listings_of_many, groups))
    assert [len(found) for found in answers] == [30] * 4
    assert 1 < asking.most <= CONNECTIONS


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=500), IndexUnreachable),
        (Fault(status=503), IndexUnreachable),
        (Fault(truncated=True), IndexUnreachable),
        (Fault(delay=3.0), IndexUnreachable),
        (Fault(status=401), IndexRefuses),
        (Fault(status=403), IndexRefuses),
        (Fault(status=400), IndexUnreadable),
        (Fault(body=b"<html><form>log in</form></html>"), IndexUnreadable),
        (Fault(body=b"{", content_type="application/vnd.pypi.simple.v1+json"), IndexUnreadable),
        (Fault(status=404), NoSuchPackage),
        (Fault(status=410), NoSuchPackage),
    ],
)
def test_each_fault_has_its_own_error(
    index: IndexServer, client_of: MakeClient, fault: Fault, error: type[Exception]
) -> None:
    index.add(wheel("demo", "1.0"))
    index.fail("demo", fault)
    with pytest.raises(error):
        client_of(index.url, environ={"PIP_TIMEOUT": "0.5"}).files("demo")


@pytest.mark.parametrize("fault", [Fault(status=503, times=2), Fault(truncated=True, times=1)])
def test_a_passing_fault_is_survived(index: IndexServer, client_of: MakeClient, fault: Fault) -> None:
    index.add(wheel("demo", "1.0"))
    index.fail("demo", fault)
    assert len(client_of(index.url).files("demo")) == 1


def test_an_index_that_is_down_is_not_tried_for_every_package(
    client_of: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []
    connect = connection.create_connection

    def counted(address: tuple[str, int], *arguments: Any, **options: Any) -> socket.socket:
        tried.append(address)
        return connect(address, *arguments, **options)

    monkeypatch.setattr(connection, "create_connection", counted)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = client_of(f"http://127.0.0.1:{unused.getsockname()[1]}/simple")
        answers = client.listings_of_many([f"demo-{number}" for number in range(40)])
        assert all(isinstance(answer, IndexUnreachable) for answer in answers.values())
        with pytest.raises(IndexUnreachable, match="refused"):
            client.files("another")
        assert 1 <= len(tried) <= 2 * CONNECTIONS


def test_one_index_that_is_down_makes_the_answer_unknown(
    serve: ServeIndex, client_of: MakeClient, tmp_path: Path
) -> None:
    up, down = serve(), serve()
    up.add(wheel("demo", "1.0"))
    down.fail("demo", Fault(status=500))
    with pytest.raises(IndexUnreachable, match=down.host):
        client_of(up.url, down.url).files("demo")


def test_a_403_counts_only_when_nobody_has_the_package(serve: ServeIndex, client_of: MakeClient) -> None:
    up, picky = serve(), serve()
    up.add(wheel("demo", "1.0"))
    for name in ("demo", "other"):
        picky.fail(name, Fault(status=403))
    client = client_of(up.url, picky.url)
    assert len(client.files("demo")) == 1
    with pytest.raises(IndexRefuses):
        client.files("other")


@pytest.mark.parametrize("url", ["ftp://index.test/simple", "https://", "https://[::1", "https://index.invalid/simple"])
def test_a_url_that_leads_nowhere_is_unreachable(client_of: MakeClient, url: str) -> None:
    with pytest.raises(IndexUnreachable):
        client_of(url).files("demo")


def test_a_proxy_is_asked_instead_unless_the_host_is_exempt(index: IndexServer, client_of: MakeClient) -> None:
    index.add(wheel("demo", "1.0"))
    environ = {
        "http_proxy": f"http://user:pass@{index.host}",
        "no_proxy": "direct.invalid",
        "PIP_TRUSTED_HOST": "far.invalid direct.invalid",
    }
    assert len(client_of("http://far.invalid/simple", environ=environ).files("demo")) == 1
    assert index.log.paths() == ["http://far.invalid/simple/demo/"]
    with pytest.raises(IndexUnreachable, match="resolved"):
        client_of("http://direct.invalid/simple", environ=environ).files("demo")


def test_this_processs_own_variables_do_not_count(
    index: IndexServer, client_of: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    index.add(wheel("demo", "1.0"))
    assert len(client_of(index.url).files("demo")) == 1
