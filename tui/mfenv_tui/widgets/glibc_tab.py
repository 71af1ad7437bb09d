"""What each package asks of the GLIBC, beside what the target has, and what another image would change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from mfenv_tui.detail import Detail
from mfenv_tui.lines import Grid, Labelled, Line, Part, Piece, Role
from mfenv_tui.widgets.tab import NOT_A_TARGET, TextTab
from mfenvd.domain.glibc import Level, Need, Outlook, deciding, images_with, needs, outlooks
from mfenvd.domain.verdict import Verdict
from mfenvd.domain.words import Tone

_SCALE = 16
_NAMED_IMAGES = 2


class GlibcTab(TextTab):
    """Of the selected arch; of the first Linux one where all are selected."""

    TITLE: ClassVar[str] = "GLIBC"

    DEFAULT_CSS = """
    GlibcTab Prose { padding-bottom: 1; }
    """

    def parts(self, detail: Detail) -> Iterator[Part]:
        verdict = _verdict(detail)
        if verdict is None:
            yield NOT_A_TARGET if detail.selection.arch else (("No Linux target.", "muted"),)
            return
        has = verdict.target.glibc_version
        if has is None:
            yield ((f"{verdict.target.arch} has no GLIBC: that is Linux's.", "muted"),)
            return
        found = needs(verdict.packages, verdict.findings, verdict.target)
        yield from self._target(verdict, has, found)
        if found:
            yield ()
            yield Grid(tuple(self._need(need, has, found) for need in found), ("package", "needs", _ends(has, found)))
        told = outlooks(found, verdict.target)
        if told:
            yield ()
            yield (("With another image", "strong"),)
            yield from self._outlooks(told)

    def _target(self, verdict: Verdict, has: Level, found: Sequence[Need]) -> Iterator[Part]:
        images = ", ".join(images_with(has)[:_NAMED_IMAGES])
        value: list[Piece] = [(f"GLIBC {_dotted(has)} {self.signs.dot} {verdict.target.arch}", "plain")]
        yield Labelled(("target", "muted"), (*value, (f" {self.signs.dot} as {images}" if images else "", "muted")))
        if not verdict.packages:
            return
        first = deciding(found)
        said = f"{first.name} {first.version} needs {_dotted(first.level)}" if first else "no package asks for a GLIBC"
        yield Labelled(("decides", "muted"), ((said, "plain"),))

    def _need(self, need: Need, has: Level, found: Sequence[Need]) -> tuple[Line, ...]:
        fits = need.level <= has
        role: Role = "plain" if need.chosen else Tone.WARNING if need.instead else Tone.BAD
        name: list[Piece] = [(f"{need.name} {need.version}", role)]
        if need.instead:
            name.append((f" (now {need.instead})", "muted"))
        sign = self.signs.of(Tone.GOOD if fits else Tone.WARNING if need.instead else Tone.BAD)
        tone = Tone.GOOD if fits else role
        return (tuple(name), ((f"{sign} {_dotted(need.level)}", tone),), self._bar(need.level, has, found, tone))

    def _bar(self, level: Level, has: Level, found: Sequence[Need], role: Role) -> Line:
        """From the oldest level to the newest, a point where the package is and a mark where the target is."""
        lowest, highest = _range(has, found)
        at, mark = (_place(one, lowest, highest) for one in (level, has))
        drawn = [self.signs.bar if place < at else " " for place in range(_SCALE)]
        drawn[mark] = self.signs.mark
        drawn[at] = self.signs.point
        return (("".join(drawn), role),)

    def _outlooks(self, told: Sequence[Outlook]) -> Iterator[Part]:
        for outlook in told:
            value: list[Piece] = [(", ".join(outlook.images), "muted")]
            if outlook.mends:
                value.append((f"\n{self.signs.of(Tone.GOOD)} would run: {_named(outlook.mends)}", Tone.GOOD))
            if outlook.breaks:
                value.append((f"\n{self.signs.of(Tone.BAD)} would not run: {_named(outlook.breaks)}", Tone.BAD))
            yield Labelled((_dotted(outlook.level), "strong"), tuple(value))


def _verdict(detail: Detail) -> Verdict | None:
    selection = detail.selection
    if selection.arch is not None:
        return selection.verdict
    return next((verdict for verdict in selection.verdicts if verdict.target.arch.is_linux), None)


def _range(has: Level, found: Sequence[Need]) -> tuple[Level, Level]:
    levels = [has, *(need.level for need in found)]
    return min(levels), max(levels)


def _ends(has: Level, found: Sequence[Need]) -> str:
    lowest, highest = map(_dotted, _range(has, found))
    return f"{lowest}{highest:>{_SCALE - len(lowest)}}" if lowest != highest else lowest


def _place(level: Level, lowest: Level, highest: Level) -> int:
    """The column of a level on the scale; a GLIBC of another major version has never been."""
    width = max(highest[1] - lowest[1], 1)
    return min(max((level[1] - lowest[1]) * (_SCALE - 1) // width, 0), _SCALE - 1)


def _dotted(level: Level) -> str:
    return ".".join(map(str, level))


def _named(found: Sequence[Need]) -> str:
    return ", ".join(f"{need.name} {need.version}".rstrip() for need in found)
