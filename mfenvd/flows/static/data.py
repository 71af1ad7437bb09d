"""Data with more to it than its content: texts with a place, views, iterators, open files, named tuples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mfenvd.domain.finding import Location
from mfenvd.flows.static.values import ClassValue, Namespace, Site


class LocatedText(str):
    """Text that remembers where it was given: the requirement's line in an editor."""

    __slots__ = ("location",)
    location: Location

    @classmethod
    def at(cls, text: str, location: Location) -> LocatedText:
        located = cls(text)
        located.location = location
        return located


class FileText(str):
    """The content of a file, which remembers its path."""

    __slots__ = ("path",)
    path: str

    @classmethod
    def of(cls, text: str, path: str) -> FileText:
        content = cls(text)
        content.path = path
        return content


@dataclass(eq=False, slots=True)
class DictView:
    """`d.keys()`, `d.values()` or `d.items()`: shows the dict as it is when it is looked at."""

    subject: dict[Any, Any]
    name: str

    def items(self) -> list[Any]:
        return list(getattr(self.subject, self.name)())


class ConfigValue(dict[Any, Any]):
    """What a config holds: a dict whose entries are attributes too, and which cannot be changed."""

    @classmethod
    def of(cls, value: Any) -> Any:
        """`value` with every mapping in it made a ConfigValue."""
        if isinstance(value, Mapping):
            return cls({key: cls.of(item) for key, item in value.items()})
        if isinstance(value, (list, tuple)):
            return type(value)(cls.of(item) for item in value)
        return value


@dataclass(eq=False, slots=True)
class OpenFile:
    """An open file of the project. `state["read"]` tells whether it was read."""

    content: FileText | bytes
    state: Namespace = field(default_factory=Namespace)


@dataclass(eq=False, slots=True)
class LazyItems:
    """An iterator: computed when it is first consumed, consumed once.

    Attributes:
        compute: All its items.
        at: Where it is made.
        sources: What it goes through, as far as that can be another iterator.
        runs_code: Whether making an item runs code of the project, which may change something.
        state: `items` are those that are left, once they are computed.
    """

    compute: Callable[[], Any]
    at: Site
    sources: tuple[Any, ...] = ()
    runs_code: bool = False
    state: Namespace = field(default_factory=Namespace)


class Record(tuple[Any, ...]):  # noqa: SLOT001 - Python allows a tuple none but empty ones
    """A named tuple: an instance of `cls` if that is a class of the project."""

    name: str
    fields: tuple[str, ...]
    cls: ClassValue | None

    @classmethod
    def of(cls, name: str, fields: Iterable[str], values: Iterable[Any], made_by: ClassValue | None = None) -> Record:
        record = cls(values)
        record.name, record.fields, record.cls = name, tuple(fields), made_by
        return record

    def __repr__(self) -> str:
        pairs = (f"{field}={value!r}" for field, value in zip(self.fields, self, strict=True))
        return f"{self.name}({', '.join(pairs)})"
