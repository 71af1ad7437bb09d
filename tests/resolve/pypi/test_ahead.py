"""uv at work before it is asked, and what is looked up meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import psutil
import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import Indexes
from mfenvd.domain.resolver import Context
from mfenvd.domain.target import Target
from mfenvd.resolve.index.client import IndexClient, Listing
from mfenvd.resolve.index.configuration import configuration
from mfenvd.resolve.pypi.ahead import UvAhead
from mfenvd.resolve.pypi.catalog import Answer, Catalog
from mfenvd.resolve.pypi.following import following
from mfenvd.resolve.pypi.platforms import uv_platform
from mfenvd.resolve.pypi.uv import Question, Uv, UvError
from tests.support.index_server import Fault, IndexServer
from tests.support.wheels import wheel

LINUX = uv_platform(Target(Arch.LINUX_64, "3.11", glibc="2.28"))


@contextmanager
def ahead(index: IndexServer, project: Context, *known: str) -> Iterator[tuple[UvAhead, Catalog]]:
    cache, root = Path(project.cache_dir), Path(project.root)
    config = configuration(Indexes(index_url=index.url), project.surroundings, root)
    uv, beginner = (Uv(config, cache, project.surroundings.environ, root, refresh=refresh) for refresh in (False, True))
    with (
        Catalog(lambda fresh_for: IndexClient(config, cache, fresh_for=fresh_for)) as catalog,
        UvAhead(uv, beginner, catalog, known) as one,
    ):
        yield one, catalog


def add_chain(index: IndexServer) -> None:
    index.add(wheel("app", "1.0", requires=["lib"]), wheel("lib", "1.0", requires=["base"]), wheel("base", "1.0"))


def test_what_uv_takes_up_is_looked_up_before_anybody_asks(index: IndexServer, project: Context) -> None:
    add_chain(index)
    with ahead(index, project, "app") as (uv, catalog):
        uv.begin(Question(("app",)), LINUX)
        answer = uv.compile(Question(("app",)), LINUX)
        assert [one.name for one in answer.packages] == ["app", "base", "lib"]
    asked = len(index.log)
    assert all(isinstance(found, Listing) for found in catalog.look_up(("lib", "base")).values())
    assert len(index.log) == asked


def test_nothing_of_the_cache_stays_open(index: IndexServer, project: Context) -> None:
    add_chain(index)
    with ahead(index, project, "app") as (uv, _):
        uv.begin(Question(("app",)), LINUX)
        uv.compile(Question(("app",)), LINUX)
    assert [one.path for one in psutil.Process().open_files() if one.path.startswith(project.cache_dir)] == []


def test_what_uv_takes_up_next_does_not_wait_for_the_pages_before(
    index: IndexServer, project: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_chain(index)
    arrived, look_up = {"lib": Event(), "base": Event()}, Catalog.look_up
    in_time = []

    def slow(catalog: Catalog, names: Iterable[str]) -> dict[str, Answer]:
        names = tuple(names)
        for name in names:
            arrived[name].set()
        if "lib" in names:
            in_time.append(arrived["base"].wait(20))
        return look_up(catalog, names)

    monkeypatch.setattr(Catalog, "look_up", slow)
    with ahead(index, project, "app") as (uv, _):
        uv.begin(Question(("app",)), LINUX)
        uv.compile(Question(("app",)), LINUX)
    assert in_time == [True]


def test_another_question_than_the_one_begun_has_its_own_answer(index: IndexServer, project: Context) -> None:
    index.add(wheel("app", "1.0"), wheel("app", "2.0"))
    with ahead(index, project) as (uv, _):
        uv.begin(Question(("app",)), LINUX)
        assert [one.version for one in uv.compile(Question(("app",), ("app<2",)), LINUX).packages] == ["1.0"]


def test_offline_is_not_waited_for_who_began_online(index: IndexServer, project: Context) -> None:
    index.add(wheel("app", "1.0"))
    with ahead(index, project) as (uv, _):
        uv.begin(Question(("app",)), LINUX)
        assert len(uv.compile(Question(("app",)), LINUX).packages) == 1
    index.fail("app", Fault(delay=2.0, status=500))
    with ahead(index, project) as (uv, _):
        uv.begin(Question(("app>0",)), LINUX)
        uv._uv.is_offline = True
        index.log.clear()
        assert len(uv.compile(Question(("app>0",)), LINUX).packages) == 1
        assert index.log.paths() == [], "the index has not answered yet"


def test_a_failure_is_that_of_the_question(index: IndexServer, project: Context) -> None:
    index.add(wheel("app", "1.0"))
    with ahead(index, project) as (uv, _):
        uv.begin(Question(("app>1",)), LINUX)
        with pytest.raises(UvError, match="No solution") as caught:
            uv.compile(Question(("app>1",)), LINUX)
        assert caught.value.unsolvable


def test_what_is_at_work_at_the_end_is_stopped(index: IndexServer, project: Context) -> None:
    index.add(wheel("app", "1.0"))
    index.fail("app", Fault(delay=2.0))
    with ahead(index, project) as (uv, _):
        uv.begin(Question(("app",)), LINUX)
    assert (_uvs(), index.log.paths()) == ([], []), "the index has not answered yet"


def _uvs() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.name() == "uv"]


def test_a_file_that_grows_is_passed_on_in_whole_lines(tmp_path: Path) -> None:
    path, heard = tmp_path / "log", list[str]()
    with path.open("w") as file, following(path, heard.append):
        for part in ("one\ntw", "o\n", "thr", "ee\nhalf"):
            file.write(part)
            file.flush()
    assert "\n".join(heard).splitlines() == ["one", "two", "three"]
