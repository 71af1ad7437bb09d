"""What a command's exit code says, for scripts and CI."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum

from mfenvd.domain.codes import UNDECIDED
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.state import State
from mfenvd.domain.verdict import Verdict


class ExitCode(IntEnum):
    """`mfenv check` and `mfenv up` end with one of these."""

    FINE = 0
    FINDINGS = 1
    USAGE = 2
    UNKNOWN = 3
    INTERRUPTED = 130
    BROKEN_PIPE = 141


def exit_code(verdicts: Sequence[Verdict], others: Iterable[Finding] = (), *, strict: bool = False) -> ExitCode:
    """FINDINGS when something is known to be wrong, else UNKNOWN when something could not be told, else FINE.

    Args:
        verdicts: One of them failed or still under way is something that could not be told.
        others: Findings that belong to no verdict.
        strict: Whether warnings count as errors do.
    """
    counted = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    findings = (*others, *(finding for verdict in verdicts for finding in verdict.findings))
    codes = {finding.code for finding in findings if finding.severity in counted}
    if codes - UNDECIDED:
        return ExitCode.FINDINGS
    untold = any(verdict.state is State.FAILED or not verdict.state.is_final for verdict in verdicts)
    return ExitCode.UNKNOWN if codes or untold else ExitCode.FINE
