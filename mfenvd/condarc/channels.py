"""What the name of a channel means (`channel_alias`, `custom_channels` …), after conda's and micromamba's rules."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

_DEFAULTS = "defaults"
_LOCAL = "local"
_PATH = re.compile(r"\.{1,2}(?:[/\\]|$)|~|[/\\]|[A-Za-z]:[/\\]")
_SUBDIR = re.compile(r"/(?:noarch|(?:linux|osx|win|emscripten|wasi|zos|freebsd)-\w+)/*$")


class ChannelNames(msgspec.Struct, frozen=True):
    """Where channels are that are named rather than given as a URL. URLs are without credentials.

    Attributes:
        alias: What a name is appended to; None means the tools' own.
        defaults: What `defaults` stands for; empty means the tools' own.
        custom: URLs by name, the name not included: `{team: https://host}` is `https://host/team`.
        several: Names or URLs by name (`custom_multichannels`).
        local: URLs of what `local` stands for: the folders that conda-build writes to.
        folder: Absolute; relative paths begin here.
        home: The user's folder, for `~`.
    """

    alias: str | None = None
    defaults: tuple[str, ...] = ()
    custom: dict[str, str] = msgspec.field(default_factory=dict)
    several: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    local: tuple[str, ...] = ()
    folder: str = ""
    home: str = ""

    def urls(self, channel: str) -> tuple[str, ...]:
        """Where `channel` is, in order of priority, without a `/` at the end.

        Loads rattler or conda-lock for a name that is not configured: they know where such channels are.
        """
        return tuple(url for name in self.placed(channel) for url in ((name,) if _is_url(name) else _well_known(name)))

    def placed(self, channel: str) -> tuple[str, ...]:
        """As `urls`, but a name that is not configured stays one. Loads nothing."""
        name = _SUBDIR.sub("", channel.strip()).rstrip("/") or channel
        if _is_url(name) or _PATH.match(name):
            return (self._one(name),)
        custom = self._custom(name)
        if custom is not None:
            return (custom,)
        if name in self.several:
            return tuple(self._one(each) for each in self.several[name])
        if name == _DEFAULTS and self.defaults:
            return tuple(self._one(each) for each in self.defaults)
        if name == _LOCAL:
            return self.local
        return (self._one(name),)

    def _one(self, channel: str) -> str:
        """A single channel, `custom_multichannels` left aside: a URL, or a name that is not configured."""
        name = channel.rstrip("/")
        if _is_url(name) or _PATH.match(name):
            return self._location(name)
        custom = self._custom(name)
        if custom is not None:
            return custom
        return f"{self._location(self.alias)}/{name}" if self.alias and not _is_anacondas(name) else name

    def _location(self, text: str) -> str:
        """A URL or a path as a URL."""
        if _is_url(text):
            return text.rstrip("/")
        path = Path(self.home, text[2:]) if text.startswith(("~/", "~\\")) else Path(self.folder, text)
        return Path(os.path.abspath(path)).as_uri()  # noqa: PTH100 - `resolve` would follow links

    def _custom(self, name: str) -> str | None:
        """Of `team/label/dev`, the longest part from the left that is configured counts."""
        parts = name.split("/")
        for count in range(len(parts), 0, -1):
            key = "/".join(parts[:count])
            if key in self.custom:
                base = self.custom[key].rstrip("/")
                whole = base if base.endswith(f"/{key}") else f"{base}/{key}"
                return self._location("/".join((whole, *parts[count:])))
        return None


def _is_url(text: str) -> bool:
    return "://" in text or text.startswith("file:")


def _is_anacondas(name: str) -> bool:
    """Whether the tools know a place for it that is not below the alias."""
    return name == _DEFAULTS or name.startswith("pkgs/")


def _well_known(name: str) -> tuple[str, ...]:
    """Where conda tools take a name for granted to be."""
    if _is_anacondas(name):
        from conda_lock._vendor.conda.base.constants import DEFAULT_CHANNELS  # no other package of ours knows them

        base = DEFAULT_CHANNELS[0].rpartition("/pkgs/")[0]
        return tuple(DEFAULT_CHANNELS) if name == _DEFAULTS else (f"{base}/{name}",)
    from rattler import Channel

    return (Channel(name).base_url.rstrip("/"),)
