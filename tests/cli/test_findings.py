from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mfenvd.cli.excerpt import excerpt
from mfenvd.cli.findings import brief, fold, full
from mfenvd.domain.finding import Finding, Severity
from tests.cli.conftest import shown, terminal
from tests.support import samples

GAP = """\
error[MFE302]: torch 2.6.0 has no wheel for osx-64.
  --> train.py:11:21
   |
11 |     @pypi(packages={"torch": "2.6.0", "pandas": "2.2.3"}, python="3.11")
   |                     ^
    on: osx-64 · TrainFlow: train, evaluate
    2 more lines with --verbose
    fix: `torch==2.2.2` is the last with a wheel for osx-64."""

NOTICE = """\
notice[MFE308]: pyarrow differs between architectures: 17.0.0 on linux-64, 21.0.0 on osx-arm64.
  --> train.py:21:21
    on: linux-64 · TrainFlow: report
    fix: Pin `pyarrow==17.0.0` to have the same version everywhere."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    samples.write_sample_project(tmp_path)
    return tmp_path


def rendered(root: Path, width: int = 120, *, verbose: bool = False, ascii_only: bool = False) -> str:
    on = terminal(width, here=root, ascii_only=ascii_only)
    on.print(full(on, fold(samples.verdicts(root)), verbose=verbose))
    return shown(on)


def test_a_finding_shows_its_place_and_its_fix(root: Path) -> None:
    blocks = rendered(root).split("\n\n")
    assert GAP in blocks
    assert NOTICE in blocks


def test_each_finding_is_told_once(root: Path) -> None:
    found = rendered(root)
    assert found.count("torch 2.6.0 has no wheel") == 1
    assert "on: linux-64, osx-arm64 · TrainFlow: end" in found


def test_a_chain_is_told_where_the_package_was_not_asked_for(root: Path) -> None:
    assert "needed by: pandas → numpy" in rendered(root)
    assert "needed by: torch" not in rendered(root)


def test_details_come_with_verbose(root: Path) -> None:
    found = rendered(root, verbose=True)
    assert "    torch-2.6.0-cp311-none-macosx_11_0_arm64.whl: arch (arm64, not x86_64)" in found
    assert "--verbose" not in found


def test_errors_come_first(root: Path) -> None:
    severities = [folded.finding.severity for folded in fold(samples.verdicts(root))]
    assert severities == sorted(severities, key=list(Severity).index)


@pytest.mark.parametrize("width", [40, 60, 80, 140])
def test_nothing_is_wider_than_the_terminal(root: Path, width: int) -> None:
    assert max(map(len, rendered(root, width).splitlines())) <= width


def test_ascii_terminals_get_ascii(root: Path) -> None:
    assert rendered(root, ascii_only=True).isascii()


def test_brief_is_a_line_each(root: Path) -> None:
    on = terminal(200, here=root)
    on.print(brief(on, fold(samples.verdicts(root))))
    assert "✗ error MFE302  train.py:11:21  torch 2.6.0 has no wheel for osx-64." in shown(on).splitlines()


def test_findings_without_a_verdict_are_told_too(root: Path) -> None:
    syntax = Finding("MFE103", Severity.ERROR, "invalid syntax", path=str(root / "train.py"), line=1, column=6)
    on = terminal(80, here=root)
    on.print(full(on, fold((), [syntax])))
    assert shown(on) == (
        "error[MFE103]: invalid syntax\n  --> train.py:1:6\n  |\n"
        "1 | from metaflow import FlowSpec, batch, conda, pypi, step\n  |      ^"
    )


def test_control_characters_never_reach_the_terminal(root: Path) -> None:
    bad = Finding("MFE999", Severity.ERROR, "evil \x1b[2Jmessage\x07", fix="\x1b]0;title\x07")
    on = terminal(80, here=root)
    on.print(full(on, fold((), [bad])))
    assert "\x1b" not in shown(on)
    assert "\x07" not in shown(on)


def located(path: Path, line: int | None, column: int | None) -> Finding:
    return Finding("MFE101", Severity.ERROR, "…", path=str(path), line=line, column=column)


def test_the_mark_is_below_the_column_also_after_tabs(tmp_path: Path) -> None:
    source = tmp_path / "a.py"
    source.write_text("\tx = unknown\n")
    line, mark = excerpt(located(source, 1, 6), 80) or ("", "")
    assert line[mark.index("^") :] == "unknown"


def test_a_long_line_is_shown_around_the_column(tmp_path: Path) -> None:
    source = tmp_path / "a.py"
    source.write_text(f"{'a' * 300}HERE{'b' * 300}\n")
    line, mark = excerpt(located(source, 1, 301), 60) or ("", "")
    assert len(line) <= 60
    assert line[mark.index("^") :].startswith("HERE")
    assert line.startswith("...")
    assert line.endswith("...")


def test_credentials_in_the_source_are_hidden(tmp_path: Path) -> None:
    source = tmp_path / "requirements.txt"
    source.write_text("--index-url https://me:secret@index.example/simple torch\n")
    line, _ = excerpt(located(source, 1, 1), 80) or ("", "")
    assert line == "--index-url https://****@index.example/simple torch"


@pytest.mark.parametrize(("line", "column"), [(None, None), (0, 1), (99, 1)])
def test_a_place_that_is_not_there_has_no_excerpt(tmp_path: Path, line: int | None, column: int | None) -> None:
    source = tmp_path / "a.py"
    source.write_text("x = 1\n")
    assert excerpt(located(source, line, column), 80) is None
    assert excerpt(located(tmp_path / "gone.py", line, column), 80) is None


def test_a_column_beyond_the_line_is_marked_at_its_end(tmp_path: Path) -> None:
    source = tmp_path / "a.py"
    source.write_text("x = 1\n")
    assert excerpt(located(source, 1, 900), 80) == ("x = 1", "    ^")


def test_binary_files_do_no_harm(tmp_path: Path) -> None:
    source = tmp_path / "a.py"
    source.write_bytes(bytes(range(256)) * 4)
    for line in (1, 2, 3):
        found = excerpt(located(source, line, 3), 80)
        assert found is None or found[0].isprintable()


def test_identical_findings_of_other_targets_are_one(root: Path) -> None:
    finding = samples.findings(root)["drift"]
    verdicts = [msgspec.structs.replace(verdict, findings=(finding,)) for verdict in samples.verdicts(root)[:3]]
    (folded,) = fold(verdicts)
    assert folded.where("·") == "linux-64, osx-64, osx-arm64 · TrainFlow: start"
