"""Credentials are found where the tools find them, and kept apart."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import msgspec
import pytest

from mfenvd.condarc.configuration import CondaConfiguration, read_conda_configuration
from mfenvd.condarc.credentials import split_credentials
from tests.condarc.urls import authenticated, with_credential

SECRET = "tk-123-SECRET"


def read(home: Path, **variables: str) -> CondaConfiguration:
    return read_conda_configuration(variables, home, home)


@pytest.mark.parametrize(
    ("written", "bare"),
    [
        ("https://ada:p%40ss@host.example/x", "https://host.example/x"),
        (f"https://host.example/t/{SECRET}/x", "https://host.example/x"),
        (f"https://host.example/conda/t/{SECRET}/x", "https://host.example/conda/x"),
        ("https://host.example:8080/x", "https://host.example:8080/x"),
        ("s3://bucket/t", "s3://bucket/t"),
        ("file:///srv/t/abc/x", "file:///srv/t/abc/x"),
        ("conda-forge", "conda-forge"),
        ("https://[half", "https://[half"),
    ],
)
def test_a_channel_is_taken_apart(written: str, bare: str) -> None:
    assert split_credentials(written)[0] == bare


def test_what_was_taken_apart_can_be_put_together() -> None:
    for written in ("https://ada:p%40ss@host.example/x", f"https://host.example/t/{SECRET}/x"):
        assert with_credential(*split_credentials(written)) == written


def test_secrets_of_a_configuration_are_in_its_credentials_alone(tmp_path: Path) -> None:
    (tmp_path / ".condarc").write_text(
        f"channels: ['https://ada:{SECRET}@one.example/x', team, 'https://two.example/t/{SECRET}/y']\n"
        f"channel_alias: https://ada:{SECRET}@alias.example\n"
        f"custom_channels: {{team: 'https://three.example/t/{SECRET}'}}\n"
        f"mirrored_channels: {{z: ['https://ada:{SECRET}@four.example/z']}}\n"
    )
    found = read(tmp_path)
    assert found.channels == ("https://one.example/x", "team", "https://two.example/y")
    assert found.requested(found.channels)[1] == "https://three.example/team"
    assert found.mirrors == {"z": ("https://four.example/z",)}
    assert found.urls("other") == ("https://alias.example/other",)
    for url, whole in {
        "https://one.example/x": f"https://ada:{SECRET}@one.example/x",
        "https://two.example/y": f"https://two.example/t/{SECRET}/y",
        "https://three.example/team": f"https://three.example/t/{SECRET}/team",
        "https://alias.example/other": f"https://ada:{SECRET}@alias.example/other",
        "https://four.example/z": f"https://ada:{SECRET}@four.example/z",
        "https://elsewhere.example/x": "https://elsewhere.example/x",
    }.items():
        assert authenticated(found, url) == whole
    assert SECRET not in repr(found)
    shown = msgspec.structs.replace(found, credentials=())
    assert SECRET not in msgspec.json.encode(shown).decode()


def test_stored_credentials_are_found_where_the_tools_keep_them(tmp_path: Path) -> None:
    mamba = tmp_path / ".mamba/auth/authentication.json"
    mamba.parent.mkdir(parents=True)
    mamba.write_text(
        json.dumps(
            {
                "mamba.example": {"type": "CondaToken", "token": SECRET},
                "basic.example": {
                    "type": "BasicHTTPAuthentication", "user": "ada",
                    "password": base64.b64encode(SECRET.encode()).decode(),
                },
                "broken.example": {"type": "BasicHTTPAuthentication", "user": "ada", "password": "%%"},
                "odd.example": 3,
            }
        )
    )  # fmt: skip
    rattler = tmp_path / "rattler.json"
    rattler.write_text(
        json.dumps(
            {
                "*.rattler.example": {"BearerToken": SECRET},
                "host.example/team": {"BasicHTTP": {"username": "ada", "password": SECRET}},
            }
        )
    )
    tokens = tmp_path / ".continuum/anaconda-client/tokens"
    tokens.mkdir(parents=True)
    (tokens / "https%3A%2F%2Fapi.client.example.token").write_text(f"{SECRET}\n")
    (tmp_path / ".netrc").write_text(
        f"machine netrc.example login ada password {SECRET}\ndefault login no password no\n"
    )
    (tmp_path / ".netrc").chmod(0o600)
    found = read(tmp_path, RATTLER_AUTH_FILE=str(rattler))
    token, basic = f"/t/{SECRET}", f"ada:{SECRET}@"
    assert authenticated(found, "https://mamba.example/x") == f"https://mamba.example{token}/x"
    assert authenticated(found, "https://basic.example/x") == f"https://{basic}basic.example/x"
    assert authenticated(found, "https://conda.client.example/x") == f"https://conda.client.example{token}/x"
    assert authenticated(found, "https://netrc.example:8443/x") == f"https://{basic}netrc.example:8443/x"
    assert authenticated(found, "https://host.example/team/x") == f"https://{basic}host.example/team/x"
    assert authenticated(found, "https://host.example/teams/x") == "https://host.example/teams/x"
    assert authenticated(found, "https://broken.example/x") == "https://broken.example/x"
    credential = found.credential("https://a.rattler.example/x")
    assert credential is not None
    assert credential.bearer == SECRET


def test_damaged_stores_are_as_if_they_were_not_there(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine")
    (tmp_path / "auth.json").write_text("[")
    assert read(tmp_path, RATTLER_AUTH_FILE=str(tmp_path / "auth.json")).credentials == ()
