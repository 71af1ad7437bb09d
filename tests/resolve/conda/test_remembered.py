"""Answers of before: as good as new ones, and taken only where nothing has changed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mfenvd.condarc.configuration import CondaConfiguration
from mfenvd.domain.request import Request
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.resolve.conda import resolver
from mfenvd.resolve.conda.access import access_to
from mfenvd.resolve.conda.lists import FRESH_FOR
from mfenvd.resolve.conda.question import Question
from mfenvd.resolve.conda.remembered import Remembered
from mfenvd.resolve.conda.resolver import CondaResolver
from tests.resolve.conda.asking import LINUX, MAC, TARGETS, context, request
from tests.support.conda_channel import PYTHON, ChannelServer, package, repodata_of, write_repodata

SECRET = "hunter2-77fe"


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> list[Target]:
    """The targets that something was solved for."""
    targets, solve = list[Target](), CondaResolver._solved

    def noted(self: CondaResolver, asked: Request, question: Question, *rest: object) -> Outcome:
        targets.append(question.target)
        return solve(self, asked, question, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(CondaResolver, "_solved", noted)
    return targets


def recalled(asked: Request, folder: Path, target: Target = LINUX, *, refresh: bool = False) -> Outcome:
    around = context(folder, refresh=refresh)
    return CondaResolver(recalls=True).resolve(asked, target, around, lambda _: None)


def versions(outcome: Outcome) -> list[str]:
    assert outcome.resolution is not None
    return [one.version for one in outcome.resolution.packages if one.name == "a"]


def add_version(served: ChannelServer, version: str) -> None:
    found = repodata_of(package("a", "1"), package("a", version), *PYTHON)
    write_repodata(served.folder / "team", found, compressed=True)


def make_older(folder: Path, seconds: float) -> None:
    for stamp in (folder / "cache" / "channels" / "asked").iterdir():
        os.utime(stamp, (time.time() - seconds,) * 2)


def answers(folder: Path) -> list[Path]:
    return list((folder / "cache" / "channels").glob("answers/*"))


def test_the_same_question_is_solved_once(subset: str, tmp_path: Path, solved: list[Target]) -> None:
    asked = request({"pandas": "", "python": "==3.11"}, subset)
    first = [recalled(asked, tmp_path, target) for target in TARGETS]
    assert [recalled(asked, tmp_path, target) for target in TARGETS] == first
    assert solved == list(TARGETS)


def test_a_known_answer_needs_neither_channel_nor_py_rattler(served: ChannelServer, tmp_path: Path) -> None:
    asked = request({"a": ""}, f"{served.url}/team")
    assert recalled(asked, tmp_path).state is State.RESOLVED
    served.asked.clear()
    code = (
        "import sys; from pathlib import Path; from tests.resolve.conda import asking;"
        "from mfenvd.resolve.conda.resolver import CondaResolver;"
        "asked = asking.request({'a': ''}, sys.argv[1]); around = asking.context(Path(sys.argv[2]));"
        "print(CondaResolver(recalls=True).resolve(asked, asking.LINUX, around, lambda _: None).state,"
        "'rattler' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, f"{served.url}/team", str(tmp_path)],
        capture_output=True, text=True, check=True, timeout=60, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert ran.stdout == f"{State.RESOLVED} False\n"
    assert not served.asked


def test_who_solves_again_and_again_solves(subset: str, tmp_path: Path, solved: list[Target]) -> None:
    asked = request({"pandas": ""}, subset)
    for _ in range(2):
        CondaResolver().resolve(asked, LINUX, context(tmp_path), lambda _: None)
    assert solved == [LINUX, LINUX]


def test_what_a_daemon_solved_is_known_to_commands(subset: str, tmp_path: Path, solved: list[Target]) -> None:
    asked = request({"pandas": ""}, subset)
    first = CondaResolver().resolve(asked, LINUX, context(tmp_path), lambda _: None)
    assert recalled(asked, tmp_path) == first
    assert solved == [LINUX]


@pytest.mark.parametrize("target", [MAC, Target(LINUX.arch, "3.11", glibc="2.28"), Target(LINUX.arch, "3.10", "2.26")])
def test_another_target_is_another_question(subset: str, tmp_path: Path, solved: list[Target], target: Target) -> None:
    asked = request({"pandas": ""}, subset)
    recalled(asked, tmp_path)
    recalled(asked, tmp_path, target)
    assert solved == [LINUX, target]


def test_old_lists_are_asked_for_again(served: ChannelServer, tmp_path: Path) -> None:
    asked = request({"a": ""}, f"{served.url}/team")
    assert versions(recalled(asked, tmp_path)) == ["1"]
    add_version(served, "2")
    assert versions(recalled(asked, tmp_path)) == ["1"]
    make_older(tmp_path, FRESH_FOR + 1)
    assert versions(recalled(asked, tmp_path)) == ["2"]


def test_lists_of_a_time_to_come_are_asked_for_again(served: ChannelServer, tmp_path: Path) -> None:
    asked = request({"a": ""}, f"{served.url}/team")
    recalled(asked, tmp_path)
    add_version(served, "2")
    make_older(tmp_path, -30 * 24 * 3600)
    assert versions(recalled(asked, tmp_path)) == ["2"]


def test_a_refresh_is_not_answered_from_memory(served: ChannelServer, tmp_path: Path, solved: list[Target]) -> None:
    asked = request({"a": ""}, f"{served.url}/team")
    recalled(asked, tmp_path)
    add_version(served, "2")
    make_older(tmp_path, 10)
    assert versions(recalled(asked, tmp_path, refresh=True)) == ["2"]
    assert versions(recalled(asked, tmp_path)) == ["2"]
    assert len(solved) == 2


def test_lists_that_another_process_fetched_make_it_another_question(served: ChannelServer, tmp_path: Path) -> None:
    one, other = (request({"a": ""}, f"{served.url}/team"), request({"a": ">0"}, f"{served.url}/team"))
    assert versions(recalled(one, tmp_path)) == ["1"]
    add_version(served, "2")
    make_older(tmp_path, 10)
    recalled(other, tmp_path, refresh=True)
    assert versions(recalled(one, tmp_path)) == ["2"]


def test_a_list_that_was_fetched_meanwhile_is_not_credited_with_the_answer(
    served: ChannelServer, tmp_path: Path
) -> None:
    asked, around = request({"a": ""}, f"{served.url}/team"), context(tmp_path)
    resolution = recalled(asked, tmp_path).resolution
    question, access = resolver.asked(asked, LINUX, around)
    assert resolution is not None

    def remembered() -> Remembered:
        return Remembered(Path(around.cache_dir), asked.key, question, access, refresh=False)

    slow = remembered()
    assert slow.find() == resolution
    make_older(tmp_path, 10)
    slow.keep(resolution)
    assert remembered().find() is None
    remembered().keep(resolution)
    assert remembered().find() == resolution


def test_a_channel_in_a_folder_is_read_as_it_is(tmp_path: Path) -> None:
    folder = write_repodata(tmp_path / "team", repodata_of(package("a", "1"), *PYTHON))
    asked = request({"a": ""}, folder.as_uri())
    assert versions(recalled(asked, tmp_path)) == ["1"]
    write_repodata(folder, repodata_of(package("a", "1"), package("a", "2"), *PYTHON))
    assert versions(recalled(asked, tmp_path)) == ["2"]


def test_lists_in_a_folder_do_not_make_an_answer_last(subset: str, tmp_path: Path, solved: list[Target]) -> None:
    asked = request({"pandas": ""}, subset)
    recalled(asked, tmp_path)
    (file,) = answers(tmp_path)
    os.utime(file, (time.time() - FRESH_FOR - 1,) * 2)
    recalled(asked, tmp_path)
    recalled(asked, tmp_path)
    assert solved == [LINUX, LINUX]


def test_what_is_seen_in_a_bucket_is_not_kept() -> None:
    for key in ({}, {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}):
        environ = {"AWS_PROFILE": "nobody", **key}
        assert not access_to(["s3://bucket/team"], CondaConfiguration(), environ).is_anonymous
        mirrored = CondaConfiguration(mirrors={"https://c.test/team": ("s3://bucket/team",)})
        assert not access_to(["https://c.test/team"], mirrored, environ).is_anonymous


@pytest.mark.parametrize("place", ["user:{secret}@", ""], ids=["password", "token"])
def test_what_is_seen_with_a_secret_is_not_kept(served: ChannelServer, tmp_path: Path, place: str) -> None:
    scheme, host = served.url.split("://")
    path = "team" if place else f"t/{SECRET}/team"
    write_repodata(served.folder / "t" / SECRET / "team", repodata_of(package("a", "1"), *PYTHON), compressed=True)
    asked = request({"a": ""}, f"{scheme}://{place.format(secret=SECRET)}{host}/{path}")
    assert versions(recalled(asked, tmp_path)) == ["1"]
    assert answers(tmp_path) == []


def test_what_cannot_be_met_is_not_kept(subset: str, tmp_path: Path, solved: list[Target]) -> None:
    asked = request({"pandas": "==99"}, subset)
    first = recalled(asked, tmp_path)
    assert (first.state, recalled(asked, tmp_path)) == (State.BLOCKED, first)
    assert len(solved) == 2
    assert answers(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"\x80"])
def test_an_answer_that_cannot_be_read_is_none(subset: str, tmp_path: Path, content: bytes) -> None:
    asked = request({"pandas": ""}, subset)
    first = recalled(asked, tmp_path)
    (file,) = answers(tmp_path)
    file.write_bytes(content)
    assert recalled(asked, tmp_path) == first


def test_answers_from_lists_that_are_too_old_are_removed(subset: str, tmp_path: Path) -> None:
    recalled(request({"pandas": ""}, subset), tmp_path)
    (old,) = answers(tmp_path)
    os.utime(old, (time.time() - 2 * FRESH_FOR - 1,) * 2)
    recalled(request({"numpy": ""}, subset), tmp_path)
    assert old not in answers(tmp_path)
    assert len(answers(tmp_path)) == 1
