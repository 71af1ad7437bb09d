"""What is to be laid out so that Metaflow finds an environment ready, and the parts that do it.

`mfenvd/warm/core/` knows Metaflow (ids, manifest, checks); `mfenvd/warm/environments.py` makes environments.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from mfenvd.domain.finding import Finding
from mfenvd.domain.mirror import Bucket
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.resolver import Progress
from mfenvd.warm.findings import environments_unwritable

Report = Callable[[Progress], None]


class LocalEnvironment(msgspec.Struct, frozen=True):
    """An environment of this machine, as Metaflow expects it at `…/metaflow/<platform>/<id>`.

    Attributes:
        id: Metaflow's id of it.
        platform: This machine's, as `micromamba config list` says it (`linux-aarch64` where Metaflow's own code
            says `linux-64`).
        conda: Its conda packages, python and pip among them.
        wheels: What is listed in `.pip/metadata`, in the order of the manifest; None for a `@conda` environment,
            which has no `.pip` folder.
        installs_wheels: Whether the wheels are installed too: not when they are for another platform.
    """

    id: str
    platform: str
    conda: Resolution
    wheels: Resolution | None = None
    installs_wheels: bool = True


class MicromambaSettings(msgspec.Struct, frozen=True):
    """What `micromamba config list -a --json` answers, or would answer.

    Attributes:
        platform: This machine's conda subdir.
        envs_dirs: Folders of environments, absolute, the one for new ones first.
        pkgs_dirs: Folders of downloaded packages, absolute, likewise.
        environments_file: `environments.txt` with the prefixes of all environments, absolute.
        binary: Absolute path of the micromamba that Metaflow would run; None when it would find none.
    """

    platform: str
    envs_dirs: tuple[str, ...]
    pkgs_dirs: tuple[str, ...]
    environments_file: str
    binary: str | None = None


class NotMadeError(Exception):
    """An environment could not be made; `finding` says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


@contextlib.contextmanager
def disk_refusals(place: Path) -> Iterator[None]:
    """Inside, an OSError becomes a NotMadeError about the file that it names, or about `place` where it names none."""
    try:
        yield
    except OSError as error:
        path, reason = str(error.filename or place), error.strerror or str(error)
        raise NotMadeError(environments_unwritable(path, reason)) from error


class Archives(Protocol):
    """The files of locked packages on this machine."""

    def fetch(self, package: LockedPackage) -> Path:
        """The archive or wheel, its sha256 checked; downloaded when it is not there yet.

        Raises:
            NotMadeError: It cannot be had.
        """
        ...


class Datastore(Protocol):
    """Metaflow's remote datastore, as far as packages go.

    Attributes:
        bucket: Where it is.
    """

    bucket: Bucket

    def confirmed(self, packages: Iterable[LockedPackage]) -> frozenset[str]:
        """URLs of those that the datastore is known to have, with the right content. Asks nothing over the network."""
        ...

    def offer(self, packages: Sequence[LockedPackage], report: Report) -> None:
        """Has them uploaded; returns when they are on this machine and queued.

        Raises:
            NotMadeError: One cannot be had, or nothing can be queued.
        """
        ...


class Environments(Protocol):
    """The local environments. Blocking; safe in several processes at once."""

    def missing(self, wanted: LocalEnvironment) -> tuple[str, ...]:
        """What Metaflow would still do or stumble over, one phrase each; empty when it would do nothing.

        Looks at what Metaflow looks at: that the environment is found, holds `conda-meta/history` and a python,
        and, with wheels, that `.pip/metadata` names every URL with a wheel that is there and `.pip/id` exists.
        """
        ...

    def fetch(
        self,
        platform: str,
        conda: Sequence[LockedPackage],
        wheels: Sequence[LockedPackage],
        python: str | None = None,
    ) -> None:
        """Has packages on this machine, and extracted, which `create` will need.

        Args:
            platform: This machine's.
            conda: Of the environment, all of them.
            wheels: Likewise.
            python: Version that the wheels will be installed for; None where they are only kept.

        Raises:
            NotMadeError: One cannot be had.
        """
        ...

    def create(self, wanted: LocalEnvironment, report: Report) -> Path:
        """Makes the environment, or completes one that is not whole, and registers it last.

        Does nothing to an environment that Metaflow made and that is whole.

        Raises:
            NotMadeError: It cannot be made.
        """
        ...

    def mark_foreign(self, id_: str, platform: str) -> None:
        """Lets Metaflow skip the download for another platform: `<envs_dirs[0]>/metaflow/<platform>/<id>/fake.done`."""
        ...

    def is_foreign_marked(self, id_: str, platform: str) -> bool:
        """Whether Metaflow would skip that download."""
        ...
