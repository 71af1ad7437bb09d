"""Credentials reach the index that they are for, and nobody else."""

from __future__ import annotations

import base64
import logging
import os
import stat
import sys
from pathlib import Path

import pytest

from mfenvd.domain.codes import Code
from mfenvd.resolve.index.client import IndexClient, Listing
from mfenvd.resolve.index.errors import IndexProblem, IndexRefuses
from mfenvd.resolve.index.findings import index_finding
from tests.resolve.index.conftest import Configure, MakeClient, ServeIndex
from tests.support.index_server import Fault, IndexServer
from tests.support.wheels import wheel

USER, PASSWORD = "ana@corp", "s3cr:t/päss, word"

# What a netrc file can hold for Python 3.10 too.
PLAIN = "s3cr:t/pass,word"


@pytest.fixture
def private(serve: ServeIndex) -> IndexServer:
    index = serve(credentials=(USER, PASSWORD))
    index.add(wheel("demo", "1.0", requires=["other"]))
    return index


@pytest.fixture
def plain(serve: ServeIndex) -> IndexServer:
    index = serve(credentials=(USER, PLAIN))
    index.add(wheel("demo", "1.0"))
    return index


def _url(index: IndexServer, user: str = USER, password: str | None = PASSWORD) -> str:
    secret = f":{_quoted(password)}" if password is not None else ""
    return index.url.replace("://", f"://{_quoted(user)}{secret}@")


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _netrc(home: Path, host: str, user: str = USER, password: str = PLAIN) -> None:
    path = home / ".netrc"
    path.write_text(f"machine {host.partition(':')[0]} login {user} password {password}\n")
    path.chmod(0o600)


def _keyring(folder: Path, script: str) -> dict[str, str]:
    """A `keyring` command that runs `script` with `arguments` at hand; returns the PATH to find it."""
    folder.mkdir()
    command = folder / "keyring"
    command.write_text(f"#!{sys.executable}\nimport json, sys\narguments = sys.argv[1:]\n{script}\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{folder}{os.pathsep}{os.defpath}"}


def test_the_url_says_them(private: IndexServer, client_of: MakeClient) -> None:
    client = client_of(_url(private))
    (file,) = client.files("demo")
    assert client.metadata(file).requires == ("other",), "files of the same host get them too"
    assert file.url == f"http://{private.host}/files/{file.filename}"


def test_netrc_says_them(plain: IndexServer, client_of: MakeClient, home: Path) -> None:
    _netrc(home, plain.host)
    assert len(client_of(plain.url).files("demo")) == 1


def test_netrc_has_the_password_of_the_user_in_the_url(plain: IndexServer, client_of: MakeClient, home: Path) -> None:
    _netrc(home, plain.host)
    assert len(client_of(_url(plain, password=None)).files("demo")) == 1
    with pytest.raises(IndexRefuses):
        client_of(_url(plain, user="someone", password=None), fresh_for=0.0).files("demo")


