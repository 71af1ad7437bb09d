"""Everything that reading a flow can find, one function per cause."""

from __future__ import annotations

from pathlib import Path

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Location, Severity
from mfenvd.domain.redact import redact
from mfenvd.flows.static.values import Unknown

_USUAL_FIX = "Write it as a literal, a constant, a helper of this project, or a Config file."


def unreadable_file(path: Path, why: str) -> Finding:
    """The file is no text of a usual size; `why` continues "it …"."""
    return Finding(Code.UNREADABLE_FILE, Severity.WARNING, f"{path.name} {why}, so it is not read.", path=str(path))


def undecodable_file(path: Path, declared: str | None) -> Finding:
    """The file's bytes are not text in the encoding that it declares, or in UTF-8 when it declares none."""
    if declared is not None:
        said = f"{path.name} is not text in {declared}, the encoding that it declares."
    else:
        said = f"{path.name} is not UTF-8, and declares no other encoding."
    return Finding(Code.UNREADABLE_FILE, Severity.WARNING, said, path=str(path), fix="Save it as UTF-8.")


def syntax_error(path: Path, error: SyntaxError) -> Finding:
    """The file does not parse."""
    return Finding(
        Code.SYNTAX_ERROR,
        Severity.ERROR,
        f"{error.msg[:1].upper()}{error.msg[1:]}.",
        path=str(path),
        line=error.lineno,
        column=error.offset,
        fix="Correct the syntax; until then the last verdicts stay.",
    )


def unknown_value(what: str, unknown: Unknown, severity: Severity = Severity.ERROR) -> Finding:
    """`what` ("The packages of @pypi") depends on something that only running the flow would tell."""
    return _at(
        unknown.location,
        Code.UNKNOWN_VALUE,
        severity,
        f"{what} cannot be known without running the flow: {_because(unknown)}.",
        unknown.fix or _USUAL_FIX,
    )


def failing_statement(expression: str, location: Location, raised: Unknown) -> Finding:
    """A statement at the top level raises: Metaflow cannot load the flow."""
    return _at(
        location,
        Code.UNKNOWN_VALUE,
        Severity.WARNING,
        f"`{redact(expression)}` {redact(raised.reason)}, as far as can be told without running it: the flow does not "
        "load.",
        raised.fix,
    )


def unknown_decorator(what: str, unknown: Unknown) -> Finding:
    """Whether or which decorator `what` ("Step train") gets cannot be known."""
    return _at(
        unknown.location,
        Code.UNKNOWN_DECORATOR,
        Severity.ERROR,
        f"{what} has a decorator that cannot be known without running the flow: {_because(unknown)}.",
        unknown.fix or "Apply the decorator directly, or through a helper of this project that always returns it.",
    )


def conditional_remote(name: str, step: str, unknown: Unknown) -> Finding:
    """Step `step` is remote if an expression says so."""
    return _at(
        unknown.location,
        Code.CONDITIONAL_REMOTE,
        Severity.NOTICE,
        f"Step {step} runs on @{name} only if `{redact(unknown.expression)}` says so; both cases are resolved.",
        None,
    )


def unknown_base(flow: str, unknown: Unknown) -> Finding:
    """The flow inherits from a class that is not part of the project."""
    external = unknown.external is not None
    return _at(
        unknown.location,
        Code.UNKNOWN_BASE,
        Severity.WARNING if external else Severity.ERROR,
        f"{flow} inherits from `{redact(unknown.expression)}`, which {unknown.reason}: steps and packages that it adds "
        "are not seen.",
        unknown.fix or "Nothing needs doing if the base class has no environment of its own.",
    )


def unread_flow(name: str, location: Location, unknown: Unknown | None) -> Finding:
    """A class with steps did not come out as a flow."""
    because = f": {_because(unknown)}" if unknown is not None else ""
    return _at(
        location,
        Code.UNKNOWN_BASE,
        Severity.ERROR,
        f"{name} looks like a flow and cannot be read{because}.",
        "Define it at the top level of the file, as a class that inherits from FlowSpec.",
    )


def mutator(what: str, unknown: Unknown) -> Finding:
    """A mutator may add or change the environment in a way that cannot be followed."""
    return _at(
        unknown.location,
        Code.MUTATOR,
        Severity.ERROR,
        f"{what} has a mutator that may change its environment: {_because(unknown)}.",
        unknown.fix or "Let the mutator add decorators with known arguments, under known conditions.",
    )


def bad_argument(
    location: Location | None, message: str, fix: str | None, package: str | None = None,
    severity: Severity = Severity.ERROR,
) -> Finding:  # fmt: skip
    """Metaflow refuses or misunderstands an argument."""
    return Finding(Code.BAD_ARGUMENT, severity, redact(message), package=package, fix=fix).located(location)


def mixed_in_core(step: str, location: Location | None) -> Finding:
    """Packages from both worlds in one step."""
    return Finding(
        Code.MIXED_IN_CORE,
        Severity.WARNING,
        f"Step {step!r} has both @conda and @pypi; Metaflow refuses that unless metaflow-netflixext is installed.",
        fix="Take all packages from @pypi or all from @conda, unless you use metaflow-netflixext.",
    ).located(location)


def twice_in_core(label: str, location: Location) -> Finding:
    """A decorator that there may be one of."""
    return Finding(
        Code.TWICE_IN_CORE,
        Severity.ERROR,
        f"{label} is there twice; Metaflow allows it once.",
        fix=f"Merge the two {label}.",
    ).located(location)


def _because(unknown: Unknown) -> str:
    return f"`{redact(unknown.expression)}` {redact(unknown.reason)}"


def _at(location: Location, code: Code, severity: Severity, message: str, fix: str | None) -> Finding:
    return Finding(code, severity, message, fix=fix).located(location)
