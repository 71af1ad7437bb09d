"""An environment as Metaflow names it: core, and metaflow-netflixext before anything is resolved."""

from __future__ import annotations

import msgspec

from mfenvd.domain.request import Kind
from mfenvd.domain.sharing import KINDS, Worded


class Identity(msgspec.Struct, frozen=True, tag="core"):
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

    @property
    def has_base(self) -> bool:
        """Whether its wheels are resolved apart from the conda packages that they go into."""
        return self.pypi is not None


class RequestIdentity(msgspec.Struct, frozen=True, tag="netflixext"):
    """What a step asks for as metaflow-netflixext names it (1.3.17, `extract_merged_reqs_for_step`).

    Attributes:
        id: 40 hex digits, as the extension computed them; neither arch nor order count.
        arch: Where the step runs.
        env_type: `conda-only`, `pypi-only` or `mixed`.
        deps: By `conda`, `npconda`, `pypi` and `sys`, sorted, Metaflow's pins included.
        sources: Channels and indexes by `conda` and `pypi`, in their order; without credentials.
        datastore: `local`, `s3`, `azure` or `gs`.
        root: Where the extension keeps packages and environments in the datastore; None where it caches nothing.
        manifest: Absolute path of `conda_v2.cnd`.
        local_platform: The machine that launches.
        named: The channels and indexes among `sources` that are not configured but named by the flow; by `sys` those
            of `deps` that the flow gives and not the machine.
        builder: Of a `pypi-only` environment: the conda packages that the wheels go into, as in `deps`.
        latest: Whose environments are taken from the datastore where the manifest has none: `:none:`, `:username:`,
            `:any:`, or names separated by commas.
        envs_dir: Absolute path of the folder that environments are made in; None where there is no conda binary.
        pkgs_dirs: Absolute paths of its folders of packages.
        full: Of a step that takes the packages of a named environment: the full id that they have for it.
        base: That environment's own request id and full id.
        extras: Flags for the resolver by `conda` and `pypi`, which only a named environment brings along.
        resolves: Of a step that takes a named environment: what is resolved in the place of `deps`, the packages of
            that environment, and where there is no `full` what the step asks for besides.
    """

    id: str
    arch: str
    env_type: str
    deps: dict[str, tuple[str, ...]]
    sources: dict[str, tuple[str, ...]]
    datastore: str
    root: str | None
    manifest: str
    local_platform: str
    named: dict[str, tuple[str, ...]] = {}
    builder: tuple[str, ...] = ()
    latest: str = ":none:"
    envs_dir: str | None = None
    pkgs_dirs: tuple[str, ...] = ()
    full: str | None = None
    base: tuple[str, str] | None = None
    extras: dict[str, tuple[str, ...]] = {}
    resolves: dict[str, tuple[str, ...]] = {}

    @property
    def key(self) -> str:
        """Another one for each entry of each manifest."""
        return f"{self.manifest}|{self.id}|{self.full or ''}|{self.arch}"

    @property
    def platform(self) -> str:
        """Where the steps run."""
        return self.arch

    @property
    def conda_platforms(self) -> tuple[str, ...]:
        """Where conda packages are resolved for."""
        return (self.arch,)

    @property
    def needs_local_environment(self) -> bool:
        """Whether the extension makes an environment on this machine, when the steps run here."""
        return self.arch == self.local_platform

    @property
    def has_base(self) -> bool:
        """Whether its wheels are resolved apart from the conda packages that they go into."""
        return self.kind is Kind.PYPI and (self.full is None or bool(self.resolves))

    @property
    def kind(self) -> Kind:
        return KINDS[self.env_type]

    @property
    def worded(self) -> Worded:
        """What the id is made of."""
        return Worded(self.deps, self.sources, self.extras)

    def packages(self, category: str) -> dict[str, str]:
        """What is asked for of a category of `deps`, as `{name: version spec}`."""
        return dict(map(split_dependency, self.deps.get(category, ())))


AnyIdentity = Identity | RequestIdentity


def split_dependency(text: str) -> tuple[str, str]:
    """Name and spec of what metaflow-netflixext writes in one (`dict_to_strlist`).

    `six` has no spec, `six==1.0` has `1.0`, `six==>=1.0` has `>=1.0`, and `six; os_name == "nt"` a marker for one.
    """
    name, marker, rest = text.partition(";")
    if marker and "==" not in name:
        return name.strip(), f";{rest}"
    name, _, spec = text.partition("==")
    return name.strip(), spec
