"""What can be wrong with conda's configuration."""

from __future__ import annotations

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Location, Severity


def malformed(location: Location, reason: str) -> Finding:
    """MFE220: a file that conda and micromamba would skip."""
    return Finding(
        Code.CONDARC_UNREADABLE,
        Severity.WARNING,
        f"conda's configuration cannot be read: {reason}. Its channels and settings do not count.",
        fix="Correct this line.",
    ).located(location)


def unreadable(path: str, reason: str) -> Finding:
    """MFE220: a file that exists and cannot be opened."""
    return Finding(
        Code.CONDARC_UNREADABLE,
        Severity.WARNING,
        f"conda's configuration {path} cannot be read: {reason}.",
        path=path,
        fix="Make it readable.",
    )


def bad_value(key: str, expected: str, example: str, location: Location | None) -> Finding:
    """MFE221: a key of the wrong type. `expected` continues "is", `example` is YAML."""
    return Finding(
        Code.BAD_CONDA_SETTING,
        Severity.WARNING,
        f"`{key}` is {expected}; what is written here is left out.",
        fix=f"Write it as in `{example}`.",
    ).located(location)


def unset_variable(key: str, name: str, location: Location | None) -> Finding:
    """MFE221: `$NAME` in a value, and no such variable in the shell that registered the project."""
    return Finding(
        Code.BAD_CONDA_SETTING,
        Severity.WARNING,
        f"`{key}` uses the variable {name}, which is not set here.",
        fix=f"Set {name} in the shell and run `mfenv up` again.",
    ).located(location)
