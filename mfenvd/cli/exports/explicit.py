"""`@EXPLICIT`: what `micromamba create --file` and `conda create --file` read. For one arch, with nothing to solve."""

from __future__ import annotations

from mfenvd.cli.errors import CannotExportError
from mfenvd.cli.exports.ordering import dependencies_first
from mfenvd.cli.exports.selection import Exported
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage


def explicit(environment: Exported) -> str:
    """The file. Wheels are comments, as conda-lock has them; other tools leave them out.

    Raises:
        CannotExportError: There is more than one arch, or no conda package.
    """
    if len(environment.verdicts) > 1:
        archs = ", ".join(environment.archs)
        raise CannotExportError(f"An explicit file is for one arch, and there are {archs}.", "Name one with `--arch`.")
    if environment.kind is Kind.PYPI:
        fix = "Use `--format requirements` or `--format pylock`."
        raise CannotExportError(f"{environment.name} has no conda packages for an explicit file.", fix)
    (verdict,) = environment.verdicts
    ordered = dependencies_first(verdict.packages)
    lines = [
        f"# {environment.name}, written by mfenv export",
        f"# platform: {verdict.target.arch}",
        "@EXPLICIT",
        *(f"{package.url}{_hash(package)}" for package in ordered if package.kind is Kind.CONDA),
        *(f"# pip {_direct(package)}" for package in ordered if package.kind is not Kind.CONDA),
    ]
    return "\n".join(lines) + "\n"


def _hash(package: LockedPackage) -> str:
    if package.md5:
        return f"#{package.md5}"
    return f"#sha256:{package.sha256}" if package.sha256 else ""


def _direct(wheel: LockedPackage) -> str:
    digest = f"#sha256={wheel.sha256}" if wheel.sha256 else ""
    return f"{wheel.name} @ {wheel.url}{digest}"
