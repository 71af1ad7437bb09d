"""`file:` URLs (RFC 8089) as paths."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit


def path_of_file_url(url: str) -> Path:
    """The path that a `file:` URL means on this system; another host's is a share on it, `//host/path`.

    Raises:
        ValueError: It is no URL.
    """
    parts = urlsplit(url)
    host = f"//{parts.netloc}" if parts.netloc not in {"", "localhost"} else ""
    if os.name != "nt":
        # What the library has for it loads all of HTTP, and knows no other hosts from Python 3.14 on.
        return Path(unquote(host + parts.path))
    from urllib.request import url2pathname

    return Path(url2pathname(host + parts.path))
