from __future__ import annotations

import pytest

from mfenvd.cli.exit_codes import ExitCode, exit_code
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.state import State
from mfenvd.domain.verdict import Verdict
from tests.support.samples import LINUX


def verdict(state: State, *findings: Finding) -> Verdict:
    return Verdict("/a.py", "F", "start", "e", LINUX, (), state, findings=findings)


def finding(code: Code, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(code, severity, "…")


FINE = verdict(State.RESOLVED, finding(Code.DRIFT, Severity.NOTICE))
WARNED = verdict(State.WARM, finding(Code.GLIBC_HELD_BACK, Severity.WARNING))
BLOCKED = verdict(State.BLOCKED, finding(Code.WHEEL_GAP))
UNTOLD = verdict(State.BLOCKED, finding(Code.UNKNOWN_VALUE))
FAILED = verdict(State.FAILED, finding(Code.KIND_NOT_SUPPORTED, Severity.WARNING))
UNDER_WAY = verdict(State.RESOLVING)


@pytest.mark.parametrize(
    ("verdicts", "strict", "expected"),
    [
        ([], False, ExitCode.FINE),
        ([FINE, WARNED], False, ExitCode.FINE),
        ([FINE, WARNED], True, ExitCode.FINDINGS),
        ([FINE], True, ExitCode.FINE),
        ([FINE, BLOCKED], False, ExitCode.FINDINGS),
        ([FINE, UNTOLD], False, ExitCode.UNKNOWN),
        ([FINE, FAILED], False, ExitCode.UNKNOWN),
        ([FINE, FAILED], True, ExitCode.UNKNOWN),
        ([FINE, UNDER_WAY], False, ExitCode.UNKNOWN),
        ([BLOCKED, UNTOLD, FAILED], False, ExitCode.FINDINGS),
    ],
)
def test_what_is_known_to_be_wrong_outweighs_what_is_unknown(
    verdicts: list[Verdict], strict: bool, expected: ExitCode
) -> None:
    assert exit_code(verdicts, strict=strict) is expected


def test_findings_of_whole_files_count() -> None:
    assert exit_code([FINE], [finding(Code.SYNTAX_ERROR)]) is ExitCode.FINDINGS
    assert exit_code([FINE], [finding(Code.UNREADABLE_FILE)]) is ExitCode.UNKNOWN
