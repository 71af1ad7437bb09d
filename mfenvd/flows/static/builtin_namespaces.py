"""Built-in functions that show or run what names stand for."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import giving_up
from mfenvd.flows.static.values import (
    MISSING,
    Builtin,
    Call,
    Frame,
    Module,
    Namespace,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def _import(machine: Machine, call: Call) -> Any:
    name = call.first("name")
    if not isinstance(name, str) or len(call.values) > 1:
        return machine.undecided(name, call.at)
    machine.load(str(name), call.at)
    return machine.load(name.partition(".")[0], call.at)


def _globals(_machine: Machine, call: Call) -> Any:
    return call.at.frame.module.names


def _locals(_machine: Machine, call: Call) -> Any:
    """The namespace itself at the top level of a module or class, a copy in a function."""
    frame = call.at.frame
    return frame.names if frame.is_class or frame.names is frame.module.names else dict(frame.names)


def _vars(machine: Machine, call: Call) -> Any:
    if not call.arguments:
        return _locals(machine, call)
    found = machine.find_attribute(call.arguments[0], "__dict__", call.at)
    return machine.unknown(call.at, "shows the inside of an object") if found is MISSING else found


def _exec(machine: Machine, call: Call) -> Any:
    """Code that is known text is followed; other code may bind any name to any data."""
    text = call.arguments[0]
    tree = _parsed(text, call) if isinstance(text, str) and _is_called(call, "exec") else None
    if tree is not None and len(call.values) == 1:
        machine.run_body(tree.body, call.at.frame)
        return None
    if tree is not None and len(call.arguments) == len(call.values) == 2 and type(call.arguments[1]) is dict:
        _exec_in(machine, tree, call.arguments[1], call)
        return None
    cause = machine.unknown(call.at, "runs code that is made at run time")
    module = call.at.frame.module
    machine.expose(list(module.names.values()), cause)
    giving_up.forget_data(machine, module.names, cause)
    module.poison = cause
    return cause


def _exec_in(machine: Machine, tree: ast.Module, names: dict[Any, Any], call: Call) -> None:
    """Runs code whose names live in a dict of their own."""
    module = call.at.frame.module
    inner = Module(module.name, module.source, module.directory, names=Namespace(names))
    machine.run_body(tree.body, Frame(inner, inner.names))
    machine.heap.touch(names)
    names.update({**inner.names, "__builtins__": machine.unknown(call.at, "is what Python adds to names")})


def _is_called(call: Call, name: str) -> bool:
    node = call.at.node
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _parsed(text: str, call: Call) -> ast.Module | None:
    """The code in `text`, as if it stood where it is run."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            ast.copy_location(node, call.at.node)
    return tree


NAMESPACES = {
    "__import__": Builtin("__import__", _import), "globals": Builtin("globals", _globals),
    "locals": Builtin("locals", _locals), "vars": Builtin("vars", _vars),
    **{name: Builtin(name, _exec) for name in ("exec", "eval", "compile")},
}  # fmt: skip
"""`globals`, `exec` and their like by name."""
