"""The answer of `check`, `up` and `resolve`: the matrix, the findings and what they amount to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mfenvd.cli import findings as shown_findings
from mfenvd.cli.json_output import print_json
from mfenvd.cli.matrix import matrix, summary
from mfenvd.cli.terminal import Terminal
from mfenvd.domain.finding import Finding
from mfenvd.domain.verdict import Verdict


def tell(
    terminal: Terminal, verdicts: Sequence[Verdict], others: Sequence[Finding], *, json: bool, verbose: bool
) -> None:
    """What was found, on standard output: for people, or with `json` for programs."""
    if json:
        print_json(as_json(verdicts, others))
    else:
        print_report(terminal, verdicts, others, verbose=verbose)


def print_report(
    terminal: Terminal, verdicts: Sequence[Verdict], others: Sequence[Finding], *, verbose: bool = False
) -> None:
    """For people. `others` are findings that belong to no verdict."""
    folded = shown_findings.fold(verdicts, others)
    if verdicts:
        terminal.print(matrix(terminal, verdicts))
    if folded:
        terminal.print("")
        terminal.print(shown_findings.full(terminal, folded, verbose=verbose))
    if verdicts:
        terminal.print("")
        terminal.print(summary(terminal, verdicts))
    elif not folded:
        terminal.say("No flow here has a @pypi or @conda environment of its own, and no configuration names one.")


def as_json(verdicts: Sequence[Verdict], others: Sequence[Finding]) -> dict[str, Any]:
    """What docs/json.md promises of `check`."""
    return {"verdicts": verdicts, "findings": others}
