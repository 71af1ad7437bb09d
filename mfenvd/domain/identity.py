"""An environment as Metaflow names it: core, and metaflow-netflixext before anything is resolved."""

from __future__ import annotations

import msgspec


class Identity(msgspec.Struct, frozen=True):
    """One of Metaflow's environments (2.19.39, `conda_environment.get_environment`).

    Attributes:
        id: 15 hex digits, as Metaflow computed them.
        flow: The flow's class name.
        python: `X.Y` or `X.Y.Z`; the launching interpreter's where the flow names none.
        platform: Where the steps run, as Metaflow says it: `linux-64` on every 64-bit Linux.
        local_platform: The machine that launches, likewise.
        conda: Packages of the conda environment, Metaflow's pins included; `python` and `pip` are never among them.
        pypi: Wheels, Metaflow's pins included; None for a `@conda` environment.
        datastore: `local`, `s3`, `azure` or `gs`.
        package_root: Where Metaflow keeps packages in the datastore; part of what is hashed.
        local_root: Absolute path of the `.metaflow` folder that holds the flow's manifest.
    """

    id: str
    flow: str
    python: str
    platform: str
    local_platform: str
    conda: dict[str, str]
    pypi: dict[str, str] | None
    datastore: str
    package_root: str
    local_root: str

    @property
    def key(self) -> str:
        """Another one for each entry of each manifest."""
        return f"{self.local_root}|{self.flow}|{self.id}|{self.platform}"

    @property
    def conda_platforms(self) -> tuple[str, ...]:
        """Where conda packages are resolved for: with `@pypi` also this machine, whose pip gets the wheels."""
        if self.pypi is None:
            return (self.platform,)
        return tuple(dict.fromkeys((self.platform, self.local_platform)))

    @property
    def needs_local_environment(self) -> bool:
        """Whether Metaflow makes an environment on this machine: not for a `@conda` step that runs elsewhere."""
        return self.local_platform in self.conda_platforms


class RequestIdentity(msgspec.Struct, frozen=True):
    """What a step asks for as metaflow-netflixext names it (1.3.17, `extract_merged_reqs_for_step`).

    Attributes:
        id: 40 hex digits, as the extension computed them; neither arch nor order count.
        flow: The flow's class name.
        arch: Where the step runs.
        env_type: `conda-only`, `pypi-only` or `mixed`.
        deps: By `conda`, `npconda`, `pypi` and `sys`, sorted, Metaflow's pins included.
        sources: Channels and indexes by `conda` and `pypi`, in their order; without credentials.
        datastore: `local`, `s3`, `azure` or `gs`.
        root: Where the extension keeps packages and environments in the datastore; None where it caches nothing.
        local_root: Absolute path of the `.metaflow` folder that holds the manifest.
    """

    id: str
    flow: str
    arch: str
    env_type: str
    deps: dict[str, tuple[str, ...]]
    sources: dict[str, tuple[str, ...]]
    datastore: str
    root: str | None
    local_root: str
