"""What users are told about environments that take packages from conda and from PyPI."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.requirements import Requirement

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.redact import redact
from mfenvd.resolve.mixed.union import Unmet
from mfenvd.resolve.pypi.asked import name_of
from mfenvd.resolve.pypi.standins import Installed


def on_both_sides(requirement: Requirement, installed: Installed, chain: Sequence[str], names_of: str) -> Finding:
    """PyPI is asked for a package that conda brings.

    Args:
        requirement: What PyPI is asked for.
        installed: What conda brings.
        chain: conda packages from one that is asked for to `installed`, both included.
        names_of: The day of the names.
    """
    name = name_of(requirement)
    if len(chain) > 1:
        why = f"{name} is asked for from PyPI, and conda brings {installed.package} {installed.version} for {chain[-2]}"
    else:
        why = f"{name} is asked for on both sides, and conda brings {installed.package} {installed.version}"
    is_met = requirement.specifier.contains(installed.version, prereleases=True)
    remedy = f"Take {name} out of the PyPI packages"
    return Finding(
        code=Code.ON_BOTH_SIDES,
        severity=Severity.WARNING if is_met else Severity.ERROR,
        message=f"{why}, which {requirement.specifier} allows: no wheel of it is installed."
        if is_met and requirement.specifier
        else f"{why}: no wheel of it is installed."
        if is_met
        else f"{why}, which {requirement.specifier} excludes.",
        package=name,
        chain=(name,),
        fix=f"{remedy}." if is_met else f"{remedy}, or ask conda for {installed.package} {requirement.specifier}.",
        detail=(f"conda: {' → '.join(chain)} {installed.version}", f"PyPI: {requirement}", f"names as of {names_of}"),
        data={"conda": installed.package, "version": str(installed.version), "chain": list(chain), "names": names_of},
    )


def conda_lock_failed(output: str) -> Finding:
    lines = redact(output).splitlines() or ["no output"]
    return _conda_lock(f"conda-lock failed: {lines[-1]}", lines)


def conda_lock_unsolved(output: str) -> Finding:
    """It found no solution, although there is one."""
    lines = redact(output).splitlines()
    return _conda_lock("conda-lock finds no solution, and mfenv's own way of resolving mixed environments does.", lines)


def conda_lock_wrong(unmet: Sequence[Unmet]) -> Finding:
    """Its packages do not go together."""
    lines = [
        f"{one.by or 'the request'} needs {one.requirement}: "
        + (f"{one.version} is there" if one.version is not None else "nothing of it is there")
        for one in unmet
    ]
    return _conda_lock(f"conda-lock's answer does not hold: {lines[0]}.", lines)


def _conda_lock(message: str, detail: Sequence[str]) -> Finding:
    return Finding(
        code=Code.CONDA_LOCK_FAILED,
        severity=Severity.ERROR,
        message=message,
        fix='Take `mixed-resolver = "conda-lock"` out of the configuration.',
        detail=tuple(detail[-40:]),
    )
