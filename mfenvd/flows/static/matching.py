"""`match`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import comparisons, paths
from mfenvd.flows.static.outcomes import Outcome
from mfenvd.flows.static.values import Frame, Site, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def run_match(machine: Machine, statement: ast.Match, frame: Frame) -> Outcome | None:
    """Executes a `match`."""
    subject = machine.evaluate(statement.subject, frame)
    for case in statement.cases:
        answer = _matches(machine, case.pattern, subject, frame)
        if answer and case.guard is not None:
            answer = machine.truth(machine.evaluate(case.guard, frame))
        if answer is None:
            cause = machine.undecided(subject, Site(statement.subject, frame))
            alternatives = [_maybe_matching(machine, case, cause, frame) for case in statement.cases]
            return paths.joined(machine, machine.branch([*alternatives, lambda: None], cause), cause)
        if answer:
            return machine.run_body(case.body, frame)
    return None


def _maybe_matching(
    machine: Machine, case: ast.match_case, cause: Unknown, frame: Frame
) -> Callable[[], Outcome | None]:
    """The body of a case, with whatever its pattern captures."""

    def path() -> Outcome | None:
        for node in ast.walk(case.pattern):
            name = getattr(node, "rest" if isinstance(node, ast.MatchMapping) else "name", None)
            if name is not None:
                _capture(machine, name, cause, frame)
        return machine.run_body(case.body, frame)

    return path


def _capture(machine: Machine, name: str | None, value: Any, frame: Frame) -> None:
    if name is not None:
        machine.assign(ast.Name(name, ast.Store()), value, frame)


def _matches(machine: Machine, pattern: ast.pattern, subject: Any, frame: Frame) -> bool | None:
    """Whether a pattern matches, with what it captures bound; None when that cannot be told."""
    handler = _PATTERNS.get(type(pattern))
    return None if handler is None else handler(machine, pattern, subject, frame)


def _matches_name(machine: Machine, pattern: ast.MatchAs, subject: Any, frame: Frame) -> bool | None:
    """`_`, `name`, `pattern as name`."""
    answer = True if pattern.pattern is None else _matches(machine, pattern.pattern, subject, frame)
    if answer:
        _capture(machine, pattern.name, subject, frame)
    return answer


def _matches_value(machine: Machine, pattern: ast.MatchValue, subject: Any, frame: Frame) -> bool | None:
    """`"gpu"`, `Color.RED`."""
    value = machine.evaluate(pattern.value, frame)
    return machine.truth(comparisons.compare(machine, ast.Eq, subject, value, Site(pattern, frame)))


def _matches_singleton(_machine: Machine, pattern: ast.MatchSingleton, subject: Any, _frame: Frame) -> bool | None:
    """`None`, `True`, `False`."""
    return None if isinstance(subject, Unknown) else subject is pattern.value


def _matches_any(machine: Machine, pattern: ast.MatchOr, subject: Any, frame: Frame) -> bool | None:
    """`"a" | "b"`."""
    for part in pattern.patterns:
        answer = _matches(machine, part, subject, frame)
        if answer is not False:
            return answer
    return False


_SCALARS = (str, bytes, int, float, complex, type(None))


def _matches_sequence(machine: Machine, pattern: ast.MatchSequence, subject: Any, frame: Frame) -> bool | None:
    """`[a, *rest]`."""
    subject = machine.readable(subject)
    if not isinstance(subject, (list, tuple)):
        return False if isinstance(subject, (*_SCALARS, dict, set, frozenset)) else None
    parts, items = pattern.patterns, list(subject)
    star = next((index for index, part in enumerate(parts) if isinstance(part, ast.MatchStar)), None)
    if star is None:
        return len(parts) == len(items) and _all_match(machine, parts, items, frame)
    after = len(parts) - star - 1
    if len(items) < star + after:
        return False
    end = len(items) - after
    _capture(machine, parts[star].name, items[star:end], frame)  # type: ignore[attr-defined]
    return _all_match(machine, [*parts[:star], *parts[star + 1 :]], [*items[:star], *items[end:]], frame)


def _matches_mapping(machine: Machine, pattern: ast.MatchMapping, subject: Any, frame: Frame) -> bool | None:
    """`{"key": value, **rest}`."""
    subject = machine.readable(subject)
    if not isinstance(subject, dict):
        return False if isinstance(subject, (*_SCALARS, list, tuple, set, frozenset)) else None
    keys = [machine.evaluate(key, frame) for key in pattern.keys]
    if machine.first_unknown(keys) is not None or not all(isinstance(key, _SCALARS) for key in keys):
        return None
    if not all(key in subject for key in keys):
        return False
    _capture(machine, pattern.rest, {key: value for key, value in subject.items() if key not in keys}, frame)
    return _all_match(machine, pattern.patterns, [subject[key] for key in keys], frame)


def _all_match(machine: Machine, patterns: Sequence[ast.pattern], subjects: Sequence[Any], frame: Frame) -> bool | None:
    for pattern, subject in zip(patterns, subjects, strict=True):
        answer = _matches(machine, pattern, subject, frame)
        if not answer:
            return answer
    return True


_PATTERNS: dict[type[ast.pattern], Callable[..., bool | None]] = {
    ast.MatchAs: _matches_name, ast.MatchValue: _matches_value, ast.MatchSingleton: _matches_singleton,
    ast.MatchOr: _matches_any, ast.MatchSequence: _matches_sequence, ast.MatchMapping: _matches_mapping,
}  # fmt: skip
