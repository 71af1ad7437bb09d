"""Step over flow, as Metaflow 2.19.39 merges its environment decorators (plugins/pypi/*_decorator.py).

The quirks are Metaflow's: `libraries` gives way to `packages` on the same decorator; `@pypi_base` puts `@pypi` on
every step and `@conda_base` `@conda`; a python of `@pypi` goes before one of `@conda`; and either decorator's
`disabled` turns the whole environment off (conda_environment.get_environment).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from mfenvd.domain.finding import Finding, Location, Severity
from mfenvd.domain.loaded import DeclaredDecorator
from mfenvd.domain.target import offered_version
from mfenvd.flows.static import configs, findings, iteration
from mfenvd.flows.static.decorators import BoundDecorator
from mfenvd.flows.static.values import Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

OF_CORE = {
    "pypi": {"packages", "python", "disabled"},
    "conda": {"packages", "libraries", "python", "disabled"},
}
"""The arguments that decorators have in Metaflow 2.19.39."""

_NAMED = {"name", "pathspec", "fetch_at_exec", "disabled"}
OF_EXTENSION = {
    "pypi": {"packages", "python", "extra_indices", "extras", "sources", "conda_only", *_NAMED},
    "conda": {"libraries", "python", "channels", "pip_packages", "pip_sources", *_NAMED},
    "named_env": _NAMED,
    "sys_packages": {"packages", "disabled"},
}
OF_EXTENSION["pip"] = OF_EXTENSION["pypi"]
"""And in metaflow-netflixext 1.3.17 (conda_common_decorator.py), which puts decorators of its own in their place."""


_PLAIN = (str, int, float, bytes, list, tuple, dict, set, frozenset, type(None))


class Declared:
    """One decorator's arguments, checked.

    `values` has those that are known and have the right type; the others are in `findings`.
    """

    def __init__(self, machine: Machine, decorator: BoundDecorator, values: dict[str, Any], step: str) -> None:
        self._machine = machine
        self.decorator = decorator
        self.kind = decorator.name.removesuffix("_base")
        self.label = f"@{decorator.name}"
        self.step = step
        self.findings: list[Finding] = []
        self.origins: dict[str, Location] = {}
        self._values = values
        if isinstance(spread := values.get("**"), Unknown):
            self.findings.append(findings.unknown_value(f"The arguments of {self.label}", spread))
        for name in values:
            if name != "**":
                self._check_name(name)

    def _check_name(self, name: str) -> None:
        """Refuses an argument that this Metaflow's decorator does not have; which Metaflow it is may not be known."""
        core = self._machine.facts.core
        in_core, in_extension = name in OF_CORE.get(self.kind, ()), name in OF_EXTENSION[self.kind]
        if not in_core and not in_extension:
            self._refuse(f"{self.label} has no argument `{name}`.", f"Remove `{name}`.")
        elif core is False and not in_extension:
            self._refuse(
                f"{self.label} of metaflow-netflixext has no argument `{name}`.",
                "Write `libraries`, which every Metaflow has.",
            )
        elif core and self.kind in OF_CORE and not in_core:
            message = f"{self.label} has no argument `{name}` without metaflow-netflixext."
            self._refuse(message, f"Remove `{name}`, or install metaflow-netflixext.")

    def packages(self, *names: str) -> dict[str, str]:
        """`{name: version}` of the attributes `names`, later ones over earlier ones."""
        merged: dict[str, str] = {}
        for name in names:
            merged.update(self._mapping(name))
        return merged

    def _mapping(self, attribute: str) -> dict[str, str]:
        value = self._readable(attribute, {})
        if value is None:
            return {}
        if not isinstance(value, dict):
            fix = f'Write {attribute}={{"name": "version"}}.'
            self._refuse(f"{attribute} of {self.label} is a {type(value).__name__}, not a dict.", fix)
            return {}
        found: dict[str, str] = {}
        for name, version in value.items():
            if isinstance(name, Unknown) or isinstance(version, Unknown):
                unknown = name if isinstance(name, Unknown) else version
                what = (
                    f"The version of {name} in {self.label}" if isinstance(name, str) else f"A package of {self.label}"
                )
                self.findings.append(findings.unknown_value(what, unknown))
            elif not isinstance(version, _PLAIN) or not isinstance(name, _PLAIN):
                at = self.decorator.at
                unknown = Unknown(at, f"has a {'version' if isinstance(name, _PLAIN) else 'name'} that is an object")
                self.findings.append(findings.unknown_value(f"A package of {self.label}", unknown))
            elif self._valid(name, version, attribute):
                found[str(name)] = str(version)
                self.origins[_canonical(str(name))] = self._place(name, version)
        return found

    def _valid(self, name: Any, version: Any, attribute: str) -> bool:
        """Whether Metaflow can read the entry; else there is a finding."""
        if not isinstance(name, str):
            self._refuse(f"{attribute} of {self.label} has the key {name!r}, which is no name.", "Use a string.")
            return False
        if name.startswith(configs.UNPACKED):
            fix = f"Write {attribute}=config.entry, without `**`."
            self._refuse(f"{attribute} of {self.label} spreads a config, which Metaflow cannot unpack here.", fix)
            return False
        package = _canonical(name)
        place = self._place(name, version)
        if not isinstance(version, str):
            number = isinstance(version, (int, float)) and not isinstance(version, bool)
            fix = f'Write "{name}": "{version if number else ""}".'
            message = f"The version of {name} in {self.label} is {version!r}, not a string."
            conda = self.kind == "conda" and number
            severity = Severity.WARNING if conda else Severity.ERROR
            self.findings.append(findings.bad_argument(place, message, fix, package, severity))
            return conda
        if self.kind != "conda" and version.startswith("=="):
            fix = f'Write "{name}": "{version.lstrip("= ")}".'
            message = (
                f"Metaflow reads the version {version!r} of {name} as `{name}=={version}`, which no version matches."
            )
            self.findings.append(findings.bad_argument(place, message, fix, package))
            return False
        if self.kind == "sys_packages" and offered_version(version) is None:
            message = f"The version of {name} in {self.label} is {version!r}, which is none: it says nothing here."
            fix = f'Write it as in `{{"{name}": "12.2"}}`.'
            self.findings.append(findings.bad_argument(place, message, fix, package, Severity.WARNING))
            return False
        return True

    def _place(self, name: Any, version: Any) -> Location:
        """Where a requirement is given."""
        return iteration.origin(version, name) or self.decorator.at.location

    def python(self) -> str | None:
        """The `python` attribute."""
        value = self._readable("python", None)
        if value is None or isinstance(value, str):
            return str(value) if value else None
        exact = self.decorator.name == "conda_base" and not isinstance(value, bool) and str(value) != "3.1"
        if isinstance(value, (int, float)) and exact:
            return str(value)  # @conda_base alone makes a string of it
        self._refuse(f"python of {self.label} is {value!r}, not a string.", 'Write it as a string: python="3.10".')
        return None

    def disabled(self) -> Any:
        """The `disabled` attribute, None when it is not given."""
        return self._readable("disabled", None)

    def text(self, attribute: str) -> str | None:
        """A text attribute, None when it is not given."""
        value = self._readable(attribute, None)
        return str(value) if isinstance(value, str) else None

    def environment(self) -> tuple[str, Location] | None:
        """The alias of the environment that is named, that of a step as `step:Flow/Run/step`, and where; None: none."""
        name, pathspec = self.text("name"), self.text("pathspec")
        if name and pathspec:
            self._refuse(f"{self.label} has both `name` and `pathspec`, which Metaflow refuses.", "Remove one of them.")
        alias = name or (f"step:{pathspec}" if pathspec else None)
        return (alias, self.decorator.at.location) if alias else None

    def texts(self, attribute: str) -> tuple[str, ...]:
        """A list of texts, empty when it is not given."""
        value = self._readable(attribute, ())
        if not isinstance(value, (list, tuple)):
            return (str(value),) if isinstance(value, str) else ()
        found: list[str] = []
        for item in value:
            if isinstance(item, Unknown):
                self.findings.append(findings.unknown_value(f"{attribute} of {self.label}", item))
            elif isinstance(item, (list, tuple)) and len(item) == 2:  # netflixext's ("kind", "url")
                found.append(str(item[1]))
            else:
                found.append(str(item))
        return tuple(found)

    def verbatim(self) -> DeclaredDecorator | None:
        """The decorator as it is written; None where a part of it is not known, or is no value that JSON has."""
        unknown = self._machine.plain(self._values, self.decorator.at)
        if unknown is not None:
            return None
        try:
            return DeclaredDecorator(self.decorator.name, json.loads(json.dumps(self._values)))
        except (TypeError, ValueError):
            return None

    def _readable(self, attribute: str, default: Any) -> Any:
        """The value of an attribute; `default`, with a finding, when it is not known."""
        value = self._machine.readable(self._values.get(attribute, default))
        if not isinstance(value, (*_PLAIN, Unknown)):
            value = Unknown(self.decorator.at, f"has an object for {attribute}")
        if isinstance(value, Unknown):
            what = f"The {attribute} of {self.label}" if attribute == "packages" else f"{attribute} of {self.label}"
            self.findings.append(findings.unknown_value(what, value))
            return default
        return value

    def _refuse(self, message: str, fix: str) -> None:
        self.findings.append(findings.bad_argument(self.decorator.at.location, message, fix))


