"""Conda packages, linked into a prefix by py-rattler. Importing this module loads it: workers alone do."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from rattler import PackageCache, PackageRecord, PrefixRecord, RepoDataRecord, Subdir, install
from rattler.exceptions import ExtractError, InstallerError, IoError, LinkError, TransactionError

from mfenvd.awaiting import awaited
from mfenvd.domain.redact import redact
from mfenvd.domain.resolution import LockedPackage
from mfenvd.warm.extracted import scratch
from mfenvd.warm.lines import stem

_PROBLEMS = (ExtractError, InstallerError, IoError, LinkError, TransactionError, OSError)


class LinkFailedError(Exception):
    """rattler could not make the prefix; `words` are its own, without credentials."""

    def __init__(self, words: str) -> None:
        self.words = redact(words).strip()
        super().__init__(self.words)


class CondaCache:
    """Extracted conda packages, from which prefixes are hard-linked.

    Args:
        folder: rattler's package cache, created when needed.
        platform: This machine's conda subdir.
        run_scripts: Whether packages may run their post-link scripts, as micromamba lets them.
    """

    def __init__(self, folder: Path, platform: str, *, run_scripts: bool) -> None:
        self._folder = folder
        self._platform = platform
        self._run_scripts = run_scripts

    def records(self, packages: Sequence[LockedPackage]) -> dict[str, RepoDataRecord]:
        """By filename: those that need no archive any more, as they are extracted already."""
        return awaited(self._records(packages))

    def link(
        self,
        packages: Sequence[LockedPackage],
        records: Mapping[str, RepoDataRecord],
        archives: Mapping[str, Path],
        prefix: Path,
    ) -> None:
        """Makes `prefix` an environment of `packages`.

        Args:
            packages: All of the environment's.
            records: What `records` answered for them.
            archives: Files by filename, at least of those that are not among `records`.
            prefix: Where the environment is made, and will be used.

        Raises:
            LinkFailedError: It cannot be made.
        """
        new = {package.filename: archives[package.filename] for package in packages if package.filename not in records}
        try:
            awaited(self._link({**records}, new, prefix))
            for package in packages:
                if package.filename in new:
                    _name_origin(prefix, package)
        except _PROBLEMS as error:
            raise LinkFailedError(str(error)) from error

    def extract(self, records: Mapping[str, RepoDataRecord], archives: Mapping[str, Path]) -> None:
        """Extracts `archives`, by filename, of an environment that has `records` besides; a failure is left to `link`.

        py-rattler extracts only what it links.
        """
        with contextlib.suppress(*_PROBLEMS):
            awaited(self._link({**records}, archives, scratch(self._folder)))

    async def _link(
        self,
        records: dict[str, RepoDataRecord],
        archives: Mapping[str, Path],
        prefix: Path,
    ) -> None:
        for filename, archive in archives.items():
            records[filename] = await RepoDataRecord.from_package_archive(archive)
        await install(
            list(records.values()),
            prefix,
            platform=Subdir(self._platform),
            package_cache=PackageCache(self._folder),
            installed_packages=[],
            execute_link_scripts=self._run_scripts,
            show_progress=False,
        )

    async def _records(self, packages: Sequence[LockedPackage]) -> dict[str, RepoDataRecord]:
        index = await PackageCache(self._folder).index() if self._folder.exists() else None
        found = {}
        for package in packages:
            record = self._record(package)
            if record is not None and index is not None and index.contains_record(record):
                found[package.filename] = record
        return found

    def _record(self, package: LockedPackage) -> RepoDataRecord | None:
        try:
            record = PackageRecord.from_index_json(
                self._folder / stem(package.filename) / "info" / "index.json",
                size=package.size,
                sha256=package.sha256,
                md5=package.md5,
            )
        except (OSError, IoError):
            return None
        return RepoDataRecord(record, package.filename, package.url, _channel(package))


def _name_origin(prefix: Path, package: LockedPackage) -> None:
    """Where the package is from, in the prefix's record of it: rattler knows the archive's path only."""
    file = prefix / "conda-meta" / f"{stem(package.filename)}.json"
    record = PrefixRecord.from_path(file)
    record.url = package.url
    record.channel = _channel(package)
    record.write_to_path(file, pretty=True)


def _channel(package: LockedPackage) -> str:
    """The channel's URL: that of the folder above the subdir's where it is not known."""
    return package.channel or package.url.rsplit("/", 2)[0]
