"""What can be wrong with local environments: one function per cause."""

from __future__ import annotations

from collections.abc import Sequence

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.own_files import says_disk_is_full
from mfenvd.domain.redact import redact

_TAIL = 20
_CAUSE = "cause: "


def not_linked(id_: str, prefix: str, words: str) -> Finding:
    """MFE651: rattler refuses the conda packages; MFE654 where it finds the disk full."""
    full = says_disk_is_full(words)
    if full is not None:
        return environments_unwritable(prefix, full)
    lines = words.splitlines() or ["no reason given"]
    return Finding(
        Code.NOT_LINKED,
        Severity.WARNING,
        f"The conda packages of environment {id_} cannot be linked: {lines[0]}. `metaflow run` will make it itself.",
        detail=tuple(lines[1 : _TAIL + 1]),
    )


def foreign_source(places: Sequence[str]) -> Finding:
    """MFE614: a project that is not trusted names them, and the user's own configuration does not."""
    return Finding(
        Code.FOREIGN_SOURCE,
        Severity.WARNING,
        f"Packages come from {' and '.join(places)}, which your own configuration does not name. As long as this "
        "project is not trusted, mfenv puts none of them into an environment.",
        fix="Run `mfenv trust` in the project once you trust it, or add the source to `.condarc` or pip's "
        "configuration.",
        data={"places": list(places)},
    )


def foreign_manifest(path: str, places: Sequence[str]) -> Finding:
    """MFE614: the manifest's packages come from elsewhere than those that are resolved."""
    return Finding(
        Code.FOREIGN_SOURCE,
        Severity.WARNING,
        f"{path} has packages from {' and '.join(places)}, where nothing is looked for now. As long as this project "
        "is not trusted, mfenv puts none of them into an environment.",
        path=path,
        fix="Run `mfenv trust` in the project once you trust it, or `mfenv refresh` to replace them.",
        data={"places": list(places)},
    )


def wheels_not_installed(id_: str, prefix: str, lines: Sequence[str]) -> Finding:
    """MFE652: uv refuses the wheels; MFE654 where it finds the disk full."""
    full = says_disk_is_full("\n".join(lines))
    if full is not None:
        return environments_unwritable(prefix, full)
    told = [line.strip() for line in lines if line.strip()] or ["no reason given"]
    causes = [line.removeprefix(_CAUSE) for line in told if line.startswith(_CAUSE)]
    reason = (causes[-1] if causes else told[0].removeprefix("error: ")).rstrip(".")
    return Finding(
        Code.WHEELS_NOT_INSTALLED,
        Severity.WARNING,
        f"The wheels of environment {id_} cannot be installed: {reason}.",
        detail=tuple(told[:_TAIL]),
        fix="See what `metaflow run` says of the same packages; it installs them with pip.",
    )


def python_does_not_run(id_: str, prefix: str, reason: str) -> Finding:
    """MFE653: the environment was made, but its Python does not start on this machine."""
    return Finding(
        Code.PYTHON_DOES_NOT_RUN,
        Severity.ERROR,
        f"The Python of environment {id_} does not run on this machine: {redact(reason)}.",
        path=prefix,
        fix="Ask for another Python or another channel: `metaflow run` would get the same one.",
    )


def environments_unwritable(path: str, reason: str) -> Finding:
    """MFE654: the disk is full, or a folder may not be written."""
    return Finding(
        Code.ENVIRONMENTS_UNWRITABLE,
        Severity.WARNING,
        f"Environments cannot be written: {reason} ({path}).",
        path=path,
        fix="Make room on the disk or give the folder back to your user.",
    )


def unfinished(prefix: str, reasons: Sequence[str]) -> Finding:
    """MFE655: what an interrupted start of Metaflow leaves keeps all later ones from working (metaflow #2232)."""
    return Finding(
        Code.UNFINISHED_ENVIRONMENT,
        Severity.WARNING,
        f"{prefix} was left unfinished: {', '.join(reasons)}. Metaflow takes it for finished.",
        path=prefix,
        fix="Run `mfenv repair`.",
    )


def made_elsewhere(id_: str, prefix: str) -> Finding:
    """MFE656: another program is making the same environment at this moment."""
    return Finding(
        Code.MADE_ELSEWHERE,
        Severity.NOTICE,
        f"Environment {id_} is being made or used by another program ({prefix}), and is left to it.",
        path=prefix,
    )


def uv_missing() -> Finding:
    """MFE903: uv comes with mfenv."""
    return Finding(
        Code.TOOL_MISSING,
        Severity.WARNING,
        "uv, which installs wheels, is not where mfenv was installed.",
        fix="Install mfenv again.",
    )
