"""Selectors behind an entry of environment.yml (`# [linux]`, `# [osx and arm64]`), after conda-build and conda-lock.

To conda itself they are comments.
"""

from __future__ import annotations

import ast

from mfenvd.domain.arch import Arch

_LINUX = frozenset({Arch.LINUX_64, Arch.LINUX_AARCH64})
_MACOS = frozenset({Arch.OSX_64, Arch.OSX_ARM64})
_WINDOWS = frozenset({Arch.WIN_64})
_EVERY = frozenset(Arch)
_NAMES = {
    "linux": _LINUX,
    "osx": _MACOS,
    "unix": _LINUX | _MACOS,
    "win": _WINDOWS,
    "linux64": frozenset({Arch.LINUX_64}),
    "osx64": frozenset({Arch.OSX_64}),
    "win64": _WINDOWS,
    "aarch64": frozenset({Arch.LINUX_AARCH64}),
    "arm64": frozenset({Arch.OSX_ARM64}),
    "x86_64": frozenset({Arch.LINUX_64, Arch.OSX_64, Arch.WIN_64}),
    "x86": frozenset({Arch.LINUX_64, Arch.OSX_64, Arch.WIN_64}),
}
_LONGEST = 200


def selected_archs(condition: str) -> frozenset[Arch] | None:
    """The archs for which a selector holds; None where it depends on something else (`py<39`)."""
    if len(condition) > _LONGEST:
        return None
    try:
        return _selected(ast.parse(condition.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _selected(node: ast.expr) -> frozenset[Arch] | None:
    if isinstance(node, ast.Name):
        return _NAMES.get(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        found = _selected(node.operand)
        return None if found is None else _EVERY - found
    if isinstance(node, ast.BoolOp):
        parts = [_selected(value) for value in node.values]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return frozenset.intersection(*known) if isinstance(node.op, ast.And) else frozenset.union(*known)
    return None
