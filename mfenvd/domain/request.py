"""What a step or a file asks for, before resolving."""

from __future__ import annotations

import hashlib
from enum import Enum

import msgspec

from mfenvd.domain.arch import Arch
from mfenvd.domain.redact import redact, without_channel_credentials, without_credentials


class Kind(str, Enum):
    """Which resolver an environment needs."""

    PYPI = "pypi"
    CONDA = "conda"
    MIXED = "mixed"

    def __str__(self) -> str:
        return self.value


class Indexes(msgspec.Struct, frozen=True):
    """Where wheels come from, as a requirements file or the configuration says. URLs may hold credentials.

    Attributes:
        index_url: The primary index; None means what pip would use (its configuration, else its default).
        extra_index_urls: Further indexes, in order.
        find_links: Pages or folders of wheels, in order.
        no_index: Use `find_links` alone.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False


class PypiPart(msgspec.Struct, frozen=True):
    """The wheels that are asked for.

    Attributes:
        requirements: PEP 508 requirements, sorted, Metaflow's pins included.
        constraints: PEP 508 requirements that limit versions without asking for anything.
        indexes: Where to look.
        pre: Whether pre-releases are allowed everywhere (pip's `--pre`).
        hashes: Allowed hashes (`sha256:…`) by canonical name; a package that is named here must match one.
    """

    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    indexes: Indexes = Indexes()
    pre: bool = False
    hashes: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class ChannelPriority(str, Enum):
    """How a solver weighs channels (conda's `channel_priority`)."""

    STRICT = "strict"
    FLEXIBLE = "flexible"
    DISABLED = "disabled"

    def __str__(self) -> str:
        return self.value


class CondaPart(msgspec.Struct, frozen=True):
    """The conda packages that are asked for.

    Attributes:
        packages: `(name or channel::name, version spec with its operator)`, sorted; `match_specs.match_specs` has them
            as conda writes them. Python is among them where the source says which.
        channels: Names or URLs in order of priority, the configured ones filled in where the source names none.
            URLs may hold credentials.
        channel_priority: As configured.
        arch_packages: What is asked for on some archs only, by arch.
    """

    packages: tuple[tuple[str, str], ...] = ()
    channels: tuple[str, ...] = ()
    channel_priority: ChannelPriority = ChannelPriority.FLEXIBLE
    arch_packages: dict[Arch, tuple[tuple[str, str], ...]] = msgspec.field(default_factory=dict)


class MixedSolver(str, Enum):
    """Who resolves the wheels of a mixed environment."""

    UV = "uv"
    CONDA_LOCK = "conda-lock"

    def __str__(self) -> str:
        return self.value


class Request(msgspec.Struct, frozen=True):
    """An environment as asked for. Two steps that ask for the same share one.

    Attributes:
        kind: Which resolver it needs.
        python: As the decorator or file says (`3.11`, `3.11.7`), with the interpreter's filled in.
        mixed_solver: As configured; the default for every other kind.
    """

    kind: Kind
    python: str
    pypi: PypiPart = PypiPart()
    conda: CondaPart = CondaPart()
    mixed_solver: MixedSolver = MixedSolver.UV

    @property
    def key(self) -> str:
        """64 hex digits: the content's hash, the same in every process; credentials do not count."""
        indexes = self.pypi.indexes
        bare = msgspec.structs.replace(
            indexes,
            index_url=without_credentials(indexes.index_url) if indexes.index_url else None,
            extra_index_urls=tuple(map(without_credentials, indexes.extra_index_urls)),
            find_links=tuple(map(without_credentials, indexes.find_links)),
        )
        channels = tuple(map(without_channel_credentials, self.conda.channels))
        content = msgspec.structs.replace(
            self,
            pypi=msgspec.structs.replace(
                self.pypi, requirements=tuple(map(redact, self.pypi.requirements)), indexes=bare
            ),
            conda=msgspec.structs.replace(self.conda, channels=channels),
        )
        return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()

    @property
    def id(self) -> str:
        """The first 12 digits of `key`: the name of an environment that has no other."""
        return self.key[:12]
