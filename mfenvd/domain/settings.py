"""What the configuration says, after reading and checking."""

from __future__ import annotations

import msgspec

from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Location
from mfenvd.domain.request import MixedSolver


class TargetSettings(msgspec.Struct, frozen=True):
    """`[tool.mfenv.targets.ARCH]`: None where the configuration is silent; `image` implies a GLIBC."""

    glibc: str | None = None
    macos: str | None = None
    python: str | None = None
    cuda: str | None = None
    image: str | None = None


class NamedEnvironment(msgspec.Struct, frozen=True):
    """`[tool.mfenv.envs.NAME]`: an environment that no flow names.

    Attributes:
        requirements: Absolute paths of requirement files (requirements.txt, pyproject.toml, environment.yml,
            uv.lock, pylock.toml).
        extras: Of these files.
        groups: Dependency groups (PEP 735) of these files.
        packages: PEP 508 requirements written in place.
        conda: Conda packages written in place, as in environment.yml.
        channels: Conda channels by priority; empty means the files' and conda's own configuration.
        python: `X.Y` or `X.Y.Z`; None means the project's.
        archs: Empty means the project's archs.
        alias: What others call it, as `team/project/env:v1`; None for an environment of this project alone.
        origin: Where it stands in the configuration.
    """

    name: str
    requirements: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    python: str | None = None
    archs: tuple[Arch, ...] = ()
    alias: str | None = None
    origin: Location | None = None


class MirrorSettings(msgspec.Struct, frozen=True):
    """`[tool.mfenv.mirror]`: what Metaflow's configuration does not say, or says otherwise.

    Attributes:
        endpoint: URL of a server that is not the vendor's.
        profile: Of `~/.aws/config`.
        role: ARN of a role to assume.
        region: AWS's.
        bandwidth: Bytes a second at most.
        read_only: Whether nothing is uploaded.
        pause_on_battery: Whether nothing is uploaded while the machine runs on its battery.
        pause_on_metered: Whether nothing is uploaded over a network that is paid for by what goes through.
        share_resolutions: Whether teammates are told what was resolved, and are heard.
        resolution_age: Seconds for which what a teammate resolved counts.
    """

    endpoint: str | None = None
    profile: str | None = None
    role: str | None = None
    region: str | None = None
    bandwidth: int | None = None
    read_only: bool = False
    pause_on_battery: bool = False
    pause_on_metered: bool = False
    share_resolutions: bool = True
    resolution_age: float = 12 * 3600.0


class CacheSettings(msgspec.Struct, frozen=True):
    """`[cache]` of the user's file: packages' files that nothing needs.

    Attributes:
        max_size: Bytes, beyond which the least recently used go. An environment with a GPU build of torch has about
            three GiB.
        max_age: Seconds after which what nobody used goes whatever the size; None for no such limit.
    """

    max_size: int = 20 * 2**30
    max_age: float | None = None


class Settings(msgspec.Struct, frozen=True):
    """`[tool.mfenv]` of pyproject.toml or mfenv.toml, over the user's file, over the defaults.

    Attributes:
        archs: Resolved for besides the local arch and what the flows ask for.
        launch_with: `with = ["batch"]`: decorators that every launch adds.
        python: The project's Python when it cannot be read off its interpreter.
        interpreter: Absolute path of the project's Python; None means find it.
        datastore: `local`, `s3`, `azure` or `gs`; None means Metaflow's configuration.
        targets: By arch.
        environments: By name.
        exclude: gitignore patterns on top of .gitignore.
        mixed_resolver: Who resolves the wheels of mixed environments.
        max_workers: Solver processes at once; None means one less than the cores, at least two.
        mirror: Of the bucket.
        cache: Of the packages' files on this machine.
        origins: Where each key stands, by its path with dots: `targets.linux-64.image`, `envs.NAME.packages.0`.
    """

    archs: tuple[Arch, ...] = ()
    launch_with: tuple[str, ...] = ()
    python: str | None = None
    interpreter: str | None = None
    datastore: str | None = None
    targets: dict[Arch, TargetSettings] = msgspec.field(default_factory=dict)
    environments: dict[str, NamedEnvironment] = msgspec.field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    mixed_resolver: MixedSolver = MixedSolver.UV
    max_workers: int | None = None
    mirror: MirrorSettings = MirrorSettings()
    cache: CacheSettings = CacheSettings()
    origins: dict[str, Location] = msgspec.field(default_factory=dict)
