"""Environments to be shared by name, as metaflow-netflixext describes them before they are resolved."""

from __future__ import annotations

from typing import Any

import msgspec

from mfenvd.domain.request import Kind

ENV_TYPES = {Kind.CONDA: "conda-only", Kind.PYPI: "pypi-only", Kind.MIXED: "mixed"}
"""How the extension calls kinds of environments."""

KINDS = {env_type: kind for kind, env_type in ENV_TYPES.items()}


class Worded(msgspec.Struct, frozen=True):
    """What a step or a file asks for, in the extension's words.

    Attributes:
        deps: By `conda`, `npconda`, `pypi` and `sys`: a name, or `name==<version spec>` (`requests==>=2.21.0`).
        sources: Channels and indexes by `conda` and `pypi`, in their order.
        extras: Flags for the resolver, likewise.
    """

    deps: dict[str, tuple[str, ...]]
    sources: dict[str, tuple[str, ...]] = {}
    extras: dict[str, tuple[str, ...]] = {}


class AskedEnvironment(msgspec.Struct, frozen=True):
    """What `metaflow environment resolve` would resolve for one arch.

    Attributes:
        arch: A conda subdir.
        request: The request id, 40 hex digits.
        env_type: `conda-only`, `pypi-only` or `mixed`.
        asked: What is hashed and written down.
        deps: What is resolved: `asked.deps`, of an environment that extends another with the packages of that one.
        named: The channels and indexes that the configuration does not have. URLs may hold credentials.
        builder: Of a `pypi-only` environment: the conda packages that the wheels go into, as in `deps`.
        extends: Whether it was begun with `--using`.
        full_id: Of an environment that is known and would be taken as it is; None for one that is resolved.
        entry: That environment as the manifest has it.
    """

    arch: str
    request: str
    env_type: str
    asked: Worded
    deps: dict[str, tuple[str, ...]]
    named: dict[str, tuple[str, ...]] = {}
    builder: tuple[str, ...] = ()
    extends: bool = False
    full_id: str | None = None
    entry: dict[str, Any] | None = None

    @property
    def kind(self) -> Kind:
        return KINDS[self.env_type]


class Extended(msgspec.Struct, frozen=True):
    """An environment that was begun with, on one arch.

    Attributes:
        arch: A conda subdir.
        request: The request id, 40 hex digits.
        full_id: 40 hex digits of its packages.
        entry: As the manifest has it, or is to have it.
        aliases: Its names, as `team/project/env/v1`.
    """

    arch: str
    request: str
    full_id: str
    entry: dict[str, Any]
    aliases: tuple[str, ...] = ()


class Asked(msgspec.Struct, frozen=True):
    """The extension's answer.

    Attributes:
        user: Who resolves, as Metaflow says it; may be empty.
        datastore: `local`, `s3`, `azure` or `gs`.
        root: Where packages, environments and aliases are kept in it; None where nothing is.
        manifest: Absolute path of the manifest.
        environments: One for each arch.
        envs_dir: Absolute path of the folder that environments are made in; None where the conda binary does not say.
        extended: What was begun with, `--using`, on every arch that it was resolved for.
    """

    user: str
    datastore: str
    root: str | None
    manifest: str
    environments: tuple[AskedEnvironment, ...]
    envs_dir: str | None = None
    extended: tuple[Extended, ...] = ()