def test_the_variable_netrc_names_another_file(plain: IndexServer, client_of: MakeClient, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    _netrc(tmp_path / "elsewhere", plain.host)
    environ = {"NETRC": str(tmp_path / "elsewhere" / ".netrc")}
    assert len(client_of(plain.url, environ=environ).files("demo")) == 1


def test_a_netrc_that_cannot_be_parsed_is_passed_over(plain: IndexServer, client_of: MakeClient, home: Path) -> None:
    (home / ".netrc").write_text('machine "unfinished')
    with pytest.raises(IndexRefuses):
        client_of(plain.url).files("demo")


def test_the_keyring_is_asked_once_and_only_after_a_refusal(
    private: IndexServer, client_of: MakeClient, tmp_path: Path
) -> None:
    private.add(wheel("demo2", "1.0"))
    log = tmp_path / "asked"
    environ = _keyring(
        tmp_path / "bin",
        f"open({str(log)!r}, 'a').write(json.dumps(arguments) + chr(10))\n"
        f"print({PASSWORD!r} if arguments == ['get', {private.url!r}, {USER!r}] else '')",
    )
    client = client_of(_url(private, password=None), environ=environ)
    assert len(client.files("demo")) == len(client.files("demo2")) == 1
    assert len(log.read_text().splitlines()) == 1
    assert [asked.status for asked in private.log] == [401, 200, 200]


def test_many_questions_at_once_share_what_the_keyring_says(
    private: IndexServer, client_of: MakeClient, tmp_path: Path
) -> None:
    names = [f"demo{number}" for number in range(12)]
    private.add(*(wheel(name, "1.0") for name in names))
    log = tmp_path / "asked"
    environ = _keyring(tmp_path / "bin", f"open({str(log)!r}, 'a').write('asked\\n')\nprint({PASSWORD!r})")

    found = client_of(_url(private, password=None), environ=environ).listings_of_many(names)

    assert {name: isinstance(answer, Listing) for name, answer in found.items()} == dict.fromkeys(names, True)
    assert log.read_text().splitlines() == ["asked"]


def test_a_keyring_that_knows_the_user_is_believed(private: IndexServer, client_of: MakeClient, tmp_path: Path) -> None:
    environ = _keyring(
        tmp_path / "bin",
        f"print(json.dumps({{'username': {USER!r}, 'password': {PASSWORD!r}}}) if '--mode' in arguments else '')",
    )
    assert len(client_of(private.url, environ=environ).files("demo")) == 1


@pytest.mark.parametrize("script", ["sys.exit(1)", "print('not json')", "print(input())", "print('[1]')"])
def test_a_keyring_that_knows_nothing_is_no_error(
    private: IndexServer, client_of: MakeClient, tmp_path: Path, script: str
) -> None:
    with pytest.raises(IndexRefuses):
        client_of(private.url, environ=_keyring(tmp_path / "bin", script)).files("demo")


def test_a_keyring_that_is_switched_off_is_not_run(private: IndexServer, configure: Configure, tmp_path: Path) -> None:
    environ = {**_keyring(tmp_path / "bin", ""), "PIP_KEYRING_PROVIDER": "disabled"}
    assert configure(environ, index_url=private.url).keyring is None


def test_credentials_do_not_travel_to_another_host(
    private: IndexServer, serve: ServeIndex, client_of: MakeClient
) -> None:
    other = serve()
    other.add(wheel("demo", "2.0"))
    client = client_of(_url(private), other.url)
    client.metadata(client.files("demo")[-1])
    assert {asked.authorization for asked in other.log} == {None}


def test_the_same_index_with_another_user_has_its_own_pages(private: IndexServer, client_of: MakeClient) -> None:
    client_of(_url(private)).files("demo")
    with pytest.raises(IndexRefuses):
        client_of(_url(private, user="someone")).files("demo")


@pytest.mark.parametrize("password", [None, "wrong-s3cret"])
def test_a_refusal_tells_a_wrong_password_from_a_missing_one(
    private: IndexServer, client_of: MakeClient, password: str | None
) -> None:
    url = private.url if password is None else _url(private, password=password)
    with pytest.raises(IndexRefuses) as raised:
        client_of(url).files("demo")
    assert raised.value.had_credentials == (password is not None)
    finding = index_finding(raised.value)
    assert finding.code == Code.INDEX_REFUSES
    assert finding.fix is not None
    assert finding.fix.startswith("Renew" if password else "Give")
    assert private.host in finding.fix


@pytest.mark.parametrize(
    "fault",
    [
        None,
        Fault(status=401),
        Fault(status=403),
        Fault(status=500),
        Fault(status=400),
        Fault(body=b"{"),
        Fault(delay=2),
    ],
)
def test_no_secret_is_ever_told(
    private: IndexServer,
    client_of: MakeClient,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    fault: Fault | None,
) -> None:
    caplog.set_level(logging.DEBUG)
    private.fail("demo", fault)
    client = client_of(_url(private), environ={"PIP_TIMEOUT": "0.3"})
    told = [repr(client.config), *client.config.shown]
    try:
        told.append(repr(client.listing("demo")))
    except IndexProblem as problem:
        told += [repr(problem), str(problem.__cause__), repr(index_finding(problem))]
    told.append(caplog.text)
    _assert_no_secret("\n".join(told).encode())
    client.close()
    for path in (tmp_path / "cache").rglob("*"):
        if path.is_file():
            _assert_no_secret(path.read_bytes() + str(path).encode())


def test_uv_gets_them_by_its_environment_alone(private: IndexServer, configure: Configure) -> None:
    config = configure(
        {"UV_INDEX_OLD_PASSWORD": PASSWORD},
        index_url=_url(private),
        extra_index_urls=(_url(private).replace("/simple", "/other"),),
        find_links=(_url(private).replace("/simple", "/links/"),),
    )
    _assert_no_secret("\n".join(config.uv_arguments()).encode())
    environ = config.uv_environ({"UV_INDEX_OLD_PASSWORD": PASSWORD, "UV_CACHE_DIR": "kept"})
    assert "UV_INDEX_OLD_PASSWORD" not in environ
    assert environ["UV_CACHE_DIR"] == "kept"
    assert environ["UV_INDEX_MFENV1_USERNAME"] == USER
    assert environ["UV_INDEX_MFENV1_PASSWORD"] == PASSWORD


def test_a_client_without_an_environment_runs_no_keyring(
    private: IndexServer, configure: Configure, tmp_path: Path
) -> None:
    with IndexClient(configure(index_url=private.url), tmp_path) as client, pytest.raises(IndexRefuses):
        client.files("demo")


def _assert_no_secret(content: bytes) -> None:
    secrets = {PASSWORD, _quoted(PASSWORD), "s3cr", USER, "ana%40", base64.b64encode(f"{USER}:".encode()).decode()[:8]}
    for secret in secrets:
        assert secret.encode() not in content
