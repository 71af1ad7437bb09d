"""How the execution of a piece of a program ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from mfenvd.flows.static.values import ClassValue, Site, Unknown

LARGEST_VALUE = 200_000
"""Characters or elements that one value may have."""


class Raised(Exception):  # noqa: N818 - an exception of the interpreted program, not of ours
    """The interpreted program raises.

    Attributes:
        kind: The name of the exception's class.
        at: Where.
        text: What it says.
        cls: Its class, when it is not built in.
        value: The exception, or a tuple of its arguments; None where neither is known.
    """

    def __init__(self, kind: str, at: Site, text: str, cls: ClassValue | None = None, value: Any = None) -> None:
        super().__init__(kind, text)
        self.kind = kind
        self.at = at
        self.text = text
        self.cls = cls
        self.value = value

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}" if self.text else self.kind

    def as_unknown(self, at: Site | None = None) -> Unknown:
        """What the failing expression, or the one at `at`, comes to."""
        return Unknown(at or self.at, f"raises {self}", _FIXES.get(self.kind), fails=True)


_FIXES = {
    "FileNotFoundError": "Create the file, or correct its path.",
    "NameError": "Import it or define it above, or correct the name.",
    "ImportError": "Correct the name of what is imported.",
    "AttributeError": "Correct the name of the attribute.",
}


class Exhausted(Exception):  # noqa: N818
    """The budget is spent: whatever was under way is not known."""


class Outcome:
    """How a statement ends other than by going on to the next.

    Attributes:
        kind: One of the constants; `UNCLEAR` when paths that end differently cannot be told apart.
        value: What is returned.
        cause: Why it is unclear.
        returns: Whether it returns on some path.
        values: What it may return.
    """

    RETURN: ClassVar[str] = "return"
    BREAK: ClassVar[str] = "break"
    CONTINUE: ClassVar[str] = "continue"
    UNCLEAR: ClassVar[str] = "unclear"

    __slots__ = ("cause", "kind", "returns", "value", "values")

    def __init__(self, kind: str, value: Any = None) -> None:
        self.kind = kind
        self.value = value
        self.cause: Unknown | None = None
        self.returns = kind == self.RETURN
        self.values: tuple[Any, ...] = (value,) if self.returns else ()

    @classmethod
    def unclear(cls, cause: Unknown, paths: Iterable[Outcome | None]) -> Outcome:
        """One of the ends of `paths`, and it is not known which."""
        outcome = cls(cls.UNCLEAR)
        outcome.cause = cause
        known = [path for path in paths if path is not None]
        outcome.returns = any(path.returns for path in known)
        outcome.values = tuple(value for path in known for value in path.values)
        return outcome


class Evidence:
    """What was made and read while the expression of a decorator was evaluated."""

    __slots__ = ("made", "variables")

    def __init__(self, made: list[Any], variables: list[str]) -> None:
        self.made = made
        self.variables = variables
