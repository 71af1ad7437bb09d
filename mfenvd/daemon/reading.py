"""What the daemon and its reading process say to each other, see `readers` and `reader`."""

from __future__ import annotations

import msgspec

from mfenvd.domain.finding import Finding
from mfenvd.domain.loaded import FlowQuestion, Launcher, LoadedFile
from mfenvd.domain.plan import Environment
from mfenvd.domain.resolver import Context
from mfenvd.engine import Needs
from mfenvd.paths import Paths

FILES_AT_ONCE = 8
"""Flow files that Metaflow is asked about in one go, so that first answers come early."""


class Read(msgspec.Struct, frozen=True):
    """To the reader: what is in the project now?

    Attributes:
        context: Of the project.
        paths: For the user's own configuration file.
        changed: What changed since the last time, absolute.
        anew: Read everything.
        answers: Metaflow's, to questions of before.
        has: The number of the last `Layout` that the daemon has of it; 0 for none.
    """

    context: Context
    paths: Paths
    changed: tuple[str, ...] = ()
    anew: bool = False
    answers: tuple[LoadedFile, ...] = ()
    has: int = 0


Place = tuple[str | None, ...]


def place_of(environment: Environment) -> Place:
    """What an environment is known by while its contents change."""
    return environment.source, environment.flow, environment.step, environment.name


class Item(msgspec.Struct, frozen=True):
    """An environment and its work.

    Attributes:
        number: Of this item.
        environment: The environment.
        jobs: For each its key and the position of its target in the environment.
        bases: The same for what resolves its base.
        needs: What Metaflow's environments of it are made of.
        foreseen: The same while Metaflow is being asked, as they will be in all likelihood.
    """

    number: int
    environment: Environment
    jobs: tuple[tuple[str, int], ...]
    bases: tuple[tuple[str, int], ...] = ()
    needs: tuple[Needs, ...] = ()
    foreseen: tuple[Needs, ...] = ()


class Questions(msgspec.Struct, frozen=True):
    """What Metaflow is to be asked now.

    Attributes:
        files: The flow files.
        launcher: Which Metaflow; None when no Python is known.
        trusted: Whether they may be loaded.
        unasked: Whether there would be something to ask if there was a launcher.
    """

    files: tuple[FlowQuestion, ...] = ()
    launcher: Launcher | None = None
    trusted: bool = False
    unasked: bool = False


class Items(msgspec.Struct, frozen=True, tag="items"):
    """From the reader: some of the items that the daemon does not have."""

    items: tuple[Item, ...]


class Layout(msgspec.Struct, frozen=True, tag="layout"):
    """From the reader, at last: how it fits together.

    Attributes:
        number: Of this layout.
        order: The numbers of all items in the plan's order; None when as in the layout that the daemon has.
        findings: The plan's.
        flows: How many there are, those without any environment included.
        files: All that it was read from, wherever it is, absolute; None when as in that layout.
        exclude: Patterns of the configuration.
        max_workers: Of the configuration.
        questions: What Metaflow is to be asked.
        remembers: Whether it rests on what a file said before it was broken: what only the reader knows.
    """

    number: int
    order: tuple[int, ...] | None
    findings: tuple[Finding, ...]
    flows: int
    files: tuple[str, ...] | None
    exclude: tuple[str, ...] = ()
    max_workers: int | None = None
    questions: Questions = Questions()
    remembers: bool = False


class Gone(msgspec.Struct, frozen=True, tag="gone"):
    """From the reader, instead: the root is not there, so what was read may be half of it."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """From the reader, instead: an error that nobody foresaw."""

    reason: str


Answer = Items | Layout | Gone | Failed

READS: msgspec.msgpack.Decoder[Read] = msgspec.msgpack.Decoder(Read)
ANSWERS: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
