"""How functions that the interpreter answers for itself come into its tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mfenvd.flows.static.values import Builtin, Implementation


def registering(table: dict[str, Any]) -> Callable[..., Callable[[Implementation], Implementation]]:
    """A decorator that enters a function into `table` under all names that it is given, as `os.path.join`."""

    def named(*names: str) -> Callable[[Implementation], Implementation]:
        def register(implementation: Implementation) -> Implementation:
            table.update({name: Builtin(name, implementation) for name in names})
            return implementation

        return register

    return named
