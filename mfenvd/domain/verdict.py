"""What a client is told of one environment on one target."""

from __future__ import annotations

import msgspec

from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.state import State
from mfenvd.domain.target import Target


class Verdict(msgspec.Struct, frozen=True):
    """One environment on one target. docs/json.md promises these fields.

    Attributes:
        source: Absolute path of the flow or configuration file.
        flow: Class name; None for an environment that the configuration names.
        step: Step name; None for an environment that the configuration names.
        env: The configured name, else the request's id: the same for steps that share an environment.
        target: Where it will run.
        reasons: Why this target is wanted, one phrase each.
        state: How far it is.
        packages: The resolution's packages, empty until there is one.
        findings: What is wrong or worth knowing, errors first.
        request: The request's key; None when the request itself could not be known.
        kind: `pypi`, `conda` or `mixed`; None when it could not be known.
        settled: Seconds since the epoch when this state was reached; None while under way or in one-shot commands.
    """

    source: str
    flow: str | None
    step: str | None
    env: str
    target: Target
    reasons: tuple[str, ...]
    state: State
    packages: tuple[LockedPackage, ...] = ()
    findings: tuple[Finding, ...] = ()
    request: str | None = None
    kind: str | None = None
    settled: float | None = None

    @property
    def id(self) -> str:
        """The same for the same step on the same arch, whatever becomes of it."""
        return "|".join((self.source, self.flow or "", self.step or "", self.name, self.target.arch))

    @property
    def name(self) -> str:
        """How to name the environment in a table: the step, else the configured name."""
        return self.step or self.env

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)
