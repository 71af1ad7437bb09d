"""Environments of metaflow-netflixext given to the team by name, in its bucket, while somebody waits for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

import msgspec

from mfenvd.buckets import address_of, bucket_of
from mfenvd.domain.alias import Alias
from mfenvd.domain.finding import Finding
from mfenvd.domain.layouts import extension_key_of
from mfenvd.domain.request import Indexes
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.resolver import Context
from mfenvd.extension_datastores import team_datastore
from mfenvd.sharing import NotSharedWithTeamError
from mfenvd.store.errors import StoreProblem
from mfenvd.store.object_errors import ObjectStoreProblem
from mfenvd.team_bucket import Amount, Seen, TeamBucket
from mfenvd.warm.netflixext.entries import uncached, with_cache_info
from mfenvd.warm.netflixext.manifest import EnvId, Wanted, is_entry
from mfenvd.warm.plan import NotMadeError, Report

_Packages = Mapping[EnvId, Sequence[LockedPackage]]
Bar = Callable[[Amount], AbstractContextManager[Seen]]
"""Is told what is about to be sent; while that goes on, what it gives is told of each object's bytes."""


class TeamEnvironments:
    """What a team's bucket knows of environments, below the root that the extension has there.

    Args:
        root: That root, as the extension says it.
        context: Of the project.
        indexes: Those that packages come from, with their credentials.
        report: Told how far collecting the packages is.
        bar: Told what is sent.

    Raises:
        NotSharedWithTeamError: mfenv has nothing to do with that bucket.
    """

    def __init__(self, root: str, context: Context, indexes: Indexes, report: Report, bar: Bar) -> None:
        datastore = team_datastore(root, context, indexes)
        if datastore is None:
            whose = " for a project that is not trusted" if not context.trusted and _is_of_kind(root, context) else ""
            raise NotSharedWithTeamError(f"mfenv does not write to it{whose}")
        self._datastore = datastore
        self._cache_dir = context.cache_dir
        self._report, self._bar = report, bar
        self._seen: Seen | None = None

    def ids(self, alias: Alias) -> tuple[str, str] | None:
        """What the alias leads to in the bucket; None where it has none.

        Raises:
            NotSharedWithTeamError: It does not answer.
        """
        with _told():
            return self._datastore.named(alias)

    def find(self, alias: Alias) -> tuple[Wanted, ...]:
        """The environment of that name, one entry for each arch that it is there for; nothing where there is none.

        Raises:
            NotSharedWithTeamError: The bucket does not answer.
        """
        ids = self.ids(alias)
        with _told():
            found = self._datastore.described(ids) if ids is not None else {}
        names = (alias.key,) if alias.can_be_given else ()
        return tuple(
            Wanted(id_, entry, is_default=False, aliases=names) for id_, entry in found.items() if is_entry(entry)
        )

    def put(
        self, ids: tuple[str, str], wanted: Sequence[Wanted], packages: _Packages, aliases: Sequence[Alias]
    ) -> tuple[Wanted, ...]:
        """Leaves packages, environments and names there, in this order: what can be found is whole.

        Args:
            ids: What the names lead to: request and full id.
            wanted: The environments, one for each arch.
            packages: All of each.
            aliases: Their names.

        Returns:
            `wanted`, with where their packages are.

        Raises:
            NotSharedWithTeamError: Not all of it is there. The names are not, then.
        """
        if self._datastore.bucket.read_only:
            raise NotSharedWithTeamError("nothing is to be written to it, as mfenv's configuration says")
        opened = TeamBucket(self._datastore.bucket, self._cache_dir, self._through, extension_key_of)
        with contextlib.closing(opened) as bucket, _told():
            there = tuple(self._with_packages(one, packages[one.id], bucket) for one in wanted)
            for one in there:
                self._datastore.record(one.id, one.entry)
            self._send(bucket)
            for alias in aliases:
                self._datastore.name(alias.key, ids, moves=alias.is_mutable)
            self._send(bucket)
        missing = next((alias for alias in aliases if self.ids(alias) != ids), None)
        if missing is not None:
            raise NotSharedWithTeamError(f"{missing} leads elsewhere in it")
        return there

    def _with_packages(self, wanted: Wanted, packages: Sequence[LockedPackage], bucket: TeamBucket) -> Wanted:
        cached = {line["url"] for line in wanted.entry["packages"] if line.get("cache_info")}
        new = [package for package in packages if package.url.partition("#")[0] not in cached]
        confirmed = self._datastore.confirmed(new)
        self._datastore.offer([package for package in new if package.url not in confirmed], self._report)
        findings = self._send(bucket)
        entry = with_cache_info(wanted.entry, self._datastore.confirmed(new))
        if uncached(entry):
            reasons = [finding.message.rstrip(".") for finding in findings]
            raise NotSharedWithTeamError("; ".join(reasons) or f"{uncached(entry)} packages did not arrive")
        return msgspec.structs.replace(wanted, entry=entry)

    def _send(self, bucket: TeamBucket) -> tuple[Finding, ...]:
        """Sends all that waits for the bucket; what was wrong with that."""
        amount = bucket.waiting()
        if not amount.objects:
            return ()
        with self._bar(amount) as self._seen:
            return bucket.send()

    def _through(self, size: int) -> None:
        if self._seen is not None:
            self._seen(size)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What keeps something from being in the bucket, as NotSharedWithTeamError."""
    try:
        yield
    except (StoreProblem, ObjectStoreProblem) as problem:
        raise NotSharedWithTeamError(str(problem).rstrip(".")) from problem
    except NotMadeError as error:
        raise NotSharedWithTeamError(error.finding.message.rstrip(".")) from error


def _is_of_kind(root: str, context: Context) -> bool:
    """Whether it is in the object store that the project's bucket is in."""
    bucket = bucket_of(context)
    return bucket is not None and urlsplit(address_of(root)).scheme == urlsplit(bucket.url).scheme
