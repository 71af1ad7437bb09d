"""What changes: containers and namespaces, with the means to try a path and to join what several paths left.

Every change to a container goes through `touch` first. While a path is tried its first touch of a container
saves the content, so that the path can be undone and its outcome compared with another's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from mfenvd.flows.static.contents import walk
from mfenvd.flows.static.values import MISSING, Namespace, Unknown

T = TypeVar("T")

_MOST_OPTIONS = 8
_LEAVES = (str, bytes, int, float, type(None), type(MISSING))
Container = Any  # dict, list or set: what can be touched
Same = Callable[[Any, Any], bool]


class Unordered(list[Any]):
    """A list whose order is the file system's."""


class DecoratorList(list[Any]):
    """The decorators of a step or flow. Paths that differ leave `Conditional` entries, not an unknown list."""


class Doubt:
    """Something that may have added or removed decorators."""

    __slots__ = ("cause",)

    def __init__(self, cause: Unknown) -> None:
        self.cause = cause


class Conditional:
    """A decorator that is there only on some paths."""

    __slots__ = ("cause", "decorator")

    def __init__(self, decorator: Any, cause: Unknown) -> None:
        self.decorator = decorator
        self.cause = cause


class Tried:
    """What a path did: per touched container its content before and after."""

    __slots__ = ("after", "before")

    def __init__(self, before: dict[int, tuple[Container, Any]], after: dict[int, Any]) -> None:
        self.before = before
        self.after = after


