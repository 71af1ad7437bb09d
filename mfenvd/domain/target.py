"""Where an environment will run."""

from __future__ import annotations

import re

import msgspec

from mfenvd.domain.arch import Arch

DEFAULT_GLIBC = "2.26"
"""Amazon Linux 2, which most AWS Batch compute environments run."""

DEFAULT_MACOS = "13.0"

DEFAULT_CUDA = "12.4"
"""The driver that is assumed where a step asks for a GPU and nothing says which one it gets."""

_VERSION = re.compile(r"\d+(\.\d+)*")
# Of each line on conda-forge, where Metaflow gets its interpreters (August 2026).
_NEWEST_PATCH = {
    (3, 6): 15, (3, 7): 12, (3, 8): 20, (3, 9): 23, (3, 10): 20, (3, 11): 15, (3, 12): 13, (3, 13): 15, (3, 14): 6,
}  # fmt: skip


class Target(msgspec.Struct, frozen=True, omit_defaults=False):
    """An arch with the floor of what it offers. Tags, markers and virtual packages follow from it alone.

    Attributes:
        arch: The conda subdir.
        python: `X.Y` or `X.Y.Z`; a trailing `t` means free-threaded.
        glibc: GLIBC version as `2.26`; None off Linux.
        macos: Oldest macOS as `13.0`; None off macOS.
        cuda: CUDA driver version (`__cuda`); None when there is none.
    """

    arch: Arch
    python: str
    glibc: str | None = None
    macos: str | None = None
    cuda: str | None = None

    @property
    def free_threaded(self) -> bool:
        return self.python.endswith("t")

    @property
    def python_minor(self) -> tuple[int, int]:
        """`(3, 11)` for `3.11` and `3.11.7`."""
        major, minor = self.python.rstrip("t").split(".")[:2]
        return int(major), int(minor)

    @property
    def python_full(self) -> str:
        """The version of the interpreter that the environment will have, as `3.9.13`.

        A bare `3.9` is 3.9.0: Metaflow asks conda for `python==3.9`, and pip and uv read `--python-version 3.9` so too.
        """
        version = self.python.rstrip("t")
        return version if version.count(".") >= 2 else f"{version}.0"

    @property
    def glibc_version(self) -> tuple[int, int] | None:
        return version_pair(self.glibc) if self.glibc else None

    @property
    def macos_version(self) -> tuple[int, int] | None:
        return version_pair(self.macos) if self.macos else None

    def __str__(self) -> str:
        floor = f" glibc {self.glibc}" if self.glibc else f" macOS {self.macos}" if self.macos else ""
        cuda = f" cuda {self.cuda}" if self.cuda else ""
        return f"{self.arch} python {self.python}{floor}{cuda}"


def newest_patch(minor: str) -> str:
    """`3.9.23` for `3.9`, the newest that conda has of that line; `.0` for a line that is not known here."""
    major, second = minor.split(".")
    return f"{minor}.{_NEWEST_PATCH.get((int(major), int(second)), 0)}"


def offered_version(text: str) -> str | None:
    """`2.36` for `2.36=0`, a virtual package's version with its build; None for what is no version."""
    version = text.partition("=")[0].strip()
    return version if _VERSION.fullmatch(version) else None


def version_pair(text: str) -> tuple[int, int]:
    """`(2, 26)` for `2.26`, `(13, 0)` for `13`.

    Raises:
        ValueError: `text` is not one or more whole numbers joined by dots.
    """
    major, _, rest = text.partition(".")
    return int(major), int(rest.partition(".")[0] or 0)
