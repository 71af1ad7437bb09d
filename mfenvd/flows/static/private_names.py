"""Names like `__x` in a class, which Python reads as `_Class__x`."""

from __future__ import annotations

import ast
import re

_CANDIDATE = re.compile(r"\b__[A-Za-z0-9_]*[A-Za-z0-9]_?\b")


def mangle(tree: ast.AST, text: str) -> None:
    """Writes the private names in the classes of `tree`, parsed from `text`, as Python does."""
    if _CANDIDATE.search(text) is None:
        return
    stack: list[tuple[ast.AST, str | None]] = [(tree, None)]
    while stack:
        node, cls = stack.pop()
        if cls is not None:
            _rename(node, cls)
        if isinstance(node, ast.ClassDef):
            outside = (*node.bases, *node.keywords, *node.decorator_list)
            stack.extend((child, cls) for child in outside)
            stack.extend((child, node.name.lstrip("_") or None) for child in node.body)
        else:
            stack.extend((child, cls) for child in ast.iter_child_nodes(node))


_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Name: ("id",), ast.Attribute: ("attr",), ast.FunctionDef: ("name",), ast.AsyncFunctionDef: ("name",),
    ast.ClassDef: ("name",), ast.arg: ("arg",), ast.keyword: ("arg",), ast.alias: ("name", "asname"),
    ast.ExceptHandler: ("name",), ast.MatchAs: ("name",), ast.MatchStar: ("name",), ast.MatchMapping: ("rest",),
}  # fmt: skip


def _rename(node: ast.AST, cls: str) -> None:
    for field in _FIELDS.get(type(node), ()):
        setattr(node, field, _mangled(getattr(node, field), cls))
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        node.names = [_mangled(name, cls) for name in node.names]


def _mangled(name: str, cls: str) -> str:
    private = isinstance(name, str) and name.startswith("__") and not name.endswith("__") and "." not in name
    return f"_{cls}{name}" if private else name
