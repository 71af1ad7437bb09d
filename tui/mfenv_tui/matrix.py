"""Verdicts folded into rows, brought up to date by looking again only at what events were about.

The steps of a flow whose environments are the same share a row. A row's key outlives a change of its
environment, so that the table patches cells instead of moving rows about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePath

import msgspec

from mfenv_tui.filtering import Filter
from mfenv_tui.rows import UNDER_WAY, Cell, Row, file_cell, folded, merged, row_rank, step_order
from mfenvd.client.view import Change, DaemonView
from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Finding
from mfenvd.domain.verdict import Verdict
from mfenvd.domain.words import Tone

Home = tuple[str, str]
"""Source and flow: what is folded together."""

_FILES: Home = ("", "")
_DAEMON = "mfenvd"


class Patch(msgspec.Struct, frozen=True):
    """What differs since the last look.

    Attributes:
        reshaped: There are other columns, or rows came, went or have other names.
        moved: Rows stand in another order.
        changed: Keys of the rows with other contents, new ones included.
        removed: Keys of the rows that are gone.
    """

    reshaped: bool = False
    moved: bool = False
    changed: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.changed or self.removed)


class Matrix:
    """The rows of a view, by key and in order.

    Attributes:
        rows: By key.
        order: Keys as they stand in the table, trouble first.
        archs: The columns, in the order of `Arch`.
        counts: Cells by tone, those of rows that are filtered out included.
        folded: Whether the steps of a flow that share an environment share a row.
        by_name: Whether rows stand by file and name alone.
        filter: Leaves rows out of the order.
    """

    def __init__(self, view: DaemonView) -> None:
        self.rows: dict[str, Row] = {}
        self.order: tuple[str, ...] = ()
        self.archs: tuple[Arch, ...] = ()
        self.counts: Counter[Tone] = Counter()
        self.folded = True
        self.by_name = False
        self.filter = Filter()
        self._view = view
        self._members: dict[Home, set[str]] = {}
        self._homes: dict[str, Home] = {}
        self._rows_of: dict[Home, tuple[str, ...]] = {}
        self._ranked: dict[str, tuple[object, ...]] = {}
        self._touched: set[Home] = set()
        self._changed: set[str] = set()
        self._removed: set[str] = set()
        self._reshaped = False
        self._roots: frozenset[str] = frozenset()
        self._files_touched = True
        self._all_touched = True
        self._rearranged = False

    def arrange(self, *, folded: bool | None = None, by_name: bool | None = None, sought: str | None = None) -> None:
        """Show the rows in another way from the next update on; None leaves as it is."""
        if folded is not None and folded != self.folded:
            self.folded, self._all_touched = folded, True
        if by_name is not None and by_name != self.by_name:
            self.by_name, self._rearranged = by_name, True
        if sought is not None:
            self._rearranged |= self.filter.look_for(sought)

    def note(self, change: Change) -> None:
        """Remember what is to be looked at again; cheap, for every event."""
        self._all_touched |= change.reset
        for verdict_id in (*change.verdicts, *change.removed):
            self._rehome(verdict_id)
        self._touched.update(self._homes[verdict_id] for verdict_id in change.progress if verdict_id in self._homes)
        if change.projects:
            self._files_touched = True
            # Another root may be the innermost one around a source now.
            self._all_touched |= self._roots != self._view.projects.keys()

    def update(self) -> Patch:
        """Bring the rows up to date; says what differs from before."""
        self._changed.clear()
        self._removed.clear()
        self._reshaped = False
        if self._all_touched:
            self._start_over()
        for home in self._touched:
            self._replace(home, self._fold(home))
        if self._files_touched:
            self._replace(_FILES, self._file_rows())
        self._touched.clear()
        self._files_touched = self._all_touched = False
        rearranged, self._rearranged = self._rearranged, False
        if not self._changed and not self._removed and not rearranged:
            return Patch()
        before = self.order
        if rearranged:
            self._ranked = {key: self._rank(row) for key, row in self.rows.items()}
        ordered = sorted(self.rows, key=self._ranked.__getitem__)
        self.order = tuple(row.key for row in self.filter.keep(map(self.rows.__getitem__, ordered)))
        self._reshaped |= len(before) != len(self.order)
        if self._reshaped:
            present = {arch for row in self.rows.values() for arch in row.cells}
            self.archs = tuple(arch for arch in Arch if arch in present)
        return Patch(self._reshaped, self.order != before, frozenset(self._changed), frozenset(self._removed))

    def _rank(self, row: Row) -> tuple[object, ...]:
        return row.name_order if self.by_name else row.order

    def _rehome(self, verdict_id: str) -> None:
        old = self._homes.pop(verdict_id, None)
        if old is not None:
            self._members[old].discard(verdict_id)
            self._touched.add(old)
        verdict = self._view.verdicts.get(verdict_id)
        if verdict is not None:
            home = (verdict.source, verdict.flow or "")
            self._homes[verdict_id] = home
            self._members.setdefault(home, set()).add(verdict_id)
            self._touched.add(home)

    def _start_over(self) -> None:
        self._touched.update(self._members)
        self._members.clear()
        self._homes.clear()
        for verdict_id in self._view.verdicts:
            self._rehome(verdict_id)
        self._roots = frozenset(self._view.projects)
        self._files_touched = True

    def _replace(self, home: Home, rows: Iterable[Row]) -> None:
        """Put `rows` where the rows of `home` were; an equal row stays the same object."""
        gone = set(self._rows_of.get(home, ()))
        new = tuple(rows)
        for row in new:
            gone.discard(row.key)
            old = self.rows.get(row.key)
            if old != row:
                self._reshaped |= old is None or old.names != row.names or old.cells.keys() != row.cells.keys()
                self._count(old, row)
                self.rows[row.key] = row
                self._ranked[row.key] = self._rank(row)
                self._changed.add(row.key)
        for key in gone:
            self._count(self.rows.pop(key), None)
            del self._ranked[key]
        self._removed |= gone
        self._reshaped |= bool(gone)
        self._rows_of[home] = tuple(row.key for row in new)

    def _count(self, old: Row | None, new: Row | None) -> None:
        self.counts.subtract(cell.tone for cell in (old.all_cells if old else ()))
        self.counts.update(cell.tone for cell in (new.all_cells if new else ()))

    def _fold(self, home: Home) -> list[Row]:
        steps: dict[str, list[Verdict]] = {}
        for verdict_id in self._members.get(home, ()):
            verdict = self._view.verdicts[verdict_id]
            steps.setdefault(verdict.name, []).append(verdict)
        shared: dict[tuple[frozenset[str], str], list[str]] = {}
        for name in sorted(steps, key=step_order):
            # A step has one environment; while it changes, its archs may still disagree for a moment.
            environments = frozenset(verdict.env for verdict in steps[name])
            shared.setdefault((environments, "" if self.folded else name), []).append(name)
        return [self._row(home, tuple(names), steps) for names in shared.values()]

    def _row(self, home: Home, names: tuple[str, ...], steps: Mapping[str, list[Verdict]]) -> Row:
        source, flow = home
        by_arch: dict[Arch, list[Verdict]] = {}
        for name in names:
            for verdict in steps[name]:
                by_arch.setdefault(verdict.target.arch, []).append(verdict)
        key = f"{source}|{flow}|{names[0]}"
        before = self.rows.get(key)
        old_cells = before.cells if before else {}
        cells = {arch: self._cell(by_arch[arch], old_cells.get(arch)) for arch in Arch if arch in by_arch}
        root = self._view.root_of(steps[names[0]][0]) or str(PurePath(source).parent)
        rank = row_rank(cells.values(), before.rank if before else UNDER_WAY)
        return Row(key, root, source, flow or None, names, cells, rank=rank)

    def _cell(self, verdicts: list[Verdict], old: Cell | None) -> Cell:
        """The verdicts as one cell: `old` where that is made of the very same ones."""
        under_way = (self._view.progress.get(verdict.id) for verdict in verdicts)
        progress = next((found for found in under_way if found), None)
        if old and old.progress == progress and set(map(id, old.verdicts)) == set(map(id, verdicts)):
            return old
        return folded(verdicts, progress)

    def _file_rows(self) -> list[Row]:
        found: dict[tuple[str, str], list[Finding]] = {}
        for finding in self._view.daemon.findings if self._view.daemon else ():
            found.setdefault(("", finding.path or _DAEMON), []).append(finding)
        for root, project in self._view.projects.items():
            for finding in project.findings:
                found.setdefault((root, finding.path or root), []).append(finding)
        return [_file_row(root, path, findings) for (root, path), findings in found.items()]


def _file_row(root: str, path: str, findings: list[Finding]) -> Row:
    cell = file_cell(merged(findings))
    return Row(f"{root}||{path}", root, path, None, (), {}, whole=cell, rank=cell.rank)
