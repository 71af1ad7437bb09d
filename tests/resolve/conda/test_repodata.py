from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme

from mfenvd.condarc.configuration import read_conda_configuration
from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Severity
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.resolve.conda import access, repodata
from mfenvd.resolve.conda.access import Access, access_to
from mfenvd.resolve.conda.buckets import bucket
from mfenvd.resolve.conda.catalog import Catalog
from mfenvd.resolve.conda.errors import ChannelRefuses, ChannelUnreachable, Unsolvable
from mfenvd.resolve.conda.lists import FRESH_FOR
from mfenvd.resolve.conda.mapped import give_back
from mfenvd.resolve.conda.question import Question
from mfenvd.resolve.conda.repodata import Repodata
from mfenvd.resolve.conda.resolver import CondaResolver
from tests.resolve.conda.asking import LINUX, MAC, TARGETS, context, request, resolve
from tests.support.conda_channel import (
    PYTHON,
    ChannelFault,
    ChannelServer,
    package,
    repodata_of,
    write_repodata,
)

SECRET = "hunter2-4d1c"


@pytest.fixture
def channel(served: ChannelServer) -> str:
    return f"{served.url}/team"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server's error is not waited out."""
    monkeypatch.setattr(access, "_ATTEMPTS_AGAIN", 0)


def lists(folder: Path, channel: str, fresh_for: float = FRESH_FOR) -> Repodata:
    return Repodata(folder / "lists", Access((channel,)), fresh_for)


def ask(spec: str, channel: str) -> Question:
    return Question((spec,), (channel,), LINUX)


def versions(known: Repodata, spec: str, channel: str, *, refresh: bool = False) -> list[str]:
    return [str(record.version) for record in known.solve(ask(spec, channel), refresh=refresh).records]


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
        served.asked.clear()
        assert known.solve(ask("a", channel)).stale == answer.stale
        assert not served.asked, "it was asked again at once"

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


class TestCredentials:
    """They reach the channel, and nothing else: no file, no record, no message."""

    def holds_no_secret(self, folder: Path, *shown: object) -> None:
        for file in folder.rglob("*"):
            if file.is_file() and file.name != ".condarc":
                assert SECRET.encode() not in file.read_bytes(), file
        assert SECRET not in repr(shown)

    def test_a_user_and_a_password_in_the_url(self, served: ChannelServer, channel: str, tmp_path: Path) -> None:
        served.credentials = ("me", SECRET)
        outcome = resolve(request({"a": ""}, channel.replace("//", f"//me:{SECRET}@")), LINUX, tmp_path)
        assert outcome.resolution is not None, outcome.findings
        assert outcome.resolution.packages[0].url == f"{channel}/noarch/a-1-0.conda"
        self.holds_no_secret(tmp_path / "cache", outcome)

    def test_a_token_in_the_configuration(self, served: ChannelServer, channel: str, tmp_path: Path) -> None:
        served.token = SECRET
        (tmp_path / ".condarc").write_text(f"custom_channels:\n  team: {served.url}/t/{SECRET}\n")
        outcome = resolve(request({"a": ""}, "team"), LINUX, tmp_path)
        assert outcome.resolution is not None, outcome.findings
        assert outcome.resolution.packages[0].channel == channel
        self.holds_no_secret(tmp_path / "cache", outcome)

    def test_a_netrc(self, served: ChannelServer, channel: str, tmp_path: Path) -> None:
        served.credentials = ("me", SECRET)
        (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
        assert resolve(request({"a": ""}, channel), LINUX, tmp_path).state is State.RESOLVED
        self.holds_no_secret(tmp_path / "cache")

    @pytest.mark.parametrize("part", ["//me:{}@", "token"])
    def test_wrong_ones_are_not_told(self, part: str, served: ChannelServer, channel: str, tmp_path: Path) -> None:
        served.credentials = ("me", "another")
        place = channel.replace("//", part.format(SECRET))
        if part == "token":
            place = channel.replace("/team", f"/t/{SECRET}/team")
        outcome = resolve(request({"a": ""}, place), LINUX, tmp_path)
        (finding,) = outcome.findings
        assert finding.code == Code.CHANNEL_REFUSES
        self.holds_no_secret(tmp_path / "cache", outcome)

    def test_the_way_to_a_channel_shows_none(self, tmp_path: Path) -> None:
        (tmp_path / ".condarc").write_text(f"custom_channels:\n  team: https://me:{SECRET}@host.example/c\n")
        way = access_to(["team"], read_conda_configuration({}, tmp_path, tmp_path))
        assert way.logins[0].password == SECRET
        assert SECRET not in repr(way) + repr(way.logins)
        assert way.channels == ("https://host.example/c/team",)

    def test_another_password_is_another_access(self) -> None:
        with_token = Access(("https://h/c",), mirrors=(("https://h/c", (f"https://h/t/{SECRET}/c",)),))
        assert with_token.key != Access(("https://h/c",)).key


class TestBuckets:
    """Channels in S3: the server stands for the service, and sees requests that are signed."""

    @pytest.fixture
    def environ(self, served: ChannelServer) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL_S3": served.url,
        }  # fmt: skip

    def test_a_channel_in_a_bucket(self, served: ChannelServer, environ: dict[str, str], tmp_path: Path) -> None:
        write_repodata(served.folder / "team" / "chan", repodata_of(package("a", "1"), *PYTHON), compressed=True)
        outcome = resolve(request({"a": ""}, "s3://team/chan"), LINUX, tmp_path, environ)
        assert outcome.resolution is not None, outcome.findings
        assert outcome.resolution.packages[0].url == "s3://team/chan/noarch/a-1-0.conda"
        assert all("X-Amz-Credential=AKIATEST" in path for _, path, _ in served.asked)
        served.asked.clear()
        assert resolve(request({"a": ""}, "s3://team/chan"), LINUX, tmp_path, environ).state is State.RESOLVED
        assert not served.asked
        for file in (tmp_path / "cache").rglob("*"):
            assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file

    def test_one_that_refuses_is_told_without_the_signature(
        self, served: ChannelServer, environ: dict[str, str], tmp_path: Path
    ) -> None:
        served.fault = ChannelFault(403)
        outcome = resolve(request({"a": ""}, "s3://team/chan"), LINUX, tmp_path, environ)
        (finding,) = outcome.findings
        assert finding.code == Code.CHANNEL_REFUSES
        assert finding.data["channel"] == "s3://team/chan"
        assert "X-Amz" not in repr(finding)

    def test_a_profile_of_the_user(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "credentials").write_text(
            f"[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = {SECRET}\nregion = eu-north-1\n"
        )
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name, raising=False)
        assert bucket("team", {"AWS_PROFILE": "nobody"}) is None
        found = bucket("team", {"AWS_PROFILE": "work"})
        assert found is not None
        assert (found.key_id, found.secret, found.region) == ("AKIAWORK", SECRET, "eu-north-1")
        assert (found.endpoint, found.by_path) == ("https://s3.eu-north-1.amazonaws.com", False)
        assert SECRET not in repr(found)