class Merged:
    """What the environment decorators of a step come to."""

    def __init__(self, declared: Iterable[Declared], step: str) -> None:
        every = list(declared)
        conda = _Pair(every, "conda")
        pypi = _Pair(every, "pypi", "pip")
        named = _Pair(every, "named_env")
        system = _Pair(every, "sys_packages")
        self.conda = conda.packages("libraries", "packages")
        self.pypi = {**conda.packages("pip_packages"), **pypi.packages("packages")}
        self.python = pypi.first(Declared.python) or conda.first(Declared.python)
        self.disabled = any(pair.disabled() for pair in (conda, pypi, named, system))
        self.system = system.packages("packages")
        self.channels = conda.texts("channels")
        self.indexes = (*pypi.texts("extra_indices"), *pypi.texts("sources"), *conda.texts("pip_sources"))
        pairs = (named, pypi, conda)
        named_at = next((found for pair in pairs if (found := pair.first(Declared.environment))), (None, None))
        self.named_env: str | None = named_at[0]
        self.named_at: Location | None = named_at[1]
        self.fetch_at_exec = any(pair.first(lambda one: one._readable("fetch_at_exec", None)) for pair in pairs)  # noqa: SLF001 - same module
        self.kind = self._kind(conda, pypi)
        self.origins = {name: place for one in every for name, place in one.origins.items()}
        for pair in (conda, pypi):
            self.origins.update(pair.step_origins())
        self.problems = [finding for one in every for finding in one.findings]
        if self.kind == "mixed" and not self.disabled:
            place = pypi.location or conda.location
            self.problems.append(findings.mixed_in_core(step, place))

    def _kind(self, conda: _Pair, pypi: _Pair) -> str | None:
        if not pypi.present and not conda.present:
            return None
        if self.conda and (pypi.present or self.pypi):
            return "mixed"
        return "pypi" if pypi.present or self.pypi else "conda"


