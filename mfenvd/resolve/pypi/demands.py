"""What the packages of a resolution say about each other, read only where it matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from mfenvd.domain.target import Target
from mfenvd.resolve.pypi.asked import Asked, applies, combined
from mfenvd.resolve.pypi.catalog import Catalog
from mfenvd.resolve.pypi.chosen import Chosen
from mfenvd.resolve.pypi.metadata_override import requirements
from mfenvd.resolve.pypi.notebook import Notebook


class Demands:
    """The demands on each package of a resolution.

    Args:
        chosen: The resolution.
        asked: The request on its target.
        target: Where.
        catalog: For the metadata of those that need others.
        known: Demands of packages on others, from before.
    """

    def __init__(
        self, chosen: Sequence[Chosen], asked: Asked, target: Target, catalog: Catalog, known: Notebook[str]
    ) -> None:
        self._chosen = {one.name: one for one in chosen}
        self._asked = asked
        self._target = target
        self._catalog = catalog
        self._known = known

    def on(self, name: str) -> SpecifierSet:
        """What the request and all packages together want of package `name` (canonical).

        Raises:
            IndexProblem: A wheel's metadata cannot be had.
        """
        return self._asked.specifier(name) & SpecifierSet(self._of_packages(name))

    def _of_packages(self, name: str) -> str:
        parents = [self._chosen[parent] for parent in self._chosen[name].pinned.via if parent in self._chosen]
        # A wheel never changes what it says.
        key = f"{name} {' '.join(f'{parent.file.filename}[{parent.pinned.extras}]' for parent in parents)}"
        specifier = self._known.get(key, name)
        if specifier is None:
            specifier = str(combined(need.specifier for need in self._needs(name, parents)))
            self._known.put(key, name, fact=specifier)
        return specifier

    def _needs(self, name: str, parents: Sequence[Chosen]) -> Iterator[Requirement]:
        metadata = self._catalog.metadata(parent.file for parent in parents)
        for parent in parents:
            for requirement in requirements(metadata[parent.file], name):
                if applies(requirement, self._target, parent.pinned.extras):
                    yield requirement
