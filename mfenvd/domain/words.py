"""The glyph and the word for a verdict, the same in every client. Colour only ever repeats them."""

from __future__ import annotations

from enum import Enum

from mfenvd.domain.codes import UNDECIDED, Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.state import State
from mfenvd.domain.verdict import Verdict


class Tone(str, Enum):
    """What a verdict means for the user; clients map it to a colour of their theme."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"
    BUSY = "busy"
    WAITING = "waiting"
    OUTDATED = "outdated"

    def __str__(self) -> str:
        return self.value


# tone: the glyph, its stand-in where the terminal has no Unicode. All are one column wide.
_GLYPHS = {
    Tone.GOOD: ("✓", "+"),
    Tone.WARNING: ("▲", "!"),
    Tone.BAD: ("✗", "x"),
    Tone.UNKNOWN: ("?", "?"),
    Tone.BUSY: ("◌", "~"),
    Tone.WAITING: ("·", "."),
    Tone.OUTDATED: ("↻", "@"),
}

NOT_A_TARGET = ("⊘", "-")
"""In the place of a verdict where there is none, and its stand-in."""

_UNDER_WAY = {State.QUEUED: Tone.WAITING, State.RESOLVING: Tone.BUSY, State.STALE: Tone.OUTDATED}

WORDS: dict[str, str] = {
    Code.UNKNOWN_VALUE: "unknown value",
    Code.UNKNOWN_DECORATOR: "unknown deco",
    Code.SYNTAX_ERROR: "syntax error",
    Code.UNREADABLE_FILE: "unreadable",
    Code.NAMED_ENVIRONMENT: "named env",
    Code.CONDITIONAL_REMOTE: "remote if",
    Code.MIXED_IN_CORE: "mixed",
    Code.BAD_ARGUMENT: "bad argument",
    Code.UNKNOWN_BASE: "unknown base",
    Code.MUTATOR: "mutator",
    Code.NOT_SHARED_FOR_ARCH: "not for arch",
    Code.NAMED_AT_RUN_TIME: "at run time",
    Code.BAD_ALIAS: "bad alias",
    Code.TWICE_IN_CORE: "twice",
    Code.BAD_REQUIREMENT: "bad spec",
    Code.UNSUPPORTED_OPTION: "bad option",
    Code.MISSING_FILE: "missing file",
    Code.BAD_SETTING: "bad setting",
    Code.LOCK_GAP: "lock gap",
    Code.UNKNOWN_VARIABLE: "unset variable",
    Code.LOCAL_IN_FILE: "local project",
    Code.INCLUDE_LOOP: "include loop",
    Code.HASH_LEFT_OUT: "no hash",
    Code.UNNAMED_URL: "unnamed URL",
    Code.DYNAMIC_DEPENDENCIES: "dynamic deps",
    Code.STALE_LOCK: "stale lock",
    Code.UNKNOWN_GROUP: "no such group",
    Code.MALFORMED_FILE: "malformed file",
    Code.UNSUPPORTED_FORMAT: "unknown format",
    Code.SETTINGS_UNUSED: "unused setting",
    Code.CONDARC_UNREADABLE: "bad condarc",
    Code.BAD_CONDA_SETTING: "conda setting",
    Code.BAD_MATCH_SPEC: "bad spec",
    Code.EXACT_PYTHON: "exact python",
    Code.CUDA_ASSUMED: "cuda assumed",
    Code.METAFLOW_WITHOUT_CUDA: "no cuda",
    Code.NON_WHEEL_ACROSS_ARCHS: "not a wheel",
    Code.WHEEL_GAP: "wheel gap",
    Code.GLIBC_MISMATCH: "glibc",
    Code.GLIBC_HELD_BACK: "held back",
    Code.NO_SUCH_VERSION: "no version",
    Code.NO_SUCH_PACKAGE: "no package",
    Code.CONFLICT: "conflict",
    Code.DRIFT: "drift",
    Code.METAFLOW_PICKS_TOO_NEW: "glibc at run",
    Code.BUILD_NEEDS_TRUST: "needs trust",
    Code.BUILD_FAILED: "build failed",
    Code.PYTHON_EXCLUDED: "python",
    Code.YANKED: "yanked",
    Code.HASH_MISMATCH: "hash",
    Code.KIND_NOT_SUPPORTED: "not yet",
    Code.CUDA_MISSING: "cuda",
    Code.NOT_FOR_ARCH: "not for arch",
    Code.NO_SUCH_PYTHON: "no python",
    Code.MACOS_MISMATCH: "macos",
    Code.SOLVE_TOOK_TOO_LONG: "too long",
    Code.BAD_ADDRESS: "address",
    Code.NON_WHEEL_IN_MIXED: "not a wheel",
    Code.ON_BOTH_SIDES: "both sides",
    Code.CONDA_EXCLUDES_WHEEL: "conda excludes",
    Code.EXTRAS_UNKNOWN: "extras unknown",
    Code.CONDA_LOCK_FAILED: "conda-lock",
    Code.GLIBC_ASSUMED: "glibc assumed",
    Code.UNKNOWN_IMAGE: "unknown image",
    Code.PYTHON_ASSUMED: "python assumed",
    Code.LOWEST_GLIBC: "lowest glibc",
    Code.LOWEST_CUDA: "lowest cuda",
    Code.NO_GLIBC: "no glibc",
    Code.INDEX_UNREACHABLE: "index down",
    Code.INDEX_REFUSES: "index refuses",
    Code.INDEX_UNREADABLE: "bad index",
    Code.INDEX_IGNORED: "index ignored",
    Code.CHANNEL_UNREACHABLE: "channel down",
    Code.CHANNEL_REFUSES: "chan. refuses",
    Code.CHANNEL_UNREADABLE: "bad channel",
    Code.NO_SUCH_CHANNEL: "no channel",
    Code.CHANNEL_PRIORITY: "priority",
    Code.SECRET_WITHHELD: "needs trust",
    Code.LOADED_DIFFERS: "loaded differs",
    Code.NOT_LOADED: "not loaded",
    Code.METAFLOW_MISSING: "no metaflow",
    Code.EXTENSION_NOT_WARMED: "netflixext",
    Code.EXTENSION_UNKNOWN: "netflixext?",
    Code.INTERPRETER_UNKNOWN: "which python",
    Code.LAUNCH_REFUSED: "refused",
    Code.MICROMAMBA_MISSING: "no micromamba",
    Code.MANIFEST: "manifest",
    Code.OTHER_PACKAGES: "other packages",
    Code.NOT_IN_DATASTORE: "not uploaded",
    Code.NOT_FOR_METAFLOW: "own build",
    Code.BASE_UNRESOLVED: "conda python",
    Code.INTERPRETER_NOT_STARTED: "not trusted",
    Code.SHARED_HERE_ONLY: "here only",
    Code.FOREIGN_SOURCE: "needs trust",
    Code.NOT_LINKED: "not linked",
    Code.WHEELS_NOT_INSTALLED: "not installed",
    Code.PYTHON_DOES_NOT_RUN: "python broken",
    Code.ENVIRONMENTS_UNWRITABLE: "cannot write",
    Code.UNFINISHED_ENVIRONMENT: "unfinished",
    Code.MADE_ELSEWHERE: "in the making",
    Code.NOT_DOWNLOADED: "no download",
    Code.WRONG_CONTENT: "wrong content",
    Code.STORE_UNWRITABLE: "cannot write",
    Code.BUCKET_UNREACHABLE: "bucket down",
    Code.BUCKET_REFUSES: "bucket refuses",
    Code.BUCKET_READ_ONLY: "read-only",
    Code.BUCKET_UNUSABLE: "bad bucket",
    Code.INTERNAL_ERROR: "mfenv failed",
    Code.WORKER_DIED: "worker died",
    Code.TOOL_MISSING: "tool missing",
    Code.FOLDER_GONE: "folder gone",
    Code.JOURNAL_DAMAGED: "journal",
    Code.WATCH_LIMIT: "watch limit",
    Code.JOURNAL_UNWRITABLE: "journal",
    Code.CANCELLED: "cancelled",
    Code.FILES_UNUSABLE: "disk full",
}
"""At most 14 columns each, so that five archs fit side by side."""

_OWN_GLYPHS = {
    # tone, word: the glyph, where that tells more than the tone's
    (Tone.GOOD, str(State.CACHED)): ("●", "*"),
}


def tone(verdict: Verdict) -> Tone:
    """What `verdict` means: blocked only by what could not be known counts as unknown, not as bad."""
    if verdict.state in _UNDER_WAY:
        return _UNDER_WAY[verdict.state]
    if verdict.state is State.FAILED:
        return Tone.UNKNOWN
    if verdict.state is State.BLOCKED:
        undecided = bool(verdict.errors) and all(finding.code in UNDECIDED for finding in verdict.errors)
        return Tone.UNKNOWN if undecided else Tone.BAD
    return Tone.WARNING if _warnings(verdict) else Tone.GOOD


def glyph(verdict: Verdict, *, ascii_only: bool = False) -> str:
    """One character, one column wide."""
    return word_glyph(tone(verdict), word(verdict), ascii_only=ascii_only)


def word_glyph(of: Tone, word: str, *, ascii_only: bool = False) -> str:
    """The character in front of `word`: nearly always its tone's."""
    return _OWN_GLYPHS.get((of, word), _GLYPHS[of])[1 if ascii_only else 0]


def tone_glyph(of: Tone, *, ascii_only: bool = False) -> str:
    """The character for a tone, for legends and for what is no verdict."""
    return _GLYPHS[of][1 if ascii_only else 0]


def word(verdict: Verdict) -> str:
    """The cause in one or two words where something is wrong, else the state. At most 14 columns."""
    if verdict.state is State.BLOCKED:
        decided = [finding for finding in verdict.errors if finding.code not in UNDECIDED]
        return _first_word((*decided, *verdict.errors), "blocked")
    if verdict.state is State.FAILED:
        causes = [finding for finding in verdict.findings if finding.code in UNDECIDED]
        return _first_word((*causes, *verdict.errors), "failed")
    if verdict.state.is_good:
        return _first_word(_warnings(verdict), str(verdict.state))
    return str(verdict.state)


def code_word(code: str) -> str | None:
    """The word for a finding's code; None for a code that this version does not know."""
    return WORDS.get(code)


def _warnings(verdict: Verdict) -> tuple[Finding, ...]:
    return tuple(finding for finding in verdict.findings if finding.severity is Severity.WARNING)


def _first_word(findings: tuple[Finding, ...], otherwise: str) -> str:
    return next((found for finding in findings if (found := code_word(finding.code))), otherwise)
