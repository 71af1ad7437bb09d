"""How a finding is laid out. What it says is the daemon's."""

from __future__ import annotations

from collections.abc import Iterator

from mfenv_tui.lines import SEVERITY_ROLES, Labelled, Part, Signs
from mfenv_tui.rows import relative
from mfenvd.domain.finding import Finding
from mfenvd.domain.words import Tone


def finding_parts(finding: Finding, root: str, source: str | None, signs: Signs) -> Iterator[Part]:
    """A finding in brief: what it is, where (with `source`, the line as it stands there), the fix, through what."""
    role = SEVERITY_ROLES[finding.severity]
    yield ((f"{signs.of_severity(finding.severity)} {finding.severity} ", role), (finding.code, "muted"))
    yield ((finding.message, "plain"),)
    if finding.path:
        where = ":".join(str(part) for part in (relative(finding.path, root), finding.line) if part is not None)
        yield Labelled(("at", "muted"), ((where, "plain"), (f"  {source}" if source else "", "muted")), cut=True)
    if finding.fix:
        yield Labelled(("fix", Tone.GOOD), ((finding.fix, "plain"),))
    if len(finding.chain) > 1:
        yield Labelled(("via", "muted"), ((f" {signs.into} ".join(finding.chain), "plain"),))


def detail_hint(finding: Finding) -> Iterator[Part]:
    """That there is more, where there is."""
    if finding.detail:
        noun = "line" if len(finding.detail) == 1 else "lines"
        yield ((f"{len(finding.detail)} more {noun}: Enter", "muted"),)


def typed_part(fix: str) -> str:
    """What to type out of a fix: the one thing in backticks, else all of it."""
    parts = fix.split("`")
    return parts[1] if len(parts) == 3 else fix
