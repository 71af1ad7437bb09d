"""Packages that are there before any wheel: tiny wheels stand in for them, so that uv takes each as it is.

To uv a constraint with an address settles a package: its version is what the file there says, every requirement on it
is held against that version, and no index is asked for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import msgspec
from packaging.version import Version

from mfenvd.atomic_write import write_atomically
from mfenvd.domain.target import Target
from mfenvd.resolve.index.client import Listing
from mfenvd.resolve.index.errors import IndexProblem
from mfenvd.resolve.index.metadata import Metadata
from mfenvd.resolve.pypi.asked import applies
from mfenvd.resolve.pypi.catalog import Catalog
from mfenvd.resolve.pypi.compiled import Compiled, Pinned
from mfenvd.resolve.pypi.metadata_override import requirements
from mfenvd.resolve.pypi.platforms import UvPlatform
from mfenvd.resolve.pypi.uv import Compiler, Question

_WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


class Installed(msgspec.Struct, frozen=True):
    """A conda package that is there already, with all that it needs.

    Attributes:
        version: As PEP 440 has it.
        package: Its name there.
    """

    version: Version
    package: str

    @property
    def shown(self) -> str:
        """How users know it."""
        return f"{self.package} {self.version} from conda"


class UvBeside:
    """uv, asked for wheels beside what is installed.

    What an extra of an installed package needs is not there by itself: it is read from the wheel of that version on
    the index, as soon as the extra is asked for.

    Args:
        uv: Whom to ask.
        folder: Where the stand-ins are kept; created when needed.
        installed: By canonical name.
        catalog: Knows what extras need.
        target: Where.

    Attributes:
        used: Of what is installed, the packages in the last answer, with those that need them.
        unknown: Extras of which it cannot be known what they need, by the canonical name of their package.
    """

    def __init__(
        self, uv: Compiler, folder: Path, installed: Mapping[str, Installed], catalog: Catalog, target: Target
    ) -> None:
        self._uv = uv
        self._folder = folder
        self._installed = installed
        self._catalog = catalog
        self._target = target
        self._metadata: dict[str, tuple[str, ...]] = {}
        self.used: tuple[Pinned, ...] = ()
        self.unknown: dict[str, tuple[str, ...]] = {}

    def compile(self, question: Question, platform: UvPlatform) -> Compiled:
        """Uv's answer without the installed packages.

        Raises:
            IndexProblem: An index does not tell what extras need.
            UvError: As of `Uv.compile`.
            UvMissingError: As of `Uv.compile`.
        """
        while True:
            constraints = (*question.constraints, *self._standins())
            answer = self._uv.compile(msgspec.structs.replace(question, constraints=constraints), platform)
            if self._learn(answer.packages):
                continue
            self.used = tuple(package for package in answer.packages if package.name in self._installed)
            wheels = tuple(package for package in answer.packages if package.name not in self._installed)
            return msgspec.structs.replace(answer, packages=wheels)

    def _standins(self) -> Iterator[str]:
        for name in sorted(self._installed):
            yield f"{name} @ {self._wheel(name).as_uri()}"

    def _learn(self, packages: Iterable[Pinned]) -> bool:
        """Whether there are extras among `packages` that the stand-ins did not have yet."""
        news = False
        for package in packages:
            if package.name in self._installed and package.extras and package.name not in self._metadata:
                self._metadata[package.name] = self._extras_of(package)
                news = True
        return news

    def _extras_of(self, package: Pinned) -> tuple[str, ...]:
        """Lines of metadata on what the extras need besides what the package needs anyway."""
        said = said_by_index(self._catalog, package.name, self._installed[package.name].version)
        if said is None:
            self.unknown[package.name] = package.extras
            return ()
        needs = [
            f"Requires-Dist: {requirement}"
            for requirement in requirements(said)
            if not applies(requirement, self._target) and applies(requirement, self._target, said.extras)
        ]
        return (*(f"Provides-Extra: {extra}" for extra in said.extras), *needs)

    def _wheel(self, name: str) -> Path:
        version = self._installed[name].version
        stem = f"{name.replace('-', '_')}-{version}"
        metadata = "".join(
            f"{line}\n"
            for line in ("Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *self._metadata.get(name, ()))
        )
        wheel = self._folder / hashlib.sha256(metadata.encode()).hexdigest()[:16] / f"{stem}-py3-none-any.whl"
        if not wheel.exists():
            _write_wheel(wheel, f"{stem}.dist-info", metadata)
        return wheel


def said_by_index(catalog: Catalog, name: str, version: Version) -> Metadata | None:
    """What a wheel of this version says about itself; None where no index has one.

    Raises:
        IndexProblem: An index gives no answer.
    """
    answer = catalog.look_up((name,))[name]
    if isinstance(answer, IndexProblem):
        raise answer
    if not isinstance(answer, Listing) or version not in answer.versions:
        return None
    wheel = next((file for file in answer.of(version) if file.is_wheel), None)
    return catalog.metadata((wheel,))[wheel] if wheel is not None else None


def _write_wheel(path: Path, info: str, metadata: str) -> None:
    """Whole or not at all, whoever else writes it at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wheel = BytesIO()
    with ZipFile(wheel, "w") as archive:
        for member, content in (("METADATA", metadata), ("WHEEL", _WHEEL), ("RECORD", "")):
            archive.writestr(ZipInfo(f"{info}/{member}"), content)
    write_atomically(path, wheel.getvalue())
