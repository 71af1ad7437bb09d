"""How the wheels, or conda builds, of a package are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mfenv_tui.lines import Labelled, Line, Piece, Signs
from mfenvd.domain.availability import Cell, PythonWheel, Row, python_spans
from mfenvd.domain.words import Tone

_SDIST = {True: "sdist", False: "no sdist", None: ""}


def cell_line(cell: Cell, signs: Signs, *, brief: bool) -> Line:
    """For which Pythons an arch has wheels, and the oldest system that one of them runs on.

    `brief` leaves out the system, and says of free-threaded Pythons only that there are some.
    """
    if not cell.pythons:
        return ((f"{signs.of(Tone.BAD)} none", Tone.BAD),)
    pythons = [wheel.python for wheel in cell.pythons]
    newer = any(wheel.newer for wheel in cell.pythons)
    if brief:
        usual = [python for python in pythons if not python.endswith("t")]
        spans = ", ".join(python_spans(usual, signs.none, newer=newer))
        return ((f"{signs.of(Tone.GOOD)} {spans}", Tone.GOOD), (" +t" if len(usual) < len(pythons) else "", "muted"))
    spans = ", ".join(python_spans(pythons, signs.none, newer=newer))
    asks = f" {floor(cell)}".rstrip()
    return ((f"{signs.of(Tone.GOOD)} {spans}", Tone.GOOD), (asks, "muted"))


def floor(needs: Cell | PythonWheel) -> str:
    """The oldest system, empty where any will do."""
    cuda = needs.cuda if isinstance(needs, PythonWheel) else None
    floors = (("glibc", needs.glibc), ("macOS", needs.macos), ("CUDA", "" if cuda == "any" else cuda))
    return ", ".join(f"{name} {version}".strip() for name, version in floors if version is not None)


def version_parts(name: str, row: Row, signs: Signs) -> Iterator[Line | Labelled]:
    """One version: its remarks, and for each arch every Python with what its wheel asks for."""
    yield ((f"{name} {row.version}", "strong"), (remarks(row, signs), "muted"))
    for cell in row.cells:
        yield Labelled((str(cell.arch), "muted"), tuple(_pythons(cell, signs)))


def remarks(row: Row, signs: Signs) -> str:
    """What else is worth knowing of a version, each behind a dot."""
    said = (
        "any arch" if row.pure else "",
        _SDIST[row.sdist],
        "pre-release" if row.prerelease else "",
        "withdrawn" + (f": {row.yanked}" if row.yanked else "") if row.yanked is not None else "",
        f"Python {row.requires_python}" if row.requires_python else "",
    )
    return "".join(f" {signs.dot} {remark}" for remark in said if remark)


def _pythons(cell: Cell, signs: Signs) -> Iterator[Piece]:
    if not cell.pythons:
        yield (f"{signs.of(Tone.BAD)} none", Tone.BAD)
    for asks, wheels in _alike(cell.pythons).items():
        newer = any(wheel.newer for wheel in wheels)
        spans = ", ".join(python_spans([wheel.python for wheel in wheels], signs.none, newer=newer))
        yield (f"{signs.of(Tone.GOOD)} {spans}", Tone.GOOD)
        yield (f" {asks}   " if asks else "   ", "muted")


def _alike(wheels: Sequence[PythonWheel]) -> dict[str, list[PythonWheel]]:
    """By what they ask for."""
    grouped: dict[str, list[PythonWheel]] = {}
    for wheel in wheels:
        grouped.setdefault(floor(wheel), []).append(wheel)
    return grouped
