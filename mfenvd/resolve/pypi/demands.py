"""What the packages of a resolution say about each other, read only where it matters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from mfenvd.domain.target import Target
from mfenvd.resolve.pypi.asked import Asked, applies, combined
from mfenvd.resolve.pypi.catalog import Catalog
from mfenvd.resolve.pypi.chosen import Chosen
from mfenvd.resolve.pypi.metadata_override import requirements


class Demands:
    """The demands on each package of a resolution.

    Args:
        chosen: The resolution.
        asked: The request on its target.
        target: Where.
        catalog: For the metadata of those that need others.
    """

    def __init__(self, chosen: Sequence[Chosen], asked: Asked, target: Target, catalog: Catalog) -> None:
        self._chosen = {one.name: one for one in chosen}
        self._asked = asked
        self._target = target
        self._catalog = catalog
        self._extras: dict[str, frozenset[str]] = {}

    def on(self, name: str) -> SpecifierSet:
        """What the request and all packages together want of package `name` (canonical).

        Raises:
            IndexProblem: A wheel's metadata cannot be had.
        """
        return self._asked.specifier(name) & combined(need.specifier for need in self._needs_of(name))

    def _needs_of(self, name: str) -> Iterator[Requirement]:
        parents = [self._chosen[parent] for parent in self._chosen[name].pinned.via if parent in self._chosen]
        metadata = self._catalog.metadata(parent.file for parent in parents)
        for parent in parents:
            for requirement in requirements(metadata[parent.file], name):
                if applies(requirement, self._target) or self._applies_with_extras(requirement, parent.name):
                    yield requirement

    def _applies_with_extras(self, requirement: Requirement, parent: str) -> bool:
        """Likewise with the extras of the package that has the requirement, which are found out only if need be."""
        if "extra" not in str(requirement.marker):
            return False
        return applies(requirement, self._target, self._extras_of(parent))

    def _extras_of(self, name: str) -> Iterable[str]:
        """The extras that are asked for of a package; in a circle those that are known so far."""
        if name not in self._extras:
            self._extras[name] = frozenset()
            direct = (extra for requirement in self._asked.of(name) for extra in requirement.extras)
            needed = (extra for requirement in self._needs_of(name) for extra in requirement.extras)
            self._extras[name] = frozenset((*direct, *needed))
        return sorted(self._extras[name])
