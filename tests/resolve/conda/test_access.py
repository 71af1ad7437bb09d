"""The way to channels: credentials, buckets, mirrors, certificates and proxies."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from mfenvd.condarc.configuration import read_conda_configuration
from mfenvd.domain.codes import Code
from mfenvd.domain.state import State
from mfenvd.resolve.conda.access import Access, access_to
from mfenvd.resolve.conda.buckets import bucket
from mfenvd.resolve.conda.errors import ChannelRefuses
from tests.resolve.conda.asking import LINUX, request, resolve
from tests.resolve.conda.solving_lists import lists, versions
from tests.support.conda_channel import (
    PYTHON,
    ChannelFault,
    ChannelServer,
    package,
    repodata_of,
    write_repodata,
)

SECRET = "hunter2-4d1c"

pytestmark = pytest.mark.usefixtures("impatient")


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


def test_refused_credentials_are_told_apart(served: ChannelServer, channel: str, tmp_path: Path) -> None:
    served.credentials = ("me", SECRET)
    with pytest.raises(ChannelRefuses) as caught:
        versions(lists(tmp_path, channel), "a", channel)
    assert caught.value.status == 401
