"""Where a channel is, by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfenvd.condarc.channels import ChannelNames

NAMES = ChannelNames(
    alias="https://alias.example/conda/",
    custom={"team": "https://team.example", "team/label": "https://labels.example", "disk": "/srv/channels"},
    several={"both": ("team", "bioconda", "https://direct.example/x")},
    folder="/home/ada/project",
    home="/home/ada",
)


def test_a_name_is_appended_to_the_alias() -> None:
    assert NAMES.urls("bioconda") == ("https://alias.example/conda/bioconda",)
    assert NAMES.urls("conda-forge/label/dev") == ("https://alias.example/conda/conda-forge/label/dev",)


def test_custom_channels_count_by_their_longest_part() -> None:
    assert NAMES.urls("team") == ("https://team.example/team",)
    assert NAMES.urls("team/dev") == ("https://team.example/team/dev",)
    assert NAMES.urls("team/label/dev") == ("https://labels.example/team/label/dev",)
    assert NAMES.urls("disk") == ("file:///srv/channels/disk",)
    assert ChannelNames(custom={"team": "https://host.example/team"}).urls("team") == ("https://host.example/team",)


def test_a_multichannel_is_its_channels_in_order() -> None:
    assert NAMES.urls("both") == (
        "https://team.example/team",
        "https://alias.example/conda/bioconda",
        "https://direct.example/x",
    )


def test_urls_and_paths() -> None:
    assert NAMES.urls("https://host.example/x/") == ("https://host.example/x",)
    assert NAMES.urls("https://host.example/x/linux-64") == ("https://host.example/x",)
    assert NAMES.urls("s3://bucket/channel") == ("s3://bucket/channel",)
    assert NAMES.urls("file:///srv/channel") == ("file:///srv/channel",)
    assert NAMES.urls("/srv/channel") == ("file:///srv/channel",)
    assert NAMES.urls("./channel") == ("file:///home/ada/project/channel",)
    assert NAMES.urls("~/channel") == ("file:///home/ada/channel",)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning", "ignore::DeprecationWarning")  # of conda-lock
def test_names_that_are_not_configured_are_where_the_tools_take_them_to_be() -> None:
    nothing = ChannelNames()
    assert nothing.placed("conda-forge") == ("conda-forge",)
    [url] = nothing.urls("conda-forge")
    assert url.startswith("https://")
    assert url.endswith("/conda-forge")
    assert nothing.placed("defaults") == ("defaults",)
    assert [url.rpartition("/pkgs/")[2] for url in nothing.urls("defaults")][:2] == ["main", "r"]
    assert nothing.urls("pkgs/main") == nothing.urls("defaults")[:1]
    assert ChannelNames(defaults=("team", "x"), custom=NAMES.custom).placed("defaults") == (
        "https://team.example/team",
        "x",
    )


def test_local_is_what_conda_build_left(tmp_path: Path) -> None:
    assert ChannelNames().urls("local") == ()
    assert ChannelNames(local=("file:///x/conda-bld",)).urls("local") == ("file:///x/conda-bld",)