class _Pair:
    """A decorator on the step and its counterpart on the flow."""

    def __init__(self, every: list[Declared], *kinds: str) -> None:
        mine = [one for one in every if one.kind in kinds]
        self._flow = [one for one in mine if one.decorator.name.endswith("_base")][:1]
        self._step = [one for one in mine if not one.decorator.name.endswith("_base")][:1]
        self._origins: dict[str, Location] = {}

    @property
    def present(self) -> bool:
        return bool(self._flow or self._step)

    @property
    def location(self) -> Location | None:
        return next((one.decorator.at.location for one in (*self._step, *self._flow)), None)

    def packages(self, *names: str) -> dict[str, str]:
        merged: dict[str, str] = {}
        for one in (*self._flow, *self._step):
            merged.update(one.packages(*names))
        return merged

    def step_origins(self) -> dict[str, Location]:
        return {name: place for one in (*self._flow, *self._step) for name, place in one.origins.items()}

    def first(self, attribute: Callable[[Declared], Any]) -> Any:
        """The step's value, else the flow's. Both are read, so that both are checked."""
        values = [attribute(one) for one in (*self._step, *self._flow)]
        return next((value for value in values if value), None)

    def disabled(self) -> bool:
        values = [one.disabled() for one in (*self._step, *self._flow)]
        value = next((value for value in values if value is not None), None)
        return bool(value) and str(value).lower() != "false"

    def texts(self, attribute: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text for one in (*self._step, *self._flow) for text in one.texts(attribute)))


def _canonical(name: str) -> str:
    """The name a finding about the package will have: no channel, no extras, PEP 503."""
    bare = name.partition("::")[2] or name
    return canonicalize_name(bare.partition("[")[0].partition("@")[0].strip())
