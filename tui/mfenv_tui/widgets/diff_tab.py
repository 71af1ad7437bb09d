"""What differs from the resolution before, and from what Metaflow has in its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from mfenv_tui.detail import Detail
from mfenv_tui.environments import age
from mfenv_tui.lines import Grid, Line, Part, Role
from mfenv_tui.rows import relative
from mfenv_tui.widgets.tab import TextTab, unanswered
from mfenvd.domain.changes import Change, How, changes
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.words import Tone

_SIGNS: dict[How, tuple[str, Role]] = {How.ADDED: ("+", Tone.GOOD), How.REMOVED: ("-", Tone.BAD)}


class DiffTab(TextTab):
    """Of the selected arch."""

    TITLE: ClassVar[str] = "Diff"
    ASKS: ClassVar[bool] = True

    DEFAULT_CSS = """
    DiffTab Prose { padding-bottom: 1; }
    """

    def parts(self, detail: Detail) -> Iterator[Part]:
        history, verdict = detail.history, detail.selection.verdict
        if history is None or verdict is None:
            yield unanswered(detail)
            return
        if history.previous is None:
            yield (("No earlier resolution is known.", "muted"),)
        else:
            yield (("Since the resolution of ", "strong"), (age(detail.now - history.previous.settled), "strong"))
            yield self._changes(history.previous.packages, verdict.packages)
        for manifest in history.manifests:
            yield ()
            path = relative(manifest.path, detail.selection.row.root)
            yield (("Against Metaflow's manifest ", "strong"), (f"{path}, {manifest.id}", "muted"))
            yield self._changes(manifest.packages, verdict.packages)
        if not history.manifests:
            yield ()
            yield (("Metaflow has nothing of this environment in its manifest.", "muted"),)

    def _changes(self, before: Sequence[LockedPackage], after: Sequence[LockedPackage]) -> Part:
        found = changes(before, after)
        if not found:
            return ((f"{self.signs.of(Tone.GOOD)} the same packages", Tone.GOOD),)
        return Grid(tuple(self._row(change) for change in found), gives=1)

    def _row(self, change: Change) -> tuple[Line, ...]:
        sign, role = _SIGNS.get(change.how, ("~", Tone.WARNING))
        shown = [one for one in (_shown(change.before, change.how), _shown(change.after, change.how)) if one]
        versions: Line = ((f" {self.signs.becomes} ".join(shown), "plain"),)
        return ((f"{sign} {change.name}", role),), versions, ((str(change.how), "muted"),)


def _shown(package: LockedPackage | None, how: How) -> str:
    """The version, or the file where the versions are the same."""
    if package is None:
        return ""
    return package.filename if how is How.OTHER_FILE else package.version
