"""Keys are those that Metaflow and netflixext look under."""

import pytest

from mfenvd.domain.layouts import alias_key, core_key, environment_key, full_id_key, package_key
from mfenvd.domain.request import Kind

COMMIT = "c" * 40


@pytest.mark.parametrize(
    ("url", "filename", "key"),
    [
        (
            "https://files.example/packages/d9/six-1.16.0-py2.py3-none-any.whl",
            "six-1.16.0-py2.py3-none-any.whl",
            "files.example/packages/d9/six-1.16.0-py2.py3-none-any.whl",
        ),
        ("https://files/torch-2.2%2Bcpu-cp311.whl", "torch-2.2+cpu-cp311.whl", "files/torch-2.2%2Bcpu-cp311.whl"),
        ("http://host:8080/linux-64/a-1-0.conda", "a-1-0.conda", "host:8080/linux-64/a-1-0.conda"),
        (f"git+https://host/openai/CLIP.git@{COMMIT}", "clip-1.0.whl", f"host/openai/{COMMIT}/clip-1.0.whl"),
    ],
)
def test_core_keys_are_host_and_path_with_percent_signs_as_they_are(url: str, filename: str, key: str) -> None:
    assert core_key(url, filename) == key


def test_netflixext_keys_hold_the_hash() -> None:
    url = "https://user:secret@files.example:444/packages/d9/six-1.whl"
    assert package_key(Kind.PYPI, url, "six-1.whl", "abc") == (
        "packages/pypi/files.example:444/packages/d9/six-1.whl/six-1.whl/abc/six-1.whl"
    )


def test_environments_and_their_names_have_their_places() -> None:
    assert environment_key("linux-64", "req", "full") == "envs/linux-64/req/full/env"
    assert alias_key("team/serving/latest") == "envs/aliases/generic/team/serving/latest"
    assert full_id_key("full") == "envs/aliases/full-id/full"
