from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Severity
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.resolve.conda import repodata
from mfenvd.resolve.conda.catalog import Catalog
from mfenvd.resolve.conda.errors import ChannelUnreachable, Unsolvable
from mfenvd.resolve.conda.lists import FRESH_FOR
from mfenvd.resolve.conda.mapped import give_back
from mfenvd.resolve.conda.question import Question
from mfenvd.resolve.conda.resolver import CondaResolver
from tests.resolve.conda.asking import LINUX, MAC, TARGETS, context, request, resolve
from tests.resolve.conda.solving_lists import ask, lists, versions
from tests.support.conda_channel import (
    PYTHON,
    ChannelFault,
    ChannelServer,
    package,
    repodata_of,
    write_repodata,
)

pytestmark = pytest.mark.usefixtures("impatient")


def add_version(served: ChannelServer, version: str) -> None:
    found = repodata_of(package("a", "1"), package("a", version), *PYTHON)
    write_repodata(served.folder / "team", found, compressed=True)


def make_older(folder: Path, seconds: float) -> None:
    for stamp in (folder / "lists" / "asked").iterdir():
        os.utime(stamp, (time.time() - seconds,) * 2)


class TestTimeToLive:
    def test_a_fresh_list_is_asked_for_once_in_all_processes(
        self, served: ChannelServer, channel: str, tmp_path: Path
    ) -> None:
        here, elsewhere = lists(tmp_path, channel), lists(tmp_path, channel)
        assert versions(here, "a", channel) == ["1"]
        assert served.asked
        served.asked.clear()
        assert versions(here, "a", channel) == versions(elsewhere, "a", channel) == ["1"]
        assert not served.asked

    def test_an_old_list_is_asked_for_again_and_its_news_are_seen(
        self, served: ChannelServer, channel: str, tmp_path: Path
    ) -> None:
        known = lists(tmp_path, channel)
        assert versions(known, "a", channel) == ["1"]
        add_version(served, "2")
        assert versions(known, "a", channel) == ["1"]
        make_older(tmp_path, FRESH_FOR + 1)
        assert versions(known, "a", channel) == ["2"]

    def test_what_has_not_changed_is_not_sent_again(self, served: ChannelServer, channel: str, tmp_path: Path) -> None:
        known = lists(tmp_path, channel)
        versions(known, "a", channel)
        served.asked.clear()
        make_older(tmp_path, FRESH_FOR + 1)
        versions(known, "a", channel)
        statuses = [status for method, _, status in served.asked if method == "GET"]
        assert 304 in statuses
        assert 200 not in statuses

    def test_another_process_sees_what_one_fetched(self, served: ChannelServer, channel: str, tmp_path: Path) -> None:
        here, elsewhere = lists(tmp_path, channel), lists(tmp_path, channel)
        versions(here, "a", channel)
        versions(elsewhere, "a", channel)
        add_version(served, "2")
        make_older(tmp_path, 10)
        versions(here, "a", channel, refresh=True)
        served.asked.clear()
        assert versions(elsewhere, "a", channel) == ["2"]
        assert not served.asked

    def test_a_request_that_cannot_be_met_is_tried_with_the_newest_lists(
        self, served: ChannelServer, channel: str, tmp_path: Path
    ) -> None:
        known = lists(tmp_path, channel)
        versions(known, "a", channel)
        add_version(served, "2")
        with pytest.raises(Unsolvable):
            versions(known, "a==2", channel)
        make_older(tmp_path, FRESH_FOR / 2)
        assert versions(known, "a==2", channel) == ["2"]

    def test_each_subdir_is_fetched_when_it_is_needed(
        self, served: ChannelServer, channel: str, tmp_path: Path
    ) -> None:
        known = lists(tmp_path, channel)
        versions(known, "a", channel)
        served.asked.clear()
        known.solve(Question(("a",), (channel,), MAC))
        assert {path.split("/")[2] for method, path, _ in served.asked if method == "GET"} == {"osx-arm64"}

    def test_a_subdir_that_is_not_there_is_remembered_as_empty(self, small_channel: Path, tmp_path: Path) -> None:
        with ChannelServer(small_channel.parent) as server:
            channel = f"{server.url}/{small_channel.name}"
            windows = Question(("python",), (channel,), Target(Arch.WIN_64, "3.11"))
            lists(tmp_path, channel).solve(windows)
            server.asked.clear()
            assert lists(tmp_path, channel).solve(windows).records
            assert not server.asked

    def test_a_package_whose_shard_was_never_fetched_is_looked_up(self, small_channel: Path, tmp_path: Path) -> None:
        with ChannelServer(small_channel.parent) as server:
            channel = f"{server.url}/{small_channel.name}"
            lists(tmp_path, channel).solve(Question(("python",), (channel,), LINUX))
            found = Catalog(lists(tmp_path, channel), (channel,)).records("core", Arch.LINUX_64)
            assert {str(record.version) for record in found} == {"1.0", "2.0"}

    def test_a_folder_that_gets_another_subdir_is_seen(self, tmp_path: Path) -> None:
        folder = write_repodata(tmp_path / "folder", repodata_of(package("a", "1"), *PYTHON))
        known = lists(tmp_path, folder.as_uri())
        assert versions(known, "a", folder.as_uri()) == ["1"]
        write_repodata(
            folder,
            {"linux-64": repodata_of(package("a", "5", subdir="linux-64"))["linux-64"]}
            | {"noarch": repodata_of(package("a", "1"), *PYTHON)["noarch"]},
        )
        assert versions(known, "a", folder.as_uri()) == ["5"]

    def test_a_subdir_that_appears_is_seen(self, served: ChannelServer, channel: str, tmp_path: Path) -> None:
        known = lists(tmp_path, channel)
        versions(known, "a", channel)
        write_repodata(
            served.folder / "team", repodata_of(package("a", "3", subdir="linux-64"), *PYTHON), compressed=True
        )
        make_older(tmp_path, FRESH_FOR + 1)
        assert versions(known, "a", channel) == ["3"]

    def test_lists_that_were_deleted_are_fetched_again(
        self, served: ChannelServer, channel: str, tmp_path: Path
    ) -> None:
        versions(lists(tmp_path, channel), "a", channel)
        for file in (tmp_path / "lists" / "repodata").iterdir():
            file.unlink()
        assert versions(lists(tmp_path, channel), "a", channel) == ["1"]


