from __future__ import annotations

from mfenv_tui.availability import cell_line, version_parts
from mfenv_tui.lines import Labelled, Signs
from mfenvd.domain.arch import Arch
from mfenvd.domain.availability import Cell, PythonWheel, Row

OPEN = Cell(Arch.LINUX_64, (PythonWheel("3.13", "2.17"), PythonWheel("3.14"), PythonWheel("3.15", newer=True)))
CAPPED = Cell(Arch.OSX_64, (PythonWheel("3.14"), PythonWheel("3.15")))


def test_a_build_for_every_newer_python_is_told_from_one_for_the_newest() -> None:
    for brief in (True, False):
        told = [cell_line(cell, Signs(), brief=brief)[0][0] for cell in (OPEN, CAPPED)]
        assert told == ["✓ 3.13+", "✓ 3.14–3.15"]  # noqa: RUF001 - an en dash
    _, *archs = version_parts("demo", Row("1.0", (OPEN, CAPPED)), Signs())
    said = ["".join(text for text, _ in arch.value).strip() for arch in archs if isinstance(arch, Labelled)]
    assert said == ["✓ 3.13 glibc 2.17   ✓ 3.14+", "✓ 3.14–3.15"]  # noqa: RUF001
