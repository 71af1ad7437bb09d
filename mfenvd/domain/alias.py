"""How an environment is called by those who share it: aliases as metaflow-netflixext reads them.

The rules are those of metaflow-netflixext 1.3.17 (`plugins/conda/utils.py`, `resolve_env_alias`), with two differences:
what would not be read back as it was written is refused (an empty name or tag, the name `step`), and a single id, which
the extension refuses, finds an environment.
"""

from __future__ import annotations

import re
from enum import Enum

import msgspec

DEFAULT_TAG = "latest"

MUTABLE_TAGS = frozenset({"latest", "candidate", "stable"})
"""What they point to may change; every other tag is given once."""

_STEP = "step:"
_NAME = re.compile(r"[-a-z0-9_/]+")
_TAG = re.compile(r"[-a-z0-9_]+")
_ID = re.compile(r"[0-9a-f]{40}")


class AliasKind(str, Enum):
    """What an alias is made of."""

    NAME = "name"
    STEP = "step"
    IDS = "ids"
    ID = "id"

    def __str__(self) -> str:
        return self.value


class BadAliasError(ValueError):
    """A text that is no alias; `reason` continues "because", `fix` is a whole sentence."""

    def __init__(self, text: str, reason: str, fix: str) -> None:
        super().__init__(f"{text!r} does not name an environment: {reason}.")
        self.text = text
        self.reason = reason
        self.fix = fix


class Alias(msgspec.Struct, frozen=True):
    """One way to name an environment.

    Attributes:
        kind: `name` for `team/project/env:v1`, `step` for `step:Flow/Run/step`, `ids` for `<request id>:<full id>`,
            `id` for one of the two alone.
        name: Without tag and prefix.
        tag: Of a `name`; empty for the others.
    """

    kind: AliasKind
    name: str
    tag: str = ""

    @property
    def key(self) -> str:
        """As manifests and datastores have it: `team/project/env/v1`, `Flow/Run/step`."""
        return f"{self.name}/{self.tag}" if self.kind is AliasKind.NAME else self.name

    @property
    def is_mutable(self) -> bool:
        """Whether it may be given to another environment later."""
        return self.kind is AliasKind.NAME and self.tag in MUTABLE_TAGS

    @property
    def can_be_given(self) -> bool:
        """Whether a user may give it to an environment: steps and ids are what Metaflow made them."""
        return self.kind is AliasKind.NAME

    def __str__(self) -> str:
        if self.kind is AliasKind.NAME:
            return f"{self.name}:{self.tag}"
        return f"{_STEP}{self.name}" if self.kind is AliasKind.STEP else self.name


def parse_alias(text: str) -> Alias:
    """The alias that `text` is; a name without a tag has `latest`.

    Raises:
        BadAliasError: It is none.
    """
    if text.startswith(_STEP):
        return _step(text)
    if _ID.fullmatch(text):
        return Alias(AliasKind.ID, text)
    request, _, full = text.partition(":")
    if _ID.fullmatch(request) and _ID.fullmatch(full):
        return Alias(AliasKind.IDS, text)
    name, colon, tag = text.rpartition(":")
    if not colon:
        name, tag = text, DEFAULT_TAG
    if name == _STEP.rstrip(":"):
        raise BadAliasError(text, "`step:` begins a pathspec", "Choose another name, or write `step:Flow/run/step`.")
    if not _NAME.fullmatch(name):
        fix = f"Write it as `{_near(name)}`." if _near(name) else "Write it as in `team/project/env:v1`."
        raise BadAliasError(text, "a name has lowercase letters, digits, `-`, `_` and `/`", fix)
    if name.startswith("/") or name.endswith("/"):
        raise BadAliasError(text, "a name does not begin or end with `/`", f"Write it as `{name.strip('/') or 'env'}`.")
    if not _TAG.fullmatch(tag):
        raise BadAliasError(text, "a tag has lowercase letters, digits, `-` and `_`", "Write a tag such as `:v1`.")
    return Alias(AliasKind.NAME, name, tag)


def named_alias(key: str) -> Alias:
    """The alias that a manifest or a datastore has as `team/project/env/v1`."""
    name, _, tag = key.rpartition("/")
    return Alias(AliasKind.NAME, name, tag)


def _step(text: str) -> Alias:
    parts = text.removeprefix(_STEP).split("/")
    if len(parts) not in {3, 4} or not all(parts):
        raise BadAliasError(text, "a pathspec is a flow, a run and a step", "Write it as in `step:TrainFlow/17/start`.")
    return Alias(AliasKind.STEP, "/".join(parts[:3]))


def _near(name: str) -> str:
    """What `name` was meant to be; empty where nothing is left."""
    return re.sub(r"[^-a-z0-9_/]+", "-", name.lower()).strip("-/")