class TestSilence:
    def test_an_older_list_is_used_and_its_date_is_told(
        self, served: ChannelServer, channel: str, tmp_path: Path
    ) -> None:
        known = lists(tmp_path, channel)
        versions(known, "a", channel)
        make_older(tmp_path, FRESH_FOR * 3)
        served.fault = ChannelFault(503)
        answer = known.solve(ask("a", channel))
        assert [record.file_name for record in answer.records] == ["a-1-0.conda"]
        ((stale, since),) = answer.stale
        assert stale == channel
        assert since == pytest.approx(time.time() - FRESH_FOR * 3, abs=60)
        served.fault = None
        assert known.solve(ask("a", channel)).stale == answer.stale, "it was asked again at once"

    def test_without_an_older_list_it_is_an_error(self, served: ChannelServer, channel: str, tmp_path: Path) -> None:
        served.fault = ChannelFault(503)
        with pytest.raises(ChannelUnreachable):
            versions(lists(tmp_path, channel), "a", channel)
        served.fault = None
        assert versions(lists(tmp_path, channel), "a", channel) == ["1"]

    def test_a_server_that_says_nothing_is_given_up(
        self, served: ChannelServer, channel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(repodata, "_ANSWER_WITHIN", (0.2, 0.2))
        served.fault = ChannelFault(delay=1.5)
        with pytest.raises(ChannelUnreachable, match="no answer within"):
            versions(lists(tmp_path, channel), "a", channel)

    def test_the_user_is_told_and_the_environment_resolves(
        self, served: ChannelServer, channel: str, tmp_path: Path
    ) -> None:
        asked = request({"a": ""}, channel)
        assert resolve(asked, LINUX, tmp_path).state is State.RESOLVED
        for stamp in (tmp_path / "cache" / "channels" / "asked").iterdir():
            os.utime(stamp, (1_700_000_000,) * 2)
        served.fault = ChannelFault(500)
        outcome = resolve(asked, LINUX, tmp_path)
        assert outcome.state is State.RESOLVED
        (finding,) = outcome.findings
        assert (finding.code, finding.severity) == (Code.CHANNEL_UNREACHABLE, Severity.NOTICE)
        assert "2023-11-1" in finding.message

    def test_what_old_lists_block_says_that_they_are_old(
        self, served: ChannelServer, channel: str, tmp_path: Path
    ) -> None:
        assert resolve(request({"a": ""}, channel), LINUX, tmp_path).state is State.RESOLVED
        for stamp in (tmp_path / "cache" / "channels" / "asked").iterdir():
            os.utime(stamp, (1_700_000_000,) * 2)
        served.fault = ChannelFault(500)
        outcome = resolve(request({"a": "==2"}, channel), LINUX, tmp_path)
        assert outcome.state is State.BLOCKED
        missing, old = outcome.findings
        assert (missing.code, old.code) == (Code.NO_SUCH_VERSION, Code.CHANNEL_UNREACHABLE)
        assert old.severity is Severity.NOTICE
        assert "2023-11-1" in old.message
        served.asked.clear()
        resolve(request({"a": "==2"}, channel), LINUX, tmp_path)
        assert not served.asked, "a channel that does not answer is asked why"

    def test_all_archs_that_ask_at_once_are_told_the_same(self, tmp_path: Path) -> None:
        asked = request({"a": ""}, "http://127.0.0.1:9/nobody")
        with ThreadPoolExecutor(len(TARGETS)) as pool:
            outcomes = list(pool.map(lambda target: resolve(asked, target, tmp_path), TARGETS))
        assert {outcome.findings[0].code for outcome in outcomes} == {Code.CHANNEL_UNREACHABLE}


FAULTS = {
    "500": (ChannelFault(500), Code.CHANNEL_UNREACHABLE, State.FAILED),
    "404": (ChannelFault(404), Code.NO_SUCH_CHANNEL, State.BLOCKED),
    "403": (ChannelFault(403), Code.CHANNEL_REFUSES, State.FAILED),
    "garbage": (ChannelFault(body=b"<html>login</html>"), Code.CHANNEL_UNREADABLE, State.FAILED),
    "truncated": (ChannelFault(truncated=True, path="repodata.json.zst"), Code.CHANNEL_UNREADABLE, State.FAILED),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_channel_is_a_finding_and_others_go_on(
    fault: str, served: ChannelServer, channel: str, subset: str, tmp_path: Path
) -> None:
    served.fault, code, state = FAULTS[fault]
    outcome = resolve(request({"a": ""}, channel, subset), LINUX, tmp_path)
    assert outcome.state is state
    (finding,) = outcome.findings
    assert finding.code == code
    assert channel in finding.message
    assert finding.fix
    assert resolve(request({"click": "", "python": "=3.11"}, subset), LINUX, tmp_path).state is State.RESOLVED


def test_malformed_records_are_a_finding(tmp_path: Path) -> None:
    bad = write_repodata(tmp_path / "bad", repodata_of(package("a", "1..!x"), *PYTHON))
    outcome = resolve(request({"a": ""}, bad.as_uri()), LINUX, tmp_path)
    assert [finding.code for finding in outcome.findings] == [Code.CHANNEL_UNREADABLE]
    assert "1..!x" in outcome.findings[0].message


class TestRefresh:
    def test_half_way_through_their_time_lists_are_fetched_again(
        self, served: ChannelServer, channel: str, tmp_path: Path
    ) -> None:
        asked = request({"a": ""}, channel)
        there = context(tmp_path)
        assert CondaResolver().refresh([(asked, LINUX)], there) == FRESH_FOR / 2
        assert served.asked, "what was never fetched is fetched"
        served.asked.clear()
        CondaResolver().refresh([(asked, LINUX)], there)
        assert not served.asked
        for stamp in (tmp_path / "cache" / "channels" / "asked").iterdir():
            os.utime(stamp, (time.time() - FRESH_FOR * 0.6,) * 2)
        CondaResolver().refresh([(asked, LINUX)], there)
        assert served.asked
        served.asked.clear()
        assert resolve(asked, LINUX, tmp_path).state is State.RESOLVED
        assert not served.asked, "the save waited for the network"

    def test_what_cannot_be_solved_or_reached_is_left_for_later(
        self, served: ChannelServer, channel: str, tmp_path: Path
    ) -> None:
        work = [(request({"nothing": ""}, channel), LINUX), (request({"a": ""}, f"{served.url}/none"), LINUX)]
        assert CondaResolver().refresh(work, context(tmp_path)) > 0

    def test_a_user_may_ask_for_the_newest(self, served: ChannelServer, channel: str, tmp_path: Path) -> None:
        asked = request({"a": ""}, channel)
        resolve(asked, LINUX, tmp_path)
        add_version(served, "2")
        outcome = CondaResolver().resolve(asked, LINUX, context(tmp_path, refresh=True), lambda _: None)
        assert outcome.resolution is not None
        assert outcome.resolution.packages[0].version == "2"


def test_mapped_lists_are_still_there_when_their_memory_was_given_back(subset: str, tmp_path: Path) -> None:
    asked = request({"numpy": "", "python": "=3.11"}, subset)
    first = resolve(asked, LINUX, tmp_path)
    give_back()
    second = resolve(asked, LINUX, tmp_path)
    assert first == second
    assert first.resolution is not None
