"""conda packages as they are written in files: `channel::name >=1.2,<2`."""

from __future__ import annotations

import re

Packages = tuple[tuple[str, str], ...]
"""`(name or channel::name, spec with its operator)` each."""

_PACKAGE = re.compile(
    r"(?P<channel>[^\s\[\]]+::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)(?P<spec>(?:[\s=<>!~\[].*)?)", re.DOTALL
)
_NAME = re.compile(r"(?:[^\s\[\]]+::)?[A-Za-z0-9_][A-Za-z0-9_.-]*")
_ATOM = re.compile(r"(?P<operator>[=<>!~^]*)(?P<version>(?:[\w.+-]*\w)?)")
_OPERATORS = frozenset({"", "=", "==", "!=", "<", "<=", ">", ">=", "~=", "^"})
_EXACT = re.compile(r"={1,2}\s*(?P<version>\d[\w.]*)(?:\.\*|=\S*)?")
_SPACE = re.compile(r"\s*([,|])\s*|(?<=[=<>~!])\s+")


def split_conda_spec(text: str) -> tuple[str, str] | None:
    """`("conda-forge::numpy", ">=1.2,<2")`: name with its channel, and the spec with its operator; None if neither.

    Spaces around operators and commas do not count.
    """
    found = _PACKAGE.fullmatch(text.strip())
    if found is None:
        return None
    spec = found["spec"].strip()
    if not spec.startswith("["):
        spec = _SPACE.sub(r"\1", spec)
    return f"{found['channel'] or ''}{found['name']}", spec


def spec_fault(name: str, spec: str) -> str | None:
    """Why a package is surely none that conda understands, to follow "because"; None where nothing is to be said.

    The whole of conda's notation is the solver's to judge: this is only what a hand slips into.
    """
    if not _NAME.fullmatch(name):
        return "its name may hold letters, digits, `_`, `.` and `-`"
    if spec.startswith("["):
        if not spec.endswith("]"):
            return "its `[` is not closed"
        return None if "=" in spec else "conda has no extras"
    atoms = [_ATOM.fullmatch(atom) for atom in re.split(r"[,|]", spec)] if spec else []
    for found in atoms if all(atoms) else ():
        assert found is not None  # noqa: S101 - narrows the type
        if found["operator"] not in _OPERATORS:
            return f"`{found['operator']}` is no operator"
        if not found["version"]:
            return "a version is missing" if found["operator"] else "there is a comma too many"
    return None


def exact_version(spec: str) -> str | None:
    """`3.10` of `=3.10`, `=3.10.*`, `==3.10` and `=3.10=*_cpython`; None for a range."""
    found = _EXACT.fullmatch(spec)
    return found["version"] if found else None
