"""Why a package's file cannot be had: one class per cause. Messages never hold credentials."""

from __future__ import annotations

from mfenvd.domain.redact import redact, without_credentials
from mfenvd.domain.resolution import LockedPackage


class StoreProblem(Exception):  # noqa: N818 - its subclasses say what is wrong
    """A package's file is not here and cannot be had."""


class DownloadError(Exception):
    """A download broke off or never began; `detail` says why in a few words."""

    def __init__(self, detail: str) -> None:
        self.detail = redact(detail)
        super().__init__(self.detail)


class NotDownloaded(StoreProblem):
    """The file's server gives none."""

    def __init__(self, package: LockedPackage, detail: str) -> None:
        self.package, self.detail = package, redact(detail)
        super().__init__(f"{package.filename} cannot be downloaded from {host(package)}: {self.detail}.")


class WrongContent(StoreProblem):
    """The server's file is not the one that was locked, or not all of it.

    Attributes:
        package: What was locked.
        got: The hash of what came.
        expected: What it should be.
    """

    def __init__(self, package: LockedPackage, algorithm: str, got: str, expected: str) -> None:
        self.package, self.got, self.expected = package, got, expected
        super().__init__(
            f"{host(package)} sends another {package.filename} than the one that was resolved: "
            f"its {algorithm} is {got}, not {expected}."
        )


class StoreUnwritable(StoreProblem):
    """The store's own folder refuses."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"mfenv's store cannot be written: {reason} ({path}).")


def host(package: LockedPackage) -> str:
    """Who has the package, for people: the host of its URL, else the URL."""
    url = without_credentials(package.url)
    return url.partition("://")[2].partition("/")[0] or url
