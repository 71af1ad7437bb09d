"""Where packages are looked for: the same places as pip's own, for pip's variables and files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from mfenvd.domain.request import Indexes
from mfenvd.domain.surroundings import Surroundings
from mfenvd.resolve.index.configuration import DEFAULT_INDEX, configuration
from mfenvd.resolve.index.findings import ignored
from mfenvd.resolve.index.pip_settings import config_files
from mfenvd.resolve.index.urls import reached_directly
from tests.resolve.index.conftest import Configure

# Nothing listens there: pip says where it would look before it looks.
_HOST = "http://127.0.0.1:9"

_PIP_CASES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    # name: (variables, files below the home folder)
    "variables": (
        {"PIP_INDEX_URL": f"{_HOST}/a", "PIP_EXTRA_INDEX_URL": f"{_HOST}/b {_HOST}/c", "PIP_FIND_LINKS": "links"},
        {},
    ),
    "user's file": (
        {},
        {".config/pip/pip.conf": f"[global]\nindex-url = {_HOST}/a\nextra-index-url =\n  {_HOST}/b\n  {_HOST}/c\n"},
    ),
    "the new user's file counts over the old one": (
        {},
        {
            ".pip/pip.conf": f"[global]\nindex-url = {_HOST}/old\nextra_index_url = {_HOST}/kept\n",
            ".config/pip/pip.conf": f"[global]\nindex-url = {_HOST}/new\n",
        },
    ),
    "[install] counts over [global] of a stronger file": (
        {"PIP_CONFIG_FILE": "own.conf"},
        {
            "own.conf": f"[global]\nindex-url = {_HOST}/strong\n",
            "xdg/pip/pip.conf": f"[install]\nindex-url = {_HOST}/section\n",
        },
    ),
    "PIP_CONFIG_FILE puts the user's file aside": (
        {"PIP_CONFIG_FILE": "own.conf"},
        {
            "own.conf": f"[global]\nindex-url = {_HOST}/own\n",
            ".config/pip/pip.conf": f"[global]\nextra-index-url = {_HOST}/b\n",
        },
    ),
    "a variable counts over the files, a list replaces a list": (
        {"PIP_EXTRA_INDEX_URL": f"{_HOST}/variable"},
        {".config/pip/pip.conf": f"[install]\nindex-url = {_HOST}/a\nextra-index-url = {_HOST}/file\n"},
    ),
    "an empty variable says nothing": (
        {"PIP_INDEX_URL": ""},
        {".config/pip/pip.conf": f"[global]\nindex-url = {_HOST}/a\n"},
    ),
    "system": ({}, {"xdg/pip/pip.conf": f"[global]\nindex-url = {_HOST}/system\nfind-links = links\n"}),
    "no index": ({"PIP_NO_INDEX": "yes", "PIP_EXTRA_INDEX_URL": f"{_HOST}/b"}, {"links/readme.txt": ""}),
    "an index in a folder": ({"PIP_INDEX_URL": "mirror"}, {"mirror/demo/index.html": ""}),
}


@pytest.fixture
def user(home: Path) -> dict[str, str]:
    """A user whose system-wide settings, too, are in `home`."""
    return {
        "HOME": str(home),
        "PATH": os.defpath,
        "XDG_CONFIG_DIRS": str(home / "xdg"),
        "PIP_RETRIES": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_NO_CONFIG": "1",
    }


def _write(home: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of pip's files differ")
@pytest.mark.parametrize("case", list(_PIP_CASES))
def test_pip_looks_in_the_same_places(home: Path, user: dict[str, str], case: str) -> None:
    variables, files = _PIP_CASES[case]
    _write(home, files)
    environ = {**user, **variables}
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "no-such-package"],
        env=environ,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    indexes = re.search(r"Looking in indexes: (.*)", done.stdout)
    links = re.search(r"Looking in links: (.*)", done.stdout)
    ours = configuration(Indexes(), Surroundings(cwd=str(home), environ=environ), home)
    machine_wide = _machine_wide_links(environ, home)
    expected = tuple(indexes[1].split(", ")) if indexes else (() if ours.no_index else (DEFAULT_INDEX,))
    assert ours.index_urls == tuple(_absolute(url, home) for url in expected)
    assert ours.find_links == tuple(str(home / link) for link in (links[1].split(", ") if links else machine_wide))


@pytest.mark.parametrize(
    ("url", "variables", "used"),
    [
        ("http://index.invalid/simple", {}, False),
        ("http://index.invalid/simple", {"PIP_TRUSTED_HOST": "index.invalid"}, True),
        ("http://index.invalid:81/simple", {"PIP_TRUSTED_HOST": "index.invalid"}, True),
        ("http://index.invalid/simple", {"PIP_TRUSTED_HOST": "index.invalid:81"}, False),
        ("http://localhost:9/simple", {}, True),
        ("http://127.1.2.3:9/simple", {}, True),
        ("https://index.invalid/simple", {}, True),
    ],
)
def test_pip_passes_over_the_same_indexes(
    home: Path, user: dict[str, str], url: str, variables: dict[str, str], used: bool
) -> None:
    environ = {**user, "PIP_CONFIG_FILE": os.devnull, **variables}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--dry-run",
            "--timeout",
            "0.2",
            "--index-url",
            url,
            "no-such-package",
        ],
        env=environ,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ("is not a trusted or secure host" in done.stderr) == (not used), done.stderr
    config = configuration(Indexes(index_url=url), Surroundings(cwd=str(home), environ=environ), home)
    assert (config.index_urls, config.ignored_urls) == (((url,), ()) if used else ((), (url,)))
    if not used:
        assert config.uv_arguments() == ("--no-index",)
        assert ignored(url).fix == f"Use https, or add `trusted-host = {url.split('/')[2]}` to pip's configuration."


def _absolute(url: str, home: Path) -> str:
    return url.rstrip("/") if "://" in url else (home / url).as_uri()


def _machine_wide_links(environ: dict[str, str], home: Path) -> tuple[str, ...]:
    """Of /etc/pip.conf, which no variable puts aside."""
    return configuration(
        Indexes(), Surroundings(cwd=str(home), environ={**environ, "PIP_FIND_LINKS": ""}), home
    ).find_links


def test_the_default_index_is_what_pypi_simple_takes_for_it() -> None:
    assert PYPI_SIMPLE_ENDPOINT.rstrip("/") == DEFAULT_INDEX


def test_nothing_set_means_the_default_index_alone(configure: Configure) -> None:
    config = configure()
    assert config.index_urls == (DEFAULT_INDEX,)
    assert (config.find_links, config.timeout, config.keyring) == ((), 15.0, None)
    assert config.uv_arguments() == ()


def test_a_requirements_files_index_replaces_all_and_the_rest_is_added(configure: Configure) -> None:
    environ = {
        "PIP_INDEX_URL": "https://one.test/simple",
        "PIP_EXTRA_INDEX_URL": "https://two.test/simple",
        "PIP_FIND_LINKS": "/links",
    }
    added = configure(environ, extra_index_urls=("https://three.test/simple/",), find_links=("more",))
    assert added.index_urls == ("https://one.test/simple", "https://two.test/simple", "https://three.test/simple")
    assert [Path(link).name for link in added.find_links] == ["links", "more"]
    replaced = configure(environ, index_url="https://own.test/simple", extra_index_urls=("https://three.test/simple",))
    assert replaced.index_urls == ("https://own.test/simple", "https://three.test/simple")
    assert replaced.find_links == ("/links",)
    assert configure(environ, no_index=True).index_urls == ()


def test_variables_count_over_files_and_pip_over_uv(home: Path, user: dict[str, str], tmp_path: Path) -> None:
    _write(
        home,
        {
            ".config/pip/pip.conf": "[global]\nindex-url = https://pip-file.test\ntrusted-host = pip-file.test\n",
            ".config/uv/uv.toml": 'index-url = "https://uv-file.test"\nextra-index-url = ["https://uv-extra.test"]\n',
        },
    )
    environ = {**user, "UV_NO_CONFIG": ""}

    def config(**variables: str) -> tuple[str, ...]:
        surroundings = Surroundings(cwd=str(tmp_path), environ={**environ, **variables})
        return configuration(Indexes(), surroundings, tmp_path).index_urls

    assert config() == ("https://pip-file.test", "https://uv-extra.test")
    assert config(UV_INDEX_URL="https://uv.test") == ("https://uv.test", "https://uv-extra.test")
    assert config(UV_INDEX_URL="https://uv.test", PIP_INDEX_URL="https://pip.test")[0] == "https://pip.test"
    assert config(UV_INDEX="https://a.test b=https://b.test", UV_EXTRA_INDEX_URL="https://c.test")[1:] == (
        "https://a.test",
        "https://b.test",
        "https://c.test",
    )


def test_uvs_named_index_has_its_credentials_in_variables(configure: Configure) -> None:
    config = configure(
        {
            "UV_DEFAULT_INDEX": "my-corp=https://corp.test/simple",
            "UV_INDEX_MY_CORP_USERNAME": "ana",
            "UV_INDEX_MY_CORP_PASSWORD": "a/b",
        }
    )
    assert config.index_url == "https://ana:a%2Fb@corp.test/simple"


def test_a_projects_uv_table_counts_where_pip_is_silent(tmp_path: Path, bare_environ: dict[str, str]) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[[tool.uv.index]]\nname = 'corp'\nurl = 'https://corp.test/simple'\ndefault = true\n"
        "[[tool.uv.index]]\nurl = 'https://torch.test/whl'\nexplicit = true\n"
        "[[tool.uv.index]]\nurl = 'https://more.test/simple'\n"
        "[tool.uv]\nfind-links = ['wheels']\n"
    )
    nested = tmp_path / "flows"
    nested.mkdir()
    environ = {**bare_environ, "UV_NO_CONFIG": ""}
    config = configuration(Indexes(), Surroundings(cwd=str(nested), environ=environ), nested)
    assert config.index_urls == ("https://corp.test/simple", "https://more.test/simple")
    assert config.find_links == (str(tmp_path / "wheels"),)


@pytest.mark.parametrize("text", ["[global\n", "\xff", "index-url = https://x.test\n"])
def test_a_file_that_cannot_be_parsed_is_passed_over(home: Path, user: dict[str, str], text: str) -> None:
    _write(home, {".config/pip/pip.conf": "", ".config/uv/uv.toml": ""})
    (home / ".config/pip/pip.conf").write_bytes(text.encode("latin-1"))
    (home / ".config/uv/uv.toml").write_bytes(text.encode("latin-1"))
    config = configuration(Indexes(), Surroundings(cwd=str(home), environ={**user, "UV_NO_CONFIG": ""}), home)
    assert config.index_url == DEFAULT_INDEX


def test_the_environments_own_file_is_read(tmp_path: Path, user: dict[str, str]) -> None:
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "pip.conf").write_text("[global]\nindex-url = https://venv.test\n")
    interpreter = str(tmp_path / "venv" / "bin" / "python")
    surroundings = Surroundings(cwd=str(tmp_path), interpreter=interpreter, environ=user)
    assert tmp_path / "venv" / "pip.conf" in config_files(surroundings)
    assert configuration(Indexes(), surroundings, tmp_path).index_url == "https://venv.test"


def test_how_to_get_there_follows_pip_and_the_variables_of_all_tools(configure: Configure, tmp_path: Path) -> None:
    config = configure(
        {
            "PIP_TRUSTED_HOST": "a.test b.test:8443",
            "PIP_CERT": "ca.pem",
            "SSL_CERT_FILE": "/other.pem",
            "PIP_TIMEOUT": "42",
            "https_proxy": "http://user:s3cret@proxy.test:3128",
            "NO_PROXY": "corp.test",
        }
    )
    assert config.trusted_hosts == ("a.test", "b.test:8443")
    assert config.cert == str(tmp_path / "ca.pem")
    assert config.timeout == 42.0
    assert config.proxies == {"https": "http://user:s3cret@proxy.test:3128"}
    assert "s3cret" not in repr(config)
    environ = config.uv_environ({"SSL_CERT_FILE": "/other.pem"})
    assert environ["SSL_CERT_FILE"] == str(tmp_path / "ca.pem")
    assert environ["UV_INSECURE_HOST"] == "a.test b.test:8443"
    assert environ["UV_HTTP_TIMEOUT"] == "42"
    assert configure({"PIP_PROXY": "proxy.test:1"}).proxies == {
        "http": "http://proxy.test:1",
        "https": "http://proxy.test:1",
    }


@pytest.mark.parametrize(
    ("url", "no_proxy", "direct"),
    [
        ("https://a.corp.test/simple", "corp.test", True),
        ("https://a.corp.test/simple", ".corp.test", True),
        ("https://a.corp.test/simple", "other, *.corp.test", True),
        ("https://corp.test:8080/", "corp.test:8080", True),
        ("https://corp.test:8080/", "corp.test:9090", False),
        ("https://notcorp.test/", "corp.test", False),
        ("https://10.1.2.3/", "10.0.0.0/8", True),
        ("https://11.1.2.3/", "10.0.0.0/8", False),
        ("https://anything.test/", "*", True),
        ("https://anything.test/", "", False),
    ],
)
def test_no_proxy_names_hosts_domains_and_networks(url: str, no_proxy: str, direct: bool) -> None:
    assert reached_directly(url, no_proxy) == direct
