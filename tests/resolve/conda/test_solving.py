from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rattler import Gateway, RepoDataRecord

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import ChannelPriority
from mfenvd.domain.target import Target
from mfenvd.resolve.conda.errors import (
    ChannelRefuses,
    ChannelUnreachable,
    ChannelUnreadable,
    InvalidSpec,
    NoSuchChannel,
    SolveTookTooLong,
    Unsolvable,
)
from mfenvd.resolve.conda.question import Question
from mfenvd.resolve.conda.solving import solve
from tests.support.conda_channel import ChannelFault, ChannelServer, package, repodata_of, write_repodata

LINUX = Target(Arch.LINUX_64, "3.11", glibc="2.26")
MAC = Target(Arch.OSX_ARM64, "3.11", macos="13.0")


def ask(
    specs: list[str], channels: list[str], target: Target, gateway: Gateway, **other: Any
) -> tuple[RepoDataRecord, ...]:
    return solve(Question(tuple(specs), tuple(channels), target, **other), gateway)


def files(records: tuple[RepoDataRecord, ...]) -> list[str]:
    return [record.file_name for record in records]


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(cache_dir=tmp_path / "repodata")


@pytest.fixture
def server(small_channel: Path) -> Iterator[ChannelServer]:
    with ChannelServer(small_channel.parent) as server:
        yield server


def url_of(server: ChannelServer, channel: Path) -> str:
    return f"{server.url}/{channel.name}"


def test_both_formats_and_noarch_are_found_for_the_targets_glibc(small_channel: Path, gateway: Gateway) -> None:
    found = ask(["app"], [small_channel.as_uri()], LINUX, gateway)
    assert files(found) == ["app-1.0-0.conda", "core-1.0-0.tar.bz2"]


def test_a_newer_glibc_takes_the_newer_package(small_channel: Path, gateway: Gateway) -> None:
    newer = Target(Arch.LINUX_64, "3.11", glibc="2.28")
    found = ask(["app"], [small_channel.as_uri()], newer, gateway)
    assert files(found) == ["app-1.0-0.conda", "core-2.0-0.conda"]
    assert {record.subdir for record in found} == {"noarch", "linux-64"}


def test_a_gpu_package_needs_a_target_with_cuda(small_channel: Path, gateway: Gateway) -> None:
    with pytest.raises(Unsolvable, match="__cuda"):
        ask(["trainer"], [small_channel.as_uri()], LINUX, gateway)
    with_gpu = Target(Arch.LINUX_64, "3.11", glibc="2.26", cuda="12.4")
    assert "trainer-1.0-0.conda" in files(ask(["trainer"], [small_channel.as_uri()], with_gpu, gateway))


def test_repodata_of_a_server_is_read_from_shards(small_channel: Path, server: ChannelServer, gateway: Gateway) -> None:
    found = ask(["app"], [url_of(server, small_channel)], MAC, gateway)
    assert files(found) == ["app-1.0-0.conda", "core-2.0-0.conda"]
    assert found[0].url == f"{url_of(server, small_channel)}/noarch/app-1.0-0.conda"
    assert any("/shards/" in path for _, path, _ in server.asked)


def test_a_subdir_that_a_channel_lacks_is_empty(small_channel: Path, gateway: Gateway) -> None:
    with pytest.raises(Unsolvable):
        ask(["app"], [small_channel.as_uri()], Target(Arch.WIN_64, "3.11"), gateway)


def test_pip_comes_with_python(subset: str, gateway: Gateway) -> None:
    found = ask(["python==3.11"], [subset], LINUX, gateway)
    assert "pip" in {record.name.normalized for record in found}


def test_constraints_hold_without_asking_for_anything(subset: str, gateway: Gateway) -> None:
    found = ask(["pandas", "python=3.11"], [subset], LINUX, gateway, constraints=["numpy <2", "scipy <1"])
    versions = {record.name.normalized: str(record.version) for record in found}
    assert versions["numpy"].startswith("1.")
    assert "scipy" not in versions


