"""conda's configuration as micromamba would put it together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mfenvd.condarc.configuration import CondaConfiguration, read_conda_configuration, used_variables
from mfenvd.domain.codes import Code
from mfenvd.domain.request import ChannelPriority
from tests.condarc.urls import authenticated


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def read(home: Path, **variables: str) -> CondaConfiguration:
    return read_conda_configuration(variables, home, home / "project")


def test_without_any_configuration_there_is_conda_forge_alone_as_metaflow_asks(home: Path) -> None:
    found = read(home)
    assert found.channels == ("conda-forge",)
    assert found.channel_priority is ChannelPriority.FLEXIBLE
    assert (found.verify, found.ca_bundle, found.credentials, found.findings) == (True, None, (), ())


def test_channels_of_all_sources_are_joined_the_strongest_first(home: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    write(home / ".condarc", "channels:\n  - condarc\n  - everywhere\n")
    write(home / ".mambarc", "channels: [mambarc, everywhere]")
    write(home / ".config/conda/condarc.d/b.yml", "channels: [folder-b]")
    write(home / ".config/conda/condarc.d/a.yml", "channels: [folder-a]")
    write(home / ".config/conda/condarc.d/ignored.txt", "channels: [no]")
    write(prefix / ".condarc", "channels: [prefix]")
    write(prefix / ".mambarc", "channels: [of-mamba]")
    found = read(home, CONDA_PREFIX=str(prefix), CONDA_CHANNELS="variable, 'second'")
    assert found.channels == (
        "variable", "second", "of-mamba", "mambarc", "everywhere", "prefix", "condarc", "folder-a", "folder-b",
    )  # fmt: skip


def test_any_other_value_is_that_of_the_strongest_source(home: Path) -> None:
    write(home / ".condarc", "channel_priority: strict\ncustom_channels: {a: https://one.example}\n")
    write(home / ".mambarc", "custom_channels: {b: https://two.example}\n")
    found = read(home)
    assert found.channel_priority is ChannelPriority.STRICT
    assert found.urls("b") == ("https://two.example/b",)
    assert read(home, MAMBA_CHANNEL_PRIORITY="disabled").channel_priority is ChannelPriority.DISABLED
    assert read(home, CONDA_CHANNEL_PRIORITY="true").channel_priority is ChannelPriority.FLEXIBLE


def test_condarc_and_mambarc_variables_replace_all_files(home: Path) -> None:
    write(home / ".condarc", "channels: [home]")
    write(home / "else/my.yml", "channels: [named]")
    assert read(home, CONDARC=str(home / "else/my.yml")).channels == ("named",)
    assert read(home, MAMBARC="~/else/my.yml").channels == ("named",)
    assert read(home, MAMBA_NO_RC="true").channels == ("conda-forge",)


def test_nodefaults_is_no_channel(home: Path) -> None:
    write(home / ".condarc", "channels: [nodefaults]")
    assert read(home).channels == ("conda-forge",)
    assert read(home, CONDA_CHANNELS="nodefaults,bioconda").channels == ("bioconda",)


def test_variables_in_a_file_are_replaced_and_an_unset_one_is_said(home: Path) -> None:
    write(home / ".condarc", "channels:\n  - https://$CONDA_HOST/${CONDA_TEAM}\n  - https://$GONE/x\n")
    found = read(home, CONDA_HOST="host.example", CONDA_TEAM="team")
    assert found.channels[0] == "https://host.example/team"
    [finding] = found.findings
    assert finding.code == Code.BAD_CONDA_SETTING
    assert "GONE" in finding.message
    assert finding.place == f"{home / '.condarc'}:1:1"


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("channels: [a\nb: ]]", Code.CONDARC_UNREADABLE, ":2:2"),
        ("just words", Code.CONDARC_UNREADABLE, ":1:1"),
        ("x: 1\nchannels: conda-forge", Code.BAD_CONDA_SETTING, ":2:1"),
        ("channels: [{a: b}]", Code.BAD_CONDA_SETTING, ":1:1"),
        ("channel_priority: sometimes", Code.BAD_CONDA_SETTING, ":1:1"),
        ("channel_alias: [a]", Code.BAD_CONDA_SETTING, ":1:1"),
        ("custom_channels: [a]", Code.BAD_CONDA_SETTING, ":1:1"),
        ("custom_multichannels: {a: b}", Code.BAD_CONDA_SETTING, ":1:1"),
    ],
)
def test_what_is_wrong_is_a_finding_at_its_line_and_left_out(home: Path, text: str, code: Code, place: str) -> None:
    write(home / ".condarc", text)
    write(home / ".config/conda/condarc", "channels: [weaker]")
    found = read(home)
    [finding] = found.findings
    assert (finding.code, finding.place) == (code, f"{home / '.condarc'}{place}")
    assert finding.fix
    assert found.channels == ("weaker",)


def test_a_file_that_is_not_utf_8_or_not_readable_is_a_finding(home: Path) -> None:
    (home / ".condarc").write_bytes(b"channels: [\xff]")
    [finding] = read(home).findings
    assert finding.code == Code.CONDARC_UNREADABLE


def test_scalars_stay_as_they_are_written(home: Path) -> None:
    write(home / ".condarc", "channels: [1.10, true, null-island, ~]")
    assert read(home).findings, "null is no channel"
    write(home / ".condarc", "channels: [1.10, true]")
    assert read(home).channels == ("1.10", "true")


def test_every_file_that_would_be_read_is_named(home: Path, tmp_path: Path) -> None:
    write(home / ".config/conda/condarc.d/a.yml", "channels: [a]")
    files = read(home, CONDA_PREFIX=str(tmp_path / "env")).files
    for file in (
        home / ".condarc", home / ".mambarc", home / ".conda/.condarc", home / ".config/conda/condarc.d",
        home / ".config/conda/condarc.d/a.yml", tmp_path / "env/.condarc", home / ".mamba/auth/authentication.json",
    ):  # fmt: skip
        assert str(file) in files


def test_certificates_and_proxies(home: Path) -> None:
    write(home / ".condarc", "ssl_verify: false\nproxy_servers:\n  https: http://proxy.example:1\n")
    found = read(home, http_proxy="http://other.example:2")
    assert found.verify is False
    assert found.proxies == {"http": "http://other.example:2", "https": "http://proxy.example:1"}
    write(home / ".condarc", "ssl_verify: /etc/ssl/own.pem\n")
    assert (read(home).verify, read(home).ca_bundle) == (True, "/etc/ssl/own.pem")
    write(home / ".condarc", "ssl_verify: true\n")
    assert read(home, REQUESTS_CA_BUNDLE="/ca.pem").ca_bundle == "/ca.pem"


def test_reading_loads_neither_rattler_nor_conda_lock(home: Path) -> None:
    write(home / ".condarc", "channels: [conda-forge, defaults]\nchannel_alias: https://host.example")
    code = (
        "import sys, pathlib; from mfenvd.condarc.configuration import read_conda_configuration as read;"
        f"home = pathlib.Path({str(home)!r}); found = read({{}}, home, home);"
        "assert found.requested(found.channels) == ('https://host.example/conda-forge', 'defaults');"
        "print(sorted({'rattler', 'conda_lock', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_variables_that_its_files_use_are_named(home: Path) -> None:
    write(home / ".condarc", "channels: [https://$HOST/x]\n# ${IN_A_COMMENT}\n")
    (home / ".mambarc").write_bytes(b"\xff $NO")
    assert used_variables({}, home) == {"HOST", "IN_A_COMMENT"}


def test_a_password_with_a_dollar_is_no_variable_to_be_told(home: Path) -> None:
    write(
        home / ".condarc", "channels: ['https://ada:hu$sh@host.example/x']\nproxy_servers: {http: 'http://a:hu$sh@p'}\n"
    )
    found = read(home)
    assert found.findings == ()
    assert authenticated(found, "https://host.example/x") == "https://ada:hu%24sh@host.example/x"
