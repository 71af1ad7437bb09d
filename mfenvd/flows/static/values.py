"""What an expression can be, besides the plain values of Python, which stand for themselves."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mfenvd.domain.finding import Location
from mfenvd.flows.static.source import Source

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


class Namespace(dict[str, Any]):
    """Names and what they are bound to: a module, a function call, a class body, an instance."""


@dataclass(eq=False, slots=True)
class Site:
    """A node of a syntax tree and where its names are looked up."""

    node: ast.AST
    frame: Frame

    @property
    def location(self) -> Location:
        return self.frame.source.location(self.node)


@dataclass(eq=False, slots=True)
class Unknown:
    """A value that cannot be known without running the flow.

    Attributes:
        at: The expression.
        reason: Why, as the end of a sentence that begins with the expression.
        fix: What to do, None for the usual advice.
        options: All values that it can have, where they are known.
        carried: What it may be or hold: decorators that were handed to whatever computes it, containers among
            the values of paths that cannot be told apart.
        external: The dotted name, when it comes from a module that is not part of the project.
        fails: Whether it is certain that Python raises instead.
    """

    at: Site
    reason: str
    fix: str | None = None
    options: tuple[Any, ...] = ()
    carried: tuple[Any, ...] = ()
    external: str | None = None
    fails: bool = False

    @property
    def bare(self) -> Unknown:
        """What is computed from it: unknown for the same reason, and none of its options."""
        if not self.options:
            return self
        return Unknown(self.at, self.reason, self.fix, (), (*self.options, *self.carried), self.external)

    def holding(self, values: Iterable[Any]) -> Unknown:
        """What is computed from it and `values`: it may be one of them, or hold them, so it is not from outside."""
        held = tuple(value for value in values if not isinstance(value, _LEAVES))
        if not held:
            return self.bare
        return Unknown(self.at, self.reason, self.fix, (), (*self.options, *self.carried, *held))

    def held(self) -> Iterator[Any]:
        """What it may be or hold, without the unknown values on the way there."""
        for item in (*self.options, *self.carried):
            if isinstance(item, Unknown):
                yield from item.held()
            else:
                yield item

    @property
    def location(self) -> Location:
        return self.at.location

    @property
    def expression(self) -> str:
        return self.at.frame.source.segment(self.at.node)


@dataclass(eq=False, slots=True)
class Module:
    """A file of the project, executed. `poison` is what a name that it does not have may be."""

    name: str
    source: Source
    directory: str
    is_package: bool = False
    names: Namespace = field(default_factory=Namespace)
    poison: Unknown | None = None


@dataclass(eq=False, slots=True)
class Frame:
    """Where a name is looked up: `names`, then the enclosing functions, the module, the builtins.

    A generator's has in `yielded` what it has yielded so far, or calls `on_yield` with it.
    """

    module: Module
    names: Namespace
    parent: Frame | None = None
    is_class: bool = False
    is_comprehension: bool = False
    shared: dict[str, Frame] = field(default_factory=dict)  # `global` and `nonlocal` names: the frame they live in
    function: Function | None = None
    yielded: list[Any] | None = None
    on_yield: Callable[[Any], Any] | None = None

    @property
    def source(self) -> Source:
        return self.module.source


@dataclass(eq=False, slots=True)
class Function:
    """A function of the project. `wrapped_by` is set when calling it calls something unreadable first."""

    name: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    frame: Frame
    defaults: dict[str, Any]
    attributes: Namespace = field(default_factory=Namespace)
    wrapped_by: Unknown | None = None
    owner: ClassValue | None = None

    @property
    def source(self) -> Source:
        return self.frame.source


@dataclass(eq=False, slots=True)
class BoundMethod:
    function: Any
    subject: Any


@dataclass(eq=False, slots=True)
class Partial:
    function: Any
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]


Implementation = Callable[["Machine", "Call"], Any]


@dataclass(eq=False, slots=True)
class Builtin:
    """A function that the interpreter knows by itself."""

    name: str
    implementation: Implementation


@dataclass(eq=False, slots=True)
class Computed:
    """A value of a library that depends on the project."""

    of: Callable[[Machine, Site], Any]


@dataclass(eq=False, slots=True)
class Method:
    """A method of a plain value: `"a b".split`."""

    subject: Any
    name: str


@dataclass(eq=False, slots=True)
class Call:
    """The arguments of a call and where it stands."""

    arguments: list[Any]
    keywords: dict[str, Any]
    at: Site

    @property
    def values(self) -> list[Any]:
        """All arguments, however they are given."""
        return [*self.arguments, *self.keywords.values()]

    def with_first(self, argument: Any) -> Call:
        """The same call with one more argument in front."""
        return Call([argument, *self.arguments], self.keywords, self.at)

    def first(self, name: str, default: Any = None) -> Any:
        """The first argument, by position or by `name`."""
        return self.arguments[0] if self.arguments else self.keywords.get(name, default)


@dataclass(eq=False, slots=True)
class ClassValue:
    """A class. `mro` begins with itself; `unread` is a base that cannot be read."""

    name: str
    names: Namespace
    bases: tuple[ClassValue, ...] = ()
    mro: tuple[ClassValue, ...] = ()
    source: Source | None = None
    node: ast.ClassDef | None = None
    unread: Unknown | None = None
    attributes: Namespace = field(default_factory=Namespace)

    def find(self, name: str) -> Any:
        """The attribute by the method resolution order, `MISSING` when no class has it."""
        for cls in self.mro:
            if name in cls.names:
                return cls.names[name]
        return MISSING


@dataclass(eq=False, slots=True)
class Instance:
    cls: ClassValue
    attributes: Namespace = field(default_factory=Namespace)


@dataclass(eq=False, slots=True)
class StaticMethod:
    function: Any


@dataclass(eq=False, slots=True)
class ClassMethod:
    function: Any


@dataclass(eq=False, slots=True)
class Property:
    """`@property`; a cached one is computed once per object."""

    function: Any
    setter: Any = None
    cached: bool = False


@dataclass(eq=False, slots=True)
class Library:
    """A module that the interpreter knows by itself (`os`, `json`, …) or a part of one."""

    name: str


class Special:
    """A value with behaviour of its own in the interpreter: Metaflow's objects, `sys.version`."""

    __slots__ = ()

    def attribute(self, machine: Machine, name: str, at: Site) -> Any:
        """`self.name`; MISSING when there is none."""
        del machine, name, at
        return MISSING

    def subscript(self, machine: Machine, key: Any, at: Site) -> Any:
        """`self[key]`."""
        del key
        return machine.unknown(at, "cannot be looked up without running it")

    def call(self, machine: Machine, call: Call) -> Any:
        """`self(...)`."""
        return machine.unknown(call.at, "cannot be called without running it")

    def set_item(self, machine: Machine, key: Any, value: Any, at: Site) -> None:
        """`self[key] = value`."""
        machine.expose([self, key, value], machine.unknown(at, "is set by code of its own"))

    def delete_item(self, machine: Machine, key: Any, at: Site) -> None:
        """`del self[key]`."""
        machine.expose([self, key], machine.unknown(at, "is deleted by code of its own"))

    def contains(self, machine: Machine, item: Any, at: Site) -> Any:
        """`item in self`."""
        del item
        return machine.unknown(at, "cannot be decided")

    def spread(self, machine: Machine, at: Site) -> Any:
        """What `**self` spreads, as a dict."""
        return machine.unknown(at, "cannot be spread without running it")

    def exposed(self, machine: Machine, cause: Unknown) -> None:
        """It was handed to `cause`, which may have changed it."""

    def equals(self, other: Any, same: Callable[[Any, Any], bool]) -> bool:
        """Whether `other`, of the same type, is known to be equal."""
        del same
        return self is other


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()

_LEAVES = (str, bytes, int, float, complex, type(None), type(...), range)