class TestPriority:
    """`first` has a 1 and b 1, `second` has a 1, a 2 and b 2; b 2 needs a 2."""

    @pytest.fixture(scope="class")
    def channels(self, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
        folder = tmp_path_factory.mktemp("channels")
        write_repodata(folder / "first", repodata_of(package("a", "1"), package("b", "1")))
        write_repodata(
            folder / "second", repodata_of(package("a", "1"), package("a", "2"), package("b", "2", depends=("a 2.*",)))
        )
        return [(folder / name).as_uri() for name in ("first", "second")]

    def solved(
        self, specs: list[str], channels: list[str], gateway: Gateway, priority: ChannelPriority
    ) -> list[tuple[str, str]]:
        found = ask(specs, channels, LINUX, gateway, priority=priority)
        return [(record.file_name.split("-0.")[0], record.channel.rstrip("/").rpartition("/")[2]) for record in found]

    @pytest.mark.parametrize("priority", [ChannelPriority.STRICT, ChannelPriority.FLEXIBLE])
    def test_the_first_channel_goes_before_a_newer_version(
        self, channels: list[str], gateway: Gateway, priority: ChannelPriority
    ) -> None:
        assert self.solved(["a", "b"], channels, gateway, priority) == [("a-1", "first"), ("b-1", "first")]

    def test_a_newer_version_goes_before_the_first_channel_when_disabled(
        self, channels: list[str], gateway: Gateway
    ) -> None:
        found = self.solved(["a", "b"], channels, gateway, ChannelPriority.DISABLED)
        assert found == [("a-2", "second"), ("b-2", "second")]

    def test_flexible_takes_from_the_second_channel_what_the_first_cannot_give(
        self, channels: list[str], gateway: Gateway
    ) -> None:
        found = self.solved(["a>=2", "b"], channels, gateway, ChannelPriority.FLEXIBLE)
        assert found == [("a-2", "second"), ("b-1", "first")]

    def test_strict_does_not(self, channels: list[str], gateway: Gateway) -> None:
        with pytest.raises(Unsolvable, match="the constraint a >=2 cannot be fulfilled"):
            self.solved(["a>=2", "b"], channels, gateway, ChannelPriority.STRICT)

    def test_nor_for_a_dependency(self, channels: list[str], gateway: Gateway) -> None:
        both = [*channels, channels[0]]
        with pytest.raises(Unsolvable, match="strict channel priority"):
            self.solved([f"{channels[1]}::b"], both, gateway, ChannelPriority.STRICT)

    def test_a_channel_that_is_named_wins(self, channels: list[str], gateway: Gateway) -> None:
        found = self.solved([f"{channels[1]}::a", "b"], channels, gateway, ChannelPriority.FLEXIBLE)
        assert found == [("a-2", "second"), ("b-1", "first")]


@pytest.mark.parametrize("spec", ["numpy==1..2", "numpy==", "numpy>=", "!!", "numpy[", "not/a/spec>>1"])
def test_what_is_no_spec_is_named(spec: str, gateway: Gateway) -> None:
    with pytest.raises(InvalidSpec) as caught:
        ask([spec], [], LINUX, gateway)
    assert caught.value.spec == spec
    assert caught.value.reason


def test_a_solver_that_takes_too_long_is_stopped(subset: str, gateway: Gateway) -> None:
    with pytest.raises(SolveTookTooLong):
        ask(["pandas", "scikit-learn", "matplotlib-base"], [subset], LINUX, gateway, timeout=0.0005)


class TestFaults:
    """One bad channel next to a good one: it is named, with the cause."""

    @pytest.fixture
    def bad(self, server: ChannelServer) -> str:
        return f"{server.url}/bad"

    def ask_both(self, bad: str, small_channel: Path, gateway: Gateway) -> None:
        ask(["app"], [small_channel.as_uri(), bad], LINUX, gateway)

    @pytest.mark.parametrize("status", [500, 503])
    def test_an_error_of_the_server(
        self, status: int, bad: str, small_channel: Path, server: ChannelServer, gateway: Gateway
    ) -> None:
        server.fault = ChannelFault(status)
        with pytest.raises(ChannelUnreachable) as caught:
            self.ask_both(bad, small_channel, gateway)
        assert (caught.value.channel, caught.value.detail) == (bad, f"HTTP status {status}")

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refusal(
        self, status: int, bad: str, small_channel: Path, server: ChannelServer, gateway: Gateway
    ) -> None:
        server.fault = ChannelFault(status)
        with pytest.raises(ChannelRefuses) as caught:
            self.ask_both(bad, small_channel, gateway)
        assert (caught.value.channel, caught.value.status) == (bad, status)

    def test_nothing_there(self, bad: str, small_channel: Path, gateway: Gateway) -> None:
        with pytest.raises(NoSuchChannel) as caught:
            self.ask_both(bad, small_channel, gateway)
        assert caught.value.channel == bad

    def test_garbage(self, bad: str, small_channel: Path, server: ChannelServer, gateway: Gateway) -> None:
        server.fault = ChannelFault(body=b"<html>Welcome to the hotel's network</html>")
        with pytest.raises(ChannelUnreadable) as caught:
            self.ask_both(bad, small_channel, gateway)
        assert caught.value.channel == bad

    def test_nobody_listening(self, small_channel: Path, gateway: Gateway) -> None:
        with pytest.raises(ChannelUnreachable, match="refused"):
            self.ask_both("http://127.0.0.1:9/channel", small_channel, gateway)

    @pytest.mark.parametrize("content", ["", "<html>", '{"packages": {"a-1-0.conda": {"name"', "[]"])
    def test_malformed_repodata_of_a_folder(
        self, content: str, small_channel: Path, gateway: Gateway, tmp_path: Path
    ) -> None:
        bad = write_repodata(tmp_path / "bad", {})
        (bad / "noarch" / "repodata.json").write_text(content)
        with pytest.raises(ChannelUnreadable) as caught:
            self.ask_both(bad.as_uri(), small_channel, gateway)
        assert caught.value.channel == bad.as_uri()

    def test_credentials_are_in_no_message(self, small_channel: Path, gateway: Gateway) -> None:
        with pytest.raises(ChannelUnreachable) as caught:
            self.ask_both("http://me:hunter2@127.0.0.1:9/channel", small_channel, gateway)
        assert "hunter2" not in str(caught.value) + caught.value.channel + caught.value.detail
