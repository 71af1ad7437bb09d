"""`file:` URLs (RFC 8089) as paths."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit


def path_of_file_url(url: str) -> Path:
    """The path that a `file:` URL means on this system; another host's is a share on it, `//host/path`.

    Raises:
        ValueError: It is no URL.
    """
    # All of HTTP comes with it, and most commands have no such URL.
    from urllib.request import url2pathname

    parts = urlsplit(url)
    host = f"//{parts.netloc}" if parts.netloc not in {"", "localhost"} else ""
    return Path(url2pathname(host + parts.path))
