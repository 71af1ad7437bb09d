"""What was understood of a project before anything is resolved."""

from __future__ import annotations

from typing import Any

import msgspec

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Location, Severity
from mfenvd.domain.identity import AnyIdentity
from mfenvd.domain.request import Request
from mfenvd.domain.target import Target


class PlannedTarget(msgspec.Struct, frozen=True):
    """A target and why it is wanted; `findings` say what about it is assumed."""

    target: Target
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def broken(self) -> bool:
        """Whether it is known without resolving that the environment cannot work here."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def given(self, *, glibc: str | None = None, cuda: str | None = None) -> PlannedTarget:
        """The same with what somebody said it offers, about which nothing is assumed any more.

        A GLIBC is for Linux alone, a CUDA driver for all but macOS; elsewhere they change nothing.
        """
        target, told = self.target, set()
        if glibc is not None and target.arch.is_linux:
            target = msgspec.structs.replace(target, glibc=glibc)
            told.add(Code.GLIBC_ASSUMED)
        if cuda is not None and not target.arch.is_macos:
            target = msgspec.structs.replace(target, cuda=cuda)
            told |= {Code.CUDA_ASSUMED, Code.METAFLOW_WITHOUT_CUDA}
        said = tuple(finding for finding in self.findings if finding.code not in told)
        return msgspec.structs.replace(self, target=target, findings=said)

    def as_json(self) -> dict[str, Any]:
        return {**msgspec.to_builtins(self.target), "reasons": list(self.reasons)}


class Environment(msgspec.Struct, frozen=True):
    """One step's environment, or one that the configuration names.

    Attributes:
        source: Absolute path of the flow or configuration file.
        flow: Class name; None for an environment that the configuration names.
        step: Step name; None likewise.
        name: The configured name; None for a step.
        kind: `pypi`, `conda`, `mixed`; None for a step without an environment.
        disabled: Metaflow's `disabled=True`, merged; such a step has no request.
        python: As asked for, or the project's; None when unknown.
        conda: Merged `{name: version spec}` as written, Metaflow's pins left out.
        pypi: The same for PyPI; a requirement without a version has an empty spec.
        channels: Conda channels by priority.
        indexes: URLs of the indexes that are asked for, without credentials.
        named_env: What `@named_env` names; None without one.
        remote: Names of the decorators that make the step remote, as written or attached by a launch.
        request: What to resolve; None when disabled, when there is no environment, or when it cannot be known.
        targets: Where it will run.
        findings: What could not be known or is wrong with the declaration.
        origins: Where each requirement stands, by canonical name.
        identities: What Metaflow calls it in each place where it runs; empty while that is not known.
        base: The conda environment that Metaflow puts the wheels of a `pypi` environment into, to be resolved for
            this machine and for each target; None where it makes none, or that is not known.
    """

    source: str
    flow: str | None
    step: str | None
    name: str | None = None
    kind: str | None = None
    disabled: bool = False
    python: str | None = None
    conda: dict[str, str] = msgspec.field(default_factory=dict)
    pypi: dict[str, str] = msgspec.field(default_factory=dict)
    channels: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    named_env: str | None = None
    remote: tuple[str, ...] = ()
    request: Request | None = None
    targets: tuple[PlannedTarget, ...] = ()
    findings: tuple[Finding, ...] = ()
    origins: dict[str, Location] = msgspec.field(default_factory=dict)
    identities: tuple[AnyIdentity, ...] = ()
    base: Request | None = None

    @property
    def env(self) -> str:
        """The configured name, else the request's id, else the step's name."""
        return self.name or (self.request.id if self.request else self.step or "")

    @property
    def broken(self) -> bool:
        """Whether the declaration itself keeps it from resolving."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def has_verdict(self) -> bool:
        """Whether there is something to say of each of its targets: not of a step without an environment."""
        return self.request is not None or self.broken

    def as_json(self) -> dict[str, Any]:
        """The `plan` entry that docs/json.md promises."""
        return {
            "source": self.source, "flow": self.flow, "step": self.step, "env": self.env, "kind": self.kind,
            "disabled": self.disabled, "python": self.python,
            "packages": {"conda": self.conda, "pypi": self.pypi},
            "channels": list(self.channels), "indexes": list(self.indexes),
            "named_env": self.named_env, "remote": list(self.remote),
            "targets": [target.as_json() for target in self.targets],
            "findings": [msgspec.to_builtins(finding) for finding in self.findings],
        }  # fmt: skip


class Plan(msgspec.Struct, frozen=True):
    """A project, understood.

    Attributes:
        root: Absolute path of the folder (or single file) that was read.
        environments: Sorted by source, then in the order of the file.
        findings: What concerns a file as a whole (a syntax error, a bad setting).
        reads: For each source, the other files that its environments were read from: a change of one of them
            means reading the source again.
    """

    root: str
    environments: tuple[Environment, ...] = ()
    findings: tuple[Finding, ...] = ()
    reads: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)

    @property
    def beside_verdicts(self) -> tuple[Finding, ...]:
        """`findings`, and what is to be said of named environments that nothing is known of but their name."""
        said = list(self.findings)
        for one in self.environments:
            if one.named_env is not None and not one.has_verdict:
                found = (*one.findings, *(finding for target in one.targets for finding in target.findings))
                said += (each for each in found if each.severity is not Severity.NOTICE and each not in said)
        return tuple(said)
