from __future__ import annotations

import unicodedata

import msgspec
import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.state import State
from mfenvd.domain.verdict import Verdict
from mfenvd.domain.words import WORDS, Tone, glyph, tone, tone_glyph, word, word_glyph
from tests.support.samples import LINUX


def verdict(state: State, *findings: tuple[Code, Severity]) -> Verdict:
    found = tuple(Finding(code, severity, "…") for code, severity in findings)
    made = Verdict("/a.py", "F", "start", "e", LINUX, (), state, findings=found)
    return msgspec.json.decode(msgspec.json.encode(made), type=Verdict)


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_a_word_that_fits_a_cell(code: Code) -> None:
    assert 0 < len(WORDS[code]) <= 14


@pytest.mark.parametrize("of", list(Tone))
def test_glyphs_are_one_column_wide_and_have_a_stand_in(of: Tone) -> None:
    assert len(tone_glyph(of)) == 1
    assert unicodedata.east_asian_width(tone_glyph(of)) not in "WF"
    assert tone_glyph(of, ascii_only=True).isascii()


def test_no_two_tones_look_the_same() -> None:
    assert len({tone_glyph(of) for of in Tone}) == len(Tone)
    assert len({tone_glyph(of, ascii_only=True) for of in Tone}) == len(Tone)


def test_a_word_may_have_a_glyph_of_its_own() -> None:
    assert word_glyph(Tone.GOOD, "cached") == "●"
    assert word_glyph(Tone.GOOD, "cached", ascii_only=True) == "*"
    assert word_glyph(Tone.WARNING, "cached") == tone_glyph(Tone.WARNING)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (verdict(State.RESOLVED), "✓ resolved"),
        (verdict(State.CACHED), "● cached"),
        (verdict(State.WARM, (Code.DRIFT, Severity.NOTICE)), "✓ warm"),
        (verdict(State.RESOLVED, (Code.GLIBC_HELD_BACK, Severity.WARNING)), "▲ held back"),
        (verdict(State.BLOCKED, (Code.WHEEL_GAP, Severity.ERROR)), "✗ wheel gap"),
        (verdict(State.BLOCKED, (Code.UNKNOWN_VALUE, Severity.ERROR)), "? unknown value"),
        (
            verdict(State.BLOCKED, (Code.UNKNOWN_VALUE, Severity.ERROR), (Code.CONFLICT, Severity.ERROR)),
            "✗ conflict",
        ),
        (verdict(State.BLOCKED), "✗ blocked"),
        (verdict(State.FAILED, (Code.INDEX_UNREACHABLE, Severity.ERROR)), "? index down"),
        (verdict(State.FAILED, (Code.KIND_NOT_SUPPORTED, Severity.WARNING)), "? not yet"),
        (verdict(State.FAILED), "? failed"),
        (verdict(State.QUEUED), "· queued"),
        (verdict(State.RESOLVING, (Code.WHEEL_GAP, Severity.ERROR)), "◌ resolving"),
        (verdict(State.STALE), "↻ stale"),
    ],
)
def test_what_a_cell_says(given: Verdict, expected: str) -> None:
    assert f"{glyph(given)} {word(given)}" == expected


@pytest.mark.parametrize("state", list(State))
def test_a_code_of_a_later_version_does_no_harm(state: State) -> None:
    later = Finding("MFE999", Severity.ERROR, "…")
    assert word(msgspec.structs.replace(verdict(state), findings=(later,)))
    assert tone(msgspec.structs.replace(verdict(state), findings=(later,))) in Tone
