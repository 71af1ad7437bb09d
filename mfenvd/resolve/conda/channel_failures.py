"""What py-rattler says when a channel gives no repodata, and which channel it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rattler import Channel, Gateway, Subdir
from rattler.exceptions import GatewayError

from mfenvd.awaiting import awaited
from mfenvd.domain.redact import without_credentials
from mfenvd.resolve.conda.errors import (
    ChannelProblem,
    ChannelRefuses,
    ChannelUnreachable,
    ChannelUnreadable,
    NoSuchChannel,
)

_URL = re.compile(r"[a-z][a-z0-9+]{1,9}://[^\s'\")]+")
_STATUS = re.compile(r"HTTP status (?:client|server) error \((\d{3})")
_UNREACHABLE = re.compile(
    r"error sending request|timed out|connection (?:refused|reset)|dns error|error trying to connect", re.IGNORECASE
)
_CAUSE = "Caused by: "

_REFUSALS = frozenset({401, 403})


def channel_problem(words: str, channels: Sequence[str], subdirs: Sequence[str], gateway: Gateway) -> ChannelProblem:
    """What `words`, the text of a `GatewayError`, mean.

    Args:
        words: With its causes, one per line.
        channels: URLs of those that were asked.
        subdirs: Likewise.
        gateway: Asked again for each channel alone where `words` do not say which of several it is.
    """
    channel = _named_channel(words, channels)
    if channel is None and len(channels) > 1:
        channel = next(_failing(channels, subdirs, gateway), None)
    if channel is None:
        channel = " or ".join(channels)
    status = _STATUS.search(words)
    if status is not None and int(status[1]) in _REFUSALS:
        return ChannelRefuses(channel, int(status[1]))
    if status is not None and int(status[1]) >= 500:
        return ChannelUnreachable(channel, f"HTTP status {status[1]}")
    if words.startswith("could not find subdir"):
        return NoSuchChannel(channel)
    if _UNREACHABLE.search(words):
        return ChannelUnreachable(channel, _innermost_cause(words))
    return ChannelUnreadable(channel, _innermost_cause(words))


def download_failure(words: str) -> str:
    """What `words`, py-rattler's about a file that did not come, mean: a phrase that follows a colon well."""
    status = _STATUS.search(words)
    if status is not None:
        return f"HTTP status {status[1]}"
    return "the connection broke off" if "decoding response body" in words else words.splitlines()[0]


def _named_channel(words: str, channels: Sequence[str]) -> str | None:
    """The channel that one of the URLs in `words` belongs to: the longest, where one channel is inside another."""
    for url in _URL.findall(words):
        bare = without_credentials(url).rstrip("/") + "/"
        inside = [c for c in channels if bare.startswith(without_credentials(c).rstrip("/") + "/")]
        if inside:
            return max(inside, key=len)
    return None


def _failing(channels: Sequence[str], subdirs: Sequence[str], gateway: Gateway) -> Iterator[str]:
    for channel in channels:
        try:
            awaited(_names(channel, subdirs, gateway))
        except GatewayError:
            yield channel


async def _names(channel: str, subdirs: Sequence[str], gateway: Gateway) -> None:
    await gateway.names([Channel(channel)], map(Subdir, subdirs), channel_relations="disabled")


def _innermost_cause(words: str) -> str:
    return words.strip().splitlines()[-1].removeprefix(_CAUSE)
