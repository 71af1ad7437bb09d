"""What a bucket has just taken, confirmed many objects at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice, takewhile

import msgspec

from mfenvd.store.objects import ObjectInfo, ObjectStore
from mfenvd.store.uploads import Upload

# A question about one object costs as much as thirty lines of a listing. So much of one is read for each object that is
# looked for: in a large bucket others lie between them.
_LINES_EACH = 4


class Stored(msgspec.Struct, frozen=True):
    """An upload whose content its bucket has compared with its hash, and the etag that it has there."""

    upload: Upload
    etag: str


def listed(store: ObjectStore, stored: Collection[Stored]) -> frozenset[str]:
    """Keys of those of `stored` that a listing of the bucket shows with their size and etag.

    The others are not said to be missing: somebody has to ask for each.

    Args:
        store: Their bucket.
        stored: Not empty.

    Raises:
        ObjectStoreProblem: The bucket cannot be listed.
    """
    expected = {each.upload.key: (each.upload.size, each.etag) for each in stored}
    shown = islice(_between(store, min(expected), max(expected)), _LINES_EACH * len(expected))
    return frozenset(info.key for info in shown if expected.get(info.key) == (info.size, info.etag))


def _between(store: ObjectStore, first: str, last: str) -> Iterator[ObjectInfo]:
    """What is listed from `first` to `last`."""
    return takewhile(lambda info: info.key <= last, store.list(after=first[:-1]))
