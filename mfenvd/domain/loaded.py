"""What Metaflow itself said of flow files: the same questions for files that are loaded and for those only read."""

from __future__ import annotations

from typing import Any

import msgspec

from mfenvd.domain.finding import Finding
from mfenvd.domain.identity import AnyIdentity, Identity, RequestIdentity

AS_WRITTEN = "as written"


class PlannedLaunch(msgspec.Struct, frozen=True):
    """A way to start a flow that decides where its steps run.

    Attributes:
        name: A phrase that is unique for the flow: `as written`, `--with batch`, `argo-workflows create`.
        command: `run`, or the deployer (`argo-workflows`, `airflow`, `step-functions`).
        decospecs: What it attaches to every step with `--with`.
    """

    name: str = AS_WRITTEN
    command: str = "run"
    decospecs: tuple[str, ...] = ()


class DeclaredDecorator(msgspec.Struct, frozen=True):
    """A decorator that decides about an environment, as it was read.

    Attributes:
        name: As Metaflow has it: `pypi`, `pypi_base`, `sys_packages`.
        attributes: Those that are written, as JSON has them.
    """

    name: str
    attributes: dict[str, Any]


class DeclaredStep(msgspec.Struct, frozen=True):
    """A step as it was read, step over flow merged and Metaflow's pins left out.

    Attributes:
        step: Its name.
        kind: `conda` or `pypi`; None for a step without a decorator.
        disabled: Metaflow's `disabled=True`.
        python: As declared; None when it is not.
        packages: Of the kind.
        beside: Conda packages of a `pypi` step that has both, which Metaflow core refuses.
        remote: Decorators that run it elsewhere as written, in their order.
        of_core: Whether Metaflow core has all that decides about it: not of a mixed step, nor of a named environment.
        decorators: All that decide about it, those of the flow first; None where one of them is not known in full.
    """

    step: str
    kind: str | None = None
    disabled: bool = False
    python: str | None = None
    packages: dict[str, str] = msgspec.field(default_factory=dict)
    beside: dict[str, str] = msgspec.field(default_factory=dict)
    remote: tuple[str, ...] = ()
    of_core: bool = True
    decorators: tuple[DeclaredDecorator, ...] | None = None


class DeclaredFlow(msgspec.Struct, frozen=True):
    """A flow as it was read: those of its steps whose environment could be known."""

    flow: str
    steps: tuple[DeclaredStep, ...]


class FlowQuestion(msgspec.Struct, frozen=True):
    """A flow file, to ask Metaflow about.

    Attributes:
        path: Absolute.
        flows: What was read of it.
        launches: How its flows are started, `as written` first.
        digest: Of everything that was read for it: another digest asks for another answer.
    """

    path: str
    flows: tuple[DeclaredFlow, ...]
    launches: tuple[PlannedLaunch, ...]
    digest: str


class LoadedStep(msgspec.Struct, frozen=True):
    """A step as Metaflow has it after everything that can change it.

    Attributes:
        step: Its name.
        identity: None for a step that runs in the plain Python (`disabled=True`).
        kinds: The decorators among `conda` and `pypi` that were written, sorted: none for a step that Metaflow
            gives a conda environment of its own accord.
        remote: Decorators that run it elsewhere, in their order.
        problem: Why Metaflow makes no environment of it; None when it does.
        refused: Whether the problem is what is written, so that Metaflow refuses it everywhere.
        needs_trust: Whether the problem is that the project is not trusted.
        passes: Whether the problem may be gone a little later, with nobody doing anything about it.
        request: What metaflow-netflixext calls what the step asks for, in the place of `identity`.
    """

    step: str
    identity: Identity | None = None
    kinds: tuple[str, ...] = ()
    remote: tuple[str, ...] = ()
    problem: str | None = None
    refused: bool = False
    needs_trust: bool = False
    passes: bool = False
    request: RequestIdentity | None = None

    @property
    def asked(self) -> AnyIdentity | None:
        """What Metaflow calls its environment, in whichever dialect."""
        return self.identity or self.request


class LoadedFlow(msgspec.Struct, frozen=True):
    """A flow as one launch has it."""

    flow: str
    launch: str
    steps: tuple[LoadedStep, ...]


class LoadedFile(msgspec.Struct, frozen=True):
    """Metaflow's answer to a question.

    Attributes:
        path: Absolute.
        digest: The question's.
        flows: One for each flow and launch that Metaflow accepts.
        files: Absolute paths of the project's modules that were imported; empty for a file that was only read.
        findings: What Metaflow refused, and why.
        loaded: Whether the file was loaded, rather than only read.
        extension: Version of the metaflow-netflixext that answered; None for Metaflow core.
    """

    path: str
    digest: str
    flows: tuple[LoadedFlow, ...] = ()
    files: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    loaded: bool = False
    extension: str | None = None

    @property
    def passes(self) -> bool:
        """Whether asking again a little later may bring more."""
        return any(step.passes for flow in self.flows for step in flow.steps)


class Launcher(msgspec.Struct, frozen=True):
    """What the project's flows are started with.

    Attributes:
        interpreter: Absolute path of a Python.
        python: Its version as `3.11.7`.
        root: Absolute path of the project's folder.
        cwd: Absolute path of the folder that flows are started in.
        environ: All variables that they are started with.
        config: `environ` with Metaflow's configuration files below it.
        datastore: As mfenv's configuration says; None means as Metaflow's does.
        attached: Remote decorators that Metaflow's configuration attaches to every step.
        by_project: Whether only the project says which interpreter: to start it may be to run the project's code.
    """

    interpreter: str
    python: str
    root: str
    cwd: str
    environ: dict[str, str]
    config: dict[str, str]
    datastore: str | None = None
    attached: tuple[str, ...] = ()
    by_project: bool = False