class Heap:
    """The state of all containers. `doubts` holds those whose content is not known any more."""

    def __init__(self) -> None:
        self._trials: list[dict[int, tuple[Container, Any]]] = []
        self._doubts: dict[int, tuple[Container, Unknown]] = {}
        self._disordered: dict[int, Container] = {}
        self._existing: frozenset[int] | None = None

    @contextmanager
    def permanent(self) -> Iterator[None]:
        """What is changed in here stays, whatever path is tried: a module is imported once."""
        trials, self._trials = self._trials, []
        try:
            yield
        finally:
            self._trials = trials

    @contextmanager
    def rounds(self, roots: Iterable[Any]) -> Iterator[None]:
        """A loop begins: only what can be reached from `roots` now counts in what its rounds leave unknown."""
        before = self._existing
        self._existing = frozenset(map(id, walk(list(roots))))
        try:
            yield
        finally:
            self._existing = before

    def touch(self, container: Container) -> None:
        """Has to be called before `container` is changed."""
        if self._trials and id(container) not in self._trials[-1]:
            self._trials[-1][id(container)] = (container, _copy(container))

    def doubt(self, value: Any, cause: Unknown) -> None:
        """Whatever is in `value` may have been changed by `cause`."""
        for item in walk(value):
            if isinstance(item, (dict, list, set)) and id(item) not in self._doubts:
                self.touch(self._doubts)
                self._doubts[id(item)] = (item, cause)

    def doubted(self, container: Any) -> Unknown | None:
        """Why the content of `container` is not known; None when it is."""
        if not self._doubts:
            return None
        found = self._doubts.get(id(container))
        return found[1] if found else None

    def disorder(self, container: Container, *origins: Container) -> Any:
        """`container`, whose order differs from run to run if that of one of `origins` does."""
        if any(self.disordered(origin) for origin in origins):
            self.touch(self._disordered)
            self._disordered[id(container)] = container
        return container

    def disordered(self, container: Any) -> bool:
        """Whether the items come in an order that differs from run to run."""
        unordered = isinstance(container, (set, frozenset, Unordered)) or id(container) in self._disordered
        return unordered and len(container) > 1

    def attempt(self, path: Callable[[], T]) -> tuple[T, Tried]:
        """The result of `path` and what it changed, with every change undone."""
        self._trials.append({})
        try:
            result = path()
        finally:
            before = self._trials.pop()
            after = {key: _copy(container) for key, (container, _) in before.items()}
            for key, (container, saved) in before.items():
                _restore(container, saved)
                if self._trials:
                    self._trials[-1].setdefault(key, (container, saved))
        return result, Tried(before, after)

    def redo(self, tried: Tried) -> None:
        """Makes the changes of a path that was tried."""
        for key, (container, _) in tried.before.items():
            self.touch(container)
            _restore(container, tried.after[key])

    def join(
        self, tried: Sequence[Tried], cause: Unknown, same: Same, *, ordered: bool = True, partial: bool = False
    ) -> bool:
        """Leaves the state that holds whichever path was taken. Returns whether less is known than before.

        Args:
            tried: What the paths did.
            cause: Why it is not known which one is taken.
            same: Whether it makes no difference which of two values it is.
            ordered: Whether dicts with the same entries in another order differ.
            partial: Whether a path may have stopped anywhere, so that the versions of a name are not all there are.
        """

        def one_of(values: list[Any]) -> Any:
            found = self.one_of(values, cause, same)
            return found.bare if partial and isinstance(found, Unknown) else found

        before: dict[int, tuple[Container, Any]] = {}
        for one in tried:
            before.update(one.before)
        differs = False
        for key, (container, saved) in before.items():
            versions = [one.after.get(key, saved) for one in tried]
            self.touch(container)
            if container is self._doubts or container is self._disordered:
                for version in versions:
                    container.update(version)
            elif all(alike(versions[0], other, same, ordered=ordered) for other in versions[1:]):
                _restore(container, versions[0])
                if not ordered and isinstance(container, dict) and any(list(v) != list(container) for v in versions):
                    self._disordered[id(container)] = container
            else:
                differs |= self._join_one(container, saved, versions, cause, one_of)
        return differs

    def _join_one(
        self, container: Container, saved: Any, versions: list[Any], cause: Unknown, one_of: Callable[[list[Any]], Any]
    ) -> bool:
        if isinstance(container, DecoratorList):
            _restore(container, _join_decorators(versions, cause))
            return False
        if not isinstance(container, Namespace):
            _restore(container, versions[0])
            known = self.doubted(container) is None
            self.doubt([container, *versions], cause)
            return known and (self._existing is None or id(container) in self._existing)
        names = dict.fromkeys(name for version in versions for name in version)
        joined = {name: one_of([version.get(name, MISSING) for version in versions]) for name in names}
        _restore(container, joined)
        return any(
            isinstance(value, Unknown) and not isinstance(saved.get(name), Unknown) for name, value in joined.items()
        )

    def one_of(self, values: Sequence[Any], cause: Unknown, same: Same) -> Any:
        """The value that it is whichever path was taken, else an Unknown that names the candidates."""
        first = values[0]
        if all(first is other or same(first, other) for other in values[1:]):
            return first
        options: dict[int, Any] = {}
        for value in values:
            several = isinstance(value, Unknown) and value.options
            options.update((id(option), option) for option in (value.options if several else (value,)))
        open_ended = any(
            option is MISSING or (isinstance(option, Unknown) and not option.external) for option in options.values()
        )
        if not open_ended and len(options) <= _MOST_OPTIONS:
            return Unknown(cause.at, cause.reason, cause.fix, tuple(options.values()), self._carried(values, ()))
        return Unknown(cause.at, cause.reason, cause.fix, (), self._carried(values, options.values()))

    def _carried(self, values: Iterable[Any], options: Iterable[Any]) -> tuple[Any, ...]:
        """What a joined value may be or hold, without what is in doubt anyway and what cannot be changed."""
        inner = (item for value in values if isinstance(value, Unknown) for item in value.held())
        found = {
            id(item): item
            for item in (*inner, *options)
            if not isinstance(item, (*_LEAVES, Unknown)) and self.doubted(item) is None
        }
        return tuple(found.values())


def _join_decorators(versions: list[list[Any]], cause: Unknown) -> list[Any]:
    every = {id(item): item for version in versions for item in version}
    return [
        item
        if isinstance(item, (Conditional, Doubt))
        or all(any(other is item for other in version) for version in versions)
        else Conditional(item, cause)
        for item in every.values()
    ]


def alike(one: Any, other: Any, same: Same, *, ordered: bool) -> bool:
    """Whether two contents of a container hold the same things.

    Args:
        one: The content of a dict, list or set.
        other: Another, of the same kind.
        same: Whether two values are the same.
        ordered: Whether the order of a dict counts.
    """
    if len(one) != len(other):
        return False
    if isinstance(one, dict):
        if ordered and list(one) != list(other):
            return False
        return all(key in other and (value is other[key] or same(value, other[key])) for key, value in one.items())
    if isinstance(one, set):
        return bool(one == other)
    return all(a is b or same(a, b) for a, b in zip(one, other, strict=True))


def _copy(container: Container) -> Any:
    if isinstance(container, dict):
        return dict(container)
    return list(container) if isinstance(container, list) else set(container)


def _restore(container: Container, content: Any) -> None:
    if isinstance(container, list):
        container[:] = content
    else:
        container.clear()
        container.update(content)