def test_a_mirror_is_asked_and_the_channel_is_named(served: ChannelServer, tmp_path: Path) -> None:
    (tmp_path / ".condarc").write_text(
        f"channel_alias: https://nowhere.invalid\nmirrored_channels:\n  team: [{served.url}/team]\n"
    )
    outcome = resolve(request({"a": ""}, "team"), LINUX, tmp_path)
    assert outcome.resolution is not None, outcome.findings
    assert outcome.resolution.packages[0].channel == "https://nowhere.invalid/team"


class TestCertificates:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def secure(self, served: ChannelServer, authority: trustme.CA) -> Iterator[str]:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        with ChannelServer(served.folder, tls=tls) as server:
            yield f"{server.url}/team"

    def test_an_unknown_authority_is_refused(self, secure: str, tmp_path: Path) -> None:
        (finding,) = resolve(request({"a": ""}, secure), LINUX, tmp_path).findings
        assert finding.code == Code.CHANNEL_UNREACHABLE
        assert "certificate" in finding.message

    def test_conda_may_name_the_authority(self, secure: str, authority: trustme.CA, tmp_path: Path) -> None:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        before = os.environ.get("SSL_CERT_FILE")
        outcome = resolve(request({"a": ""}, secure), LINUX, tmp_path, {"CONDA_SSL_VERIFY": str(tmp_path / "ca.pem")})
        assert outcome.state is State.RESOLVED, outcome.findings
        assert os.environ.get("SSL_CERT_FILE") == before

    def test_conda_may_trust_whoever_answers(self, secure: str, tmp_path: Path) -> None:
        (tmp_path / ".condarc").write_text("ssl_verify: false\n")
        assert resolve(request({"a": ""}, secure), LINUX, tmp_path).state is State.RESOLVED


def test_a_proxy_of_the_configuration_is_used(served: ChannelServer, tmp_path: Path) -> None:
    (tmp_path / ".condarc").write_text(f"proxy_servers:\n  http: {served.url}\n")
    outcome = resolve(request({"a": ""}, "http://far.invalid/team"), LINUX, tmp_path)
    assert any(path.startswith("http://far.invalid/team") for _, path, _ in served.asked)
    assert outcome.state is not State.RESOLVED


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


def test_refused_credentials_are_told_apart(served: ChannelServer, channel: str, tmp_path: Path) -> None:
    served.credentials = ("me", SECRET)
    with pytest.raises(ChannelRefuses) as caught:
        versions(lists(tmp_path, channel), "a", channel)
    assert caught.value.status == 401


def test_mapped_lists_are_still_there_when_their_memory_was_given_back(subset: str, tmp_path: Path) -> None:
    asked = request({"numpy": "", "python": "=3.11"}, subset)
    first = resolve(asked, LINUX, tmp_path)
    give_back()
    second = resolve(asked, LINUX, tmp_path)
    assert first == second
    assert first.resolution is not None
