"""Looking after the environments and the store of this machine: for commands, and for the daemon once a day."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from mfenvd.domain.resolver import Context, Progress
from mfenvd.environments import local_environments
from mfenvd.package_cache import PackageCache
from mfenvd.store.eviction import Trimmed
from mfenvd.warm.adopting import Candidate, adopt
from mfenvd.warm.bytecode import compile_bytecode
from mfenvd.warm.census import census
from mfenvd.warm.collecting import Collected, collect
from mfenvd.warm.core.known import known_environments, local_roots
from mfenvd.warm.marker import GRACE
from mfenvd.warm.micromamba import read_micromamba_settings
from mfenvd.warm.netflixext import environments as netflixext
from mfenvd.warm.netflixext.pruning import Pruned, prune
from mfenvd.warm.repairing import Repaired, repair


class Garbage(msgspec.Struct, frozen=True):
    """What was removed, or would be.

    Attributes:
        dry_run: Whether nothing was removed.
        environments: Local environments.
        files: Of the store.
        extracted: Conda packages that no environment is linked from, as `name-version-build`.
        entries: Of metaflow-netflixext's manifests.
    """

    dry_run: bool
    environments: Collected
    files: Trimmed = Trimmed()
    extracted: tuple[str, ...] = ()
    entries: tuple[Pruned, ...] = ()


class Housekeeping:
    """What `mfenv gc`, `adopt` and `repair` do.

    Args:
        context: Where mfenv keeps things, and the shell whose micromamba counts.

    Attributes:
        cache: Packages' files.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = read_micromamba_settings(context.surroundings, trusted=context.trusted)
        self._environments = local_environments(context, self._settings)
        self._cache_dir = Path(context.cache_dir)
        self.cache = PackageCache(context, self._environments)

    def collect(self, grace: float = GRACE, *, dry_run: bool = False) -> Garbage:
        """Removes environments that nobody wanted for `grace` seconds, then files that exceed the cache's limits.

        Entries of mfenv's own in the extension's manifests go with them. Files that an environment refers to stay, and
        those that wait for their upload.

        Raises:
            OSError: Something cannot be removed.
        """
        core = collect(self._environments, grace, dry_run=dry_run)
        extension = netflixext.collect(self._cache_dir, grace, dry_run=dry_run)
        collected = Collected((*core.idle, *extension.idle), (*core.interrupted, *extension.interrupted))
        entries = prune(self._cache_dir, grace, dry_run=dry_run)
        if dry_run:
            return Garbage(dry_run=True, environments=collected, entries=entries)
        shrunk = self.cache.shrink(self.cache.limits, grace)
        return Garbage(False, collected, shrunk.files, shrunk.extracted, entries)

    def tidy(self, *, removes: bool) -> None:
        """What the daemon does while nothing else is: mends, compiles, and if it `removes`, what `collect` does."""
        if removes:
            # First, as compiling starts the environment's Python, which counts as using it.
            self.collect()
        else:
            self._environments.sweep()
        for found in census(self._environments.registry):
            if found.marker is not None:
                compile_bytecode(Path(found.prefix))
        for prefix in netflixext.made_here(self._cache_dir):
            compile_bytecode(prefix)

    def adopt(self, *, dry_run: bool = False) -> tuple[Candidate, ...]:
        """Takes over what Metaflow made.

        Raises:
            OSError: An environment cannot be written.
        """
        return adopt(self._environments, dry_run=dry_run)

    def repair(self, paths: Sequence[Path], *, dry_run: bool = False) -> tuple[Repaired, ...]:
        """Mends what an interrupted start left; `paths` are where flows are started.

        Raises:
            OSError: An environment cannot be removed.
        """
        roots = local_roots(paths, self._context.surroundings.environ)
        known = known_environments(roots, self._settings.platform)
        return repair(self._environments, known, _quiet, dry_run=dry_run)


def _quiet(progress: Progress) -> None:
    """Nobody watches."""
