"""The path that a `file:` URL means, in every Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mfenvd.domain.file_urls import path_of_file_url


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///srv/wheels", "/srv/wheels"),
        ("file:/srv/wheels", "/srv/wheels"),
        ("file://localhost/srv/wheels", "/srv/wheels"),
        ("file:///srv/my%20wheels%231?query#fragment", "/srv/my wheels#1"),
        ("file:///srv/%C3%A9t%C3%A9", "/srv/été"),
        ("file://server/share", "//server/share"),
        ("file:wheels", "wheels"),
    ],
)
def test_a_file_url_is_a_path(url: str, path: str) -> None:
    assert path_of_file_url(url) == Path(path)
    assert path_of_file_url(Path("/srv/a b%20#").as_uri()) == Path("/srv/a b%20#")


def test_what_is_no_url_is_said() -> None:
    with pytest.raises(ValueError, match="IPv6"):
        path_of_file_url("file://[x")


def test_no_http_is_loaded_for_it() -> None:
    code = (
        "import sys; from mfenvd.domain.file_urls import path_of_file_url;"
        "path_of_file_url('file:///srv'); print('urllib.request' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "False\n"
