"""What uv could not fetch, by what it says about it."""

from __future__ import annotations

import re

import msgspec

from mfenvd.domain.redact import HIDDEN
from mfenvd.resolve.index.configuration import IndexConfiguration
from mfenvd.resolve.index.errors import IndexProblem, IndexRefuses, IndexUnreachable, IndexUnreadable

_URL = re.compile(r"https?://[^\s`'\")]+")
_DIRECT = re.compile(
    r"Failed to (?:download|fetch|read metadata)[^`]*`(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])? @ (?P<url>[^`\s]+)`"
)
_STATUS = re.compile(r"HTTP status (?:client|server) error \((?P<status>\d{3}) [^)]*\)")
_UNREACHABLE = re.compile(r"Failed to fetch|error sending request|Request failed after|timed out", re.IGNORECASE)
_UNREADABLE = re.compile(r"Received some unexpected (?P<kind>JSON|HTML) from ")
_REFUSALS = frozenset({401, 403})
_ABSENCES = frozenset({404, 410})


class Address(msgspec.Struct, frozen=True):
    """A requirement's own address that does not give what it should.

    Attributes:
        name: Of the package, as the request writes it.
        url: Without credentials.
        reason: In a few words.
    """

    name: str
    url: str
    reason: str


def index_problem(words: str, config: IndexConfiguration) -> IndexProblem | None:
    """The index or file that uv complains about, with what is wrong with it; None for anything else.

    Args:
        words: What uv printed, without credentials.
        config: Where it looked.
    """
    url = _URL.search(words)
    place = url[0] if url is not None else ""
    is_direct = _DIRECT.search(words) is not None
    index = next((shown for shown in config.shown if place.startswith(shown) and not is_direct), None)
    status = _status(words)
    if status in _REFUSALS:
        return IndexRefuses(index or place, status, had_credentials=HIDDEN in place, is_file=index is None)
    unreadable = _UNREADABLE.search(words)
    if unreadable is not None:
        return IndexUnreadable(index or place, f"{unreadable['kind']} that is no index page ({_cause(words, None)})")
    if _UNREACHABLE.search(words):
        return IndexUnreachable(index or place, _cause(words, status), is_file=index is None)
    return None


def bad_address(words: str) -> Address | None:
    """The requirement whose address has nothing, or something that is no wheel; None for anything else."""
    direct = _DIRECT.search(words)
    status = _status(words)
    if direct is None or (status not in _ABSENCES and (status is not None or _UNREACHABLE.search(words))):
        return None
    reason = f"it is not a valid wheel ({_cause(words, None)})"
    if status in _ABSENCES:
        reason = f"there is no such file (HTTP {status})"
    return Address(direct["name"], direct["url"], reason)


def _status(words: str) -> int | None:
    found = _STATUS.search(words)
    return int(found["status"]) if found is not None else None


def _cause(words: str, status: int | None) -> str:
    """The last of uv's causes: the one that all others follow from."""
    return (
        f"HTTP status {status}"
        if status is not None
        else words.splitlines()[-1].strip().removeprefix("cause: ").rstrip(".")
    )
