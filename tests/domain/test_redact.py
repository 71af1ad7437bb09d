import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfenvd.domain.redact import (
    HIDDEN,
    is_secret,
    redact,
    redact_environ,
    secret_parameters,
    shown_url,
    without_channel_credentials,
    without_credentials,
)
from mfenvd.domain.surroundings import Surroundings

words = st.text(alphabet="abcXYZ019-._~%!$&()*+,;=", min_size=1, max_size=12)


@given(user=words, password=words, host=st.sampled_from(["index.example", "10.0.0.1:8080"]))
def test_no_credential_of_a_url_survives(user: str, password: str, host: str) -> None:
    secret = f"{user}X1{password}"
    text = f"cannot fetch https://{user}:{secret}@{host}/simple/ now"
    assert secret not in redact(text)
    assert f"{HIDDEN}@{host}/simple/" in redact(text)


@given(user=words, password=words)
def test_a_url_without_credentials_is_what_remains(user: str, password: str) -> None:
    assert without_credentials(f"https://{user}:{password}@index.example/simple") == "https://index.example/simple"


def test_text_without_credentials_stays_as_it_is() -> None:
    text = "six @ git+https://code.example/six.git@main, mail me@x.example"
    assert redact(text) == text


def test_a_git_urls_token_is_hidden() -> None:
    assert "ghp_abc" not in redact("clip @ git+https://ghp_abc@code.example/clip.git")


def test_the_user_git_is_no_secret() -> None:
    text = "clip @ git+ssh://git@code.example/clip.git"
    assert redact(text) == text
    assert redact("https://git:hush@code.example/") == "https://****@code.example/"


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY",
        "AZURE_STORAGE_KEY",
        "AZURE_STORAGE_CONNECTION_STRING",
        "AWS_SESSION_TOKEN",
        "UV_INDEX_PRIVATE_PASSWORD",
        "METAFLOW_SERVICE_AUTH_KEY",
    ],
)
def test_secrets_are_known_by_name(name: str) -> None:
    assert is_secret(name)
    assert redact_environ({name: "hush"}) == {name: HIDDEN}


def test_what_is_stored_of_a_shell_has_no_secret() -> None:
    surroundings = Surroundings(
        cwd="/p",
        environ={
            "AWS_SECRET_ACCESS_KEY": "hush",
            "PIP_INDEX_URL": "https://me:hush@index.example/simple",
            "METAFLOW_PROFILE": "dev",
        },
    )
    assert surroundings.stored.environ == {"METAFLOW_PROFILE": "dev"}
    assert "hush" not in str(surroundings.shown)


def test_only_variables_that_matter_are_kept() -> None:
    kept = Surroundings.relevant(
        {"METAFLOW_PROFILE": "dev", "EDITOR": "vi", "https_proxy": "http://p:1", "PIP_PRE": "1"}
    )
    assert kept == {"METAFLOW_PROFILE": "dev", "PIP_PRE": "1", "https_proxy": "http://p:1"}


def test_a_channels_token_is_hidden() -> None:
    token = "ab12-cd34-ef56-ab12-cd34"
    assert (
        redact(f"GET https://repo.example:8080/t/{token}/team/noarch")
        == "GET https://repo.example:8080/t/****/team/noarch"
    )
    assert redact("https://repo.example/t/tk-short/team") == "https://repo.example/t/****/team"
    wheel = "https://files.example/t/torch/torch-2.2.2-cp311-none-any.whl"
    assert redact(wheel) == wheel


def test_a_channel_without_credentials_is_what_remains() -> None:
    for written in ("https://me:hush@repo.example/conda/x", "https://repo.example/conda/t/hush/x"):
        assert without_channel_credentials(written) == "https://repo.example/conda/x"
    for channel in ("conda-forge", "file:///srv/t/hush/x", "s3://bucket/x"):
        assert without_channel_credentials(channel) == channel


secrets = st.text(alphabet="abcXYZ019-._~%!$()*+,;=:@/", min_size=1, max_size=40).map(lambda text: f"s{text}Z")
secret_names = st.sampled_from(
    (
        "token", "access_token", "private-token", "X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Credential",
        "X-Goog-Signature", "sig", "SIG", "api_key", "apikey", "key", "password", "pwd", "AWSAccessKeyId",
        "client_secret", "auth", "jwt", "code", "sas", "Signature",
    )
)  # fmt: skip
others = st.sampled_from(("", "se=2030-01-01", "sv=2024&sp=r", "response-content-type=application/zip"))


@given(name=secret_names, secret=secrets, before=others, after=others)
def test_no_secret_parameter_of_a_url_survives(name: str, secret: str, before: str, after: str) -> None:
    query = "&".join(filter(None, (before, f"{name}={secret}", after)))
    url = f"https://files.example/demo-1.0-py3-none-any.whl?{query}"
    for text in (
        url,
        f"cannot fetch '{url}'.",
        f"({url})",
        f'{{"url": "{url}"}}',
        f"`demo @ {url}`: no",
        f"{url}#egg=demo",
    ):
        told = redact(text)
        assert secret not in told
        assert f"{name}={HIDDEN}" in told
        assert redact(told) == told
        assert all(part in told for part in (before, after))
    assert secret in secret_parameters(url)
    assert secret not in shown_url(url)


@given(
    name=st.sampled_from(("sha256", "egg", "subdirectory", "python_version", "page", "v", "monkey", "design")),
    value=st.text(alphabet="abc019", min_size=1),
)
def test_other_parameters_stay(name: str, value: str) -> None:
    url = f"https://files.example/demo.whl?{name}={value}#{name}={value}"
    assert redact(url) == url
    assert secret_parameters(url) == ()
