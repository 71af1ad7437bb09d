"""What a flow file says, before targets are known."""

from __future__ import annotations

import msgspec

from mfenvd.domain.finding import Finding, Location
from mfenvd.domain.identity import AnyIdentity
from mfenvd.domain.loaded import DeclaredDecorator


class RemoteDecorator(msgspec.Struct, frozen=True):
    """A decorator that runs a step elsewhere.

    Attributes:
        name: `batch`, `kubernetes`, … as Metaflow names it.
        location: Where it stands.
        image: Its `image` argument; None when it has none or it cannot be known.
        gpu: Its `gpu` argument, also from `@resources`; None without one.
        arch: The conda subdir that it runs on when it says so; None means linux-64.
        condition: The expression that decides whether it applies; None when it always does.
        image_known: Whether `image` is the whole truth: False when it has one that cannot be known.
    """

    name: str
    location: Location
    image: str | None = None
    gpu: int | None = None
    arch: str | None = None
    condition: str | None = None
    image_known: bool = True


class StepReading(msgspec.Struct, frozen=True):
    """A step with the values that Metaflow would merge for it (step over flow, pins left out).

    Attributes:
        name: The method's name.
        location: Where the step is defined.
        kind: `pypi`, `conda`, `mixed`; None for a step without an environment.
        disabled: As Metaflow merges it.
        python: As declared, None when it is not.
        conda: `{name or channel::name: version as written}`.
        pypi: The same for PyPI.
        channels: From the decorators; empty where they say nothing.
        indexes: Index URLs from the decorators (netflixext); empty where they say nothing.
        named_env: What `@named_env` names.
        named_at: Where the decorator that names it stands.
        fetch_at_exec: Whether the named environment is only looked up at run time.
        remote: Decorators that run it elsewhere, in the order written.
        gpu: What `@resources` asks for, wherever the step runs; None when it does not say.
        system: Versions of `__glibc` and `__cuda` that `@sys_packages` gives.
        decorators: All that decide about the environment, those of the flow first; None where one of them is not
            known in full.
        origins: Where each requirement stands, by canonical name (PEP 503), both kinds together.
        findings: What could not be known about this step. One of severity error means that the values above
            are not the whole truth.
        identities: What Metaflow calls its environments, one for each place where it runs; empty while that is not
            known.
    """

    name: str
    location: Location
    kind: str | None = None
    disabled: bool = False
    python: str | None = None
    conda: dict[str, str] = msgspec.field(default_factory=dict)
    pypi: dict[str, str] = msgspec.field(default_factory=dict)
    channels: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    named_env: str | None = None
    named_at: Location | None = None
    fetch_at_exec: bool = False
    remote: tuple[RemoteDecorator, ...] = ()
    gpu: int | None = None
    system: dict[str, str] = msgspec.field(default_factory=dict)
    decorators: tuple[DeclaredDecorator, ...] | None = ()
    origins: dict[str, Location] = msgspec.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    identities: tuple[AnyIdentity, ...] = ()


class FlowReading(msgspec.Struct, frozen=True):
    """A FlowSpec subclass."""

    name: str
    location: Location
    steps: tuple[StepReading, ...] = ()
    findings: tuple[Finding, ...] = ()


class FileReading(msgspec.Struct, frozen=True):
    """A file.

    Attributes:
        path: Absolute.
        flows: In the order of the file.
        findings: What concerns the file as a whole.
        reads: Absolute paths of the other files whose change would change this reading, files that were looked
            for and not found included.
    """

    path: str
    flows: tuple[FlowReading, ...] = ()
    findings: tuple[Finding, ...] = ()
    reads: tuple[str, ...] = ()


class ProjectFacts(msgspec.Struct, frozen=True):
    """What reading a flow may know about the project.

    Attributes:
        root: Absolute path of the project folder: imports of files below it are followed.
        environ: The registering shell's variables, for `os.environ.get`.
        python: The interpreter's version as `3.11.7`; None when it is not known.
        cwd: Absolute path of the folder that Metaflow is started in, for relative paths.
        site_packages: Absolute path of the interpreter's folder of packages; None when it is not known.
        core: Whether its Metaflow is without metaflow-netflixext; None when not known.
    """

    root: str
    cwd: str
    environ: dict[str, str] = msgspec.field(default_factory=dict)
    python: str | None = None
    site_packages: str | None = None
    core: bool | None = None
