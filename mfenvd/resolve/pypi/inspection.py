"""What there is to know about a package on one target, found out from the index or remembered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from packaging.version import Version

from mfenvd.resolve.explain import python_allows
from mfenvd.resolve.index.client import Listing
from mfenvd.resolve.index.errors import IndexProblem, IndexRefuses
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.pypi.asked import Asked
from mfenvd.resolve.pypi.catalog import Catalog, passes_on_python
from mfenvd.resolve.pypi.check import Rules, exclusion
from mfenvd.resolve.pypi.chosen import Beyond, Chosen
from mfenvd.resolve.pypi.compiled import Read
from mfenvd.resolve.pypi.demands import Demands
from mfenvd.resolve.pypi.held_back import beyond
from mfenvd.resolve.pypi.metadata_override import Doubt, Override
from mfenvd.resolve.pypi.notebook import Notebook
from mfenvd.resolve.pypi.prereleases import Correction, correction, is_doubtful


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """About a package, or about one version of it.

    Attributes:
        file: What the target gets; None when nothing of the version fits, and for a package as a whole.
        constraints: What uv has to be told so that it does not choose what the target cannot use.
        overrides: What uv has to be told about wheels that it does not read.
        prereleases: Whether pip's rule about pre-releases may lead to another version.
        beyond: What only a newer GLIBC makes possible.
    """

    file: DistFile | None = None
    constraints: tuple[str, ...] = ()
    overrides: tuple[Override, ...] = ()
    prereleases: bool = False
    beyond: Beyond = Beyond()


class Inspector:
    """Finds out facts for one request on one target.

    Args:
        asked: The request there.
        rules: Decide about files.
        catalog: What there is.
        notebook: What is known from before.
        specifiers: Likewise what packages want of each other, and what follows for pre-releases.
    """

    def __init__(
        self, asked: Asked, rules: Rules, catalog: Catalog, notebook: Notebook[Facts], specifiers: Notebook[str]
    ) -> None:
        self._specifiers = specifiers
        self._asked = asked
        self._rules = rules
        self._catalog = catalog
        self._notebook = notebook

    def remembered(self) -> Iterator[Facts]:
        """All that is known from before about packages on which the request says the same now."""
        for key in self._notebook:
            name, _, condition = key.split(" ", 2)
            if name in self._asked.installed:
                continue
            if condition == str(self._asked.specifier(name)) or condition.endswith(".whl"):
                facts = self._notebook.get(key, name)
                if facts is not None:
                    yield facts

    def knows(self, names: Iterable[str]) -> bool:
        """Whether each of the packages was found to have something that fits."""
        return all(self._notebook.get(self._key(name), name) is not None for name in names)

    def packages(self, names: Iterable[str]) -> Iterator[Facts]:
        """About packages for which it is certain that something of them fits.

        Raises:
            IndexProblem: An index gives no answer.
            NoSuchPackage: One is not there.
        """
        unknown = []
        for name in names:
            facts = self._notebook.get(self._key(name), name)
            if facts is None:
                unknown.append(name)
            else:
                yield facts
        for name, package in self._catalog.require(unknown).items():
            facts = Facts(constraints=tuple(self._exclusions(package)))
            self._note(package, self._key(name), facts)
            yield facts

    def versions(self, chosen: Mapping[str, Version]) -> dict[str, Facts]:
        """About the versions that uv chose, by canonical name.

        Raises:
            IndexProblem: An index gives no answer.
            NoSuchPackage: One is not there any more.
        """
        found = {}
        for name, version in chosen.items():
            facts = self._notebook.get(self._key(name, version), name)
            if facts is not None:
                found[name] = facts
        packages = self._packages({name: version for name, version in chosen.items() if name not in found})
        fresh = {name: self._facts(package, chosen[name]) for name, package in packages.items()}
        for name, facts in self._heard(fresh, packages).items():
            self._note(packages[name], self._key(name, chosen[name]), facts)
            found[name] = facts
        return found

    def misread(self, read: Iterable[Read], known: Mapping[str, Facts]) -> Iterator[Facts]:
        """About wheels that uv went by and the target does not get: another one of that version, or none.

        Args:
            read: Those wheels.
            known: What `versions` found out about uv's choices.

        Raises:
            IndexProblem: An index gives no answer.
        """
        unknown = []
        for one in read:
            facts = known.get(one.name)
            if facts is not None and facts.file is not None and facts.file.filename == one.filename:
                continue
            noted = self._notebook.get(_reading_key(one), one.name)
            if noted is None:
                unknown.append(one)
            else:
                yield noted
        yield from self._newly_misread(unknown)

    def readable(self, chosen: Mapping[str, Version]) -> Iterator[Read]:
        """All wheels that uv may have gone by for its choices, where it did not say by which one."""
        for name, package in self._packages(chosen).items():
            for file in self._rules.readable(package.of(chosen[name])):
                yield Read(name, str(chosen[name]), file.filename)

    def kept_back(self, names: Iterable[str]) -> dict[str, IndexRefuses]:
        """Of packages of which uv found nothing, those that an index may keep from this user (403), with its answer.

        uv takes a refusal for an empty index.

        Raises:
            IndexProblem: An index wants other credentials (401), or gives no answer.
        """
        found = {}
        for name, answer in self._catalog.look_up(names).items():
            if isinstance(answer, IndexRefuses) and answer.status == 403:
                found[name] = answer
            elif isinstance(answer, IndexProblem):
                raise answer
        return found

    def save(self) -> None:
        """Keeps what was found out for next time."""
        self._notebook.save()
        self._specifiers.save()

    def demands(self, chosen: Sequence[Chosen]) -> Demands:
        """What the packages of a resolution say about each other."""
        return Demands(chosen, self._asked, self._rules.target, self._catalog, self._specifiers)

    def corrections(self, doubtful: Iterable[Chosen], chosen: Sequence[Chosen]) -> Iterator[tuple[Chosen, Correction]]:
        """What makes uv treat pre-releases of the doubtful ones of a resolution as pip does.

        Raises:
            IndexProblem: A wheel's metadata cannot be had.
        """
        demands = self.demands(chosen)
        for one in doubtful:
            wanted = demands.on(one.name)
            key = f"{one.name} {one.version} pre {wanted}"
            known = self._specifiers.get(key, one.name)
            if known is None:
                package = self._catalog.package(one.name)
                known = correction(one.version, wanted, package, self._rules).value
                if not package.stale:
                    self._specifiers.put(key, one.name, fact=known)
            yield one, Correction(known)

    def _newly_misread(self, read: Sequence[Read]) -> Iterator[Facts]:
        answers = self._catalog.look_up(one.name for one in read)
        listed = [(one, answer) for one in read if isinstance(answer := answers[one.name], Listing)]
        doubts = {one: self._doubt(one, package) for one, package in listed}
        metadata = self._catalog.metadata(file for doubt in doubts.values() if doubt for file in doubt.files)
        for one, package in listed:
            doubt = doubts[one]
            override = doubt.override(metadata, self._rules.target) if doubt is not None else None
            version = Version(one.version)
            if override is not None:
                facts = Facts(overrides=(override,))
            elif self._rules.best(package.of(version)) is None:
                facts = Facts(constraints=tuple(filter(None, [exclusion(package.name, version, package.versions)])))
            else:
                facts = Facts()
            self._note(package, _reading_key(one), facts)
            yield facts

    def _doubt(self, read: Read, package: Listing) -> Doubt | None:
        """None when uv went by the wheel that the target gets, or the target gets none."""
        files = package.of(read.version)
        own = self._rules.best(files)
        others = tuple(file for file in files if file.filename == read.filename)
        if own is None or not others or own.filename == read.filename:
            return None
        return Doubt(own, others)

    def _packages(self, chosen: Mapping[str, Version]) -> dict[str, Listing]:
        packages = self._catalog.require(chosen)
        for name, version in chosen.items():
            if version not in packages[name].versions:
                packages[name] = self._catalog.renewed(name)
        return packages

    def _facts(self, package: Listing, version: Version) -> Facts:
        """What the index alone tells."""
        file = self._rules.best(package.of(version))
        if file is None:
            constraints = (f"{package.name}!={version}", *self._exclusions(package, version))
            return Facts(constraints=tuple(dict.fromkeys(constraints)))
        pre = self._asked.pre
        return Facts(
            file,
            prereleases=not pre and is_doubtful(package, version, self._rules),
            beyond=beyond(package, version, self._asked.specifier(package.name), self._rules.target, pre=pre),
        )

    def _exclusions(self, package: Listing, chosen: Version | None = None) -> Iterator[str]:
        for version in self._rules.misleading(package, self._asked.specifier(package.name), chosen):
            constraint = exclusion(package.name, version, package.versions)
            if constraint is not None:
                yield constraint

    def _heard(self, found: Mapping[str, Facts], packages: Mapping[str, Listing]) -> dict[str, Facts]:
        """`found`, after asking the wheels themselves for their Python where the index has no word on it."""
        silent = [f.file for name, f in found.items() if f.file is not None and _is_silent(f.file, packages[name])]
        heard = dict(found)
        for file, metadata in self._catalog.metadata(silent).items():
            if not python_allows(metadata.requires_python, self._rules.target):
                heard[file.name] = Facts(constraints=(f"{file.name}!={file.parsed_version}",))
        return heard

    def _key(self, name: str, version: Version | None = None) -> str:
        return f"{name} {version or '*'} {self._asked.specifier(name)}"

    def _note(self, package: Listing, key: str, facts: Facts) -> None:
        if not package.stale:
            self._notebook.put(key, package.name, fact=facts)


def _reading_key(read: Read) -> str:
    return f"{read.name} {read.version} {read.filename}"


def _is_silent(file: DistFile, package: Listing) -> bool:
    """Whether the index says nothing of the Pythons that the file is for, nor of any other file."""
    return not file.requires_python and not passes_on_python(package)
