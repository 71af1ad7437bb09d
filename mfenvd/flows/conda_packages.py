"""What a step asks of conda, as Metaflow core words it for micromamba (2.19.39, `micromamba.py`, `solve`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec
from packaging.markers import InvalidMarker

from mfenvd.condarc.configuration import CondaConfiguration
from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Finding, Location
from mfenvd.domain.markers import holds
from mfenvd.domain.match_specs import match_spec
from mfenvd.domain.request import ChannelPriority, CondaPart, Kind
from mfenvd.domain.target import Target
from mfenvd.flows import findings
from mfenvd.flows.origins import origin_of
from mfenvd.flows.reading import StepReading
from mfenvd.flows.requirement_formats.conda_spec import Packages, spec_fault
from mfenvd.flows.requirement_formats.findings import bad_conda_package

_DOUBLED = re.compile(r"==(?=[<=>!~])")
_GLOB = re.compile(r"==(?P<version>[\w.+!]+\.\*)")
_SHORT_PYTHON = re.compile(r"3\.\d+")


class CondaRequest(msgspec.Struct, frozen=True):
    """The conda part of a step's request, and what is wrong with it."""

    part: CondaPart
    findings: tuple[Finding, ...] = ()


def conda_request(  # noqa: PLR0913 - all that decides
    step: StepReading,
    kind: Kind,
    pins: Mapping[str, str],
    conda: CondaConfiguration,
    python: str = "",
    *,
    markers: bool = False,
) -> CondaRequest:
    """The packages of `step` with Metaflow's `pins`, its Python if it declares one, and pip.

    Metaflow lets micromamba add pip to every environment with Python.

    Args:
        step: What asks.
        kind: Of the environment.
        pins: What Metaflow adds.
        conda: The configuration.
        python: Version that markers are about.
        markers: Whether a version may end with one (`1.0; sys_platform == "linux"`), as for metaflow-netflixext.
    """
    said: list[Finding] = []
    packages = [("pip", "")]
    by_arch: dict[Arch, list[tuple[str, str]]] = {}
    for name, written in {**pins, **step.conda}.items():
        version, _, marker = written.partition(";") if markers else (written, "", "")
        spec = metaflow_spec(version)
        location = origin_of(name, step.origins) or step.location
        faults = _faults(name, version or marker, spec, kind, location)
        if not marker:
            packages.append((name, spec))
        else:
            try:
                for arch in Arch:
                    if holds(marker, Target(arch, python)):
                        by_arch.setdefault(arch, []).append((name, spec))
            except InvalidMarker:
                faults.append(bad_conda_package(f"{name} {written}", "its marker cannot be read", location))
        said += faults
    if step.python:
        packages += _python(step.python, kind)
        if kind is Kind.CONDA and _SHORT_PYTHON.fullmatch(step.python):
            said.append(findings.exact_python(step.python, step.location))
    by_its_arch = {arch: tuple(found) for arch, found in by_arch.items()}
    return CondaRequest(
        conda_part(packages, step.channels, conda, by_its_arch, flexible=bool(step.channels)),
        tuple(said),
    )


def conda_part(
    packages: Iterable[tuple[str, str]],
    channels: Iterable[str],
    conda: CondaConfiguration,
    arch_packages: Mapping[Arch, Packages] | None = None,
    *,
    flexible: bool = False,
) -> CondaPart:
    """The packages, sorted, with the channels that are looked at for them.

    Those that are named come first, then the configured ones, then those of `channel::package`, as micromamba has it.

    Args:
        packages: `(name, spec)`.
        channels: As the source names them.
        conda: The configuration.
        arch_packages: Further packages by arch.
        flexible: Whether versions of lower channels count wherever a higher one has none that fits
            (metaflow-netflixext sets that for a step that names channels).
    """
    every = sorted(set(packages))
    by_arch = {arch: tuple(sorted(set(found))) for arch, found in sorted((arch_packages or {}).items())}
    names = [name for found in (every, *by_arch.values()) for name, _ in found]
    of_packages = [name.rpartition("::")[0] for name in names if "::" in name]
    return CondaPart(
        packages=tuple(every),
        channels=conda.requested((*conda.channels_for(tuple(channels)), *of_packages)),
        channel_priority=ChannelPriority.FLEXIBLE if flexible else conda.channel_priority,
        arch_packages=by_arch,
    )


def metaflow_spec(version: str) -> str:
    """What Metaflow writes behind a package's name: `==1.5.0` for `1.5.0`, `>=3.8,<3.9` as it is."""
    spec = _DOUBLED.sub("", f"=={version.strip()}")
    if spec in {"==", "==*", "=*"}:
        return ""
    glob = _GLOB.fullmatch(spec)
    return glob["version"] if glob else spec


def _python(version: str, kind: Kind) -> list[tuple[str, str]]:
    """Metaflow core asks for exactly the version that is written, also where it is `3.11` and means 3.11.0.

    metaflow-netflixext, which alone runs mixed environments, takes `3.11` for any 3.11.
    """
    bare = version.strip().rstrip("t")
    spec = f"={bare}" if kind is Kind.MIXED and _SHORT_PYTHON.fullmatch(bare) else metaflow_spec(bare)
    free_threaded = [("python-freethreading", "")] if version.strip().endswith("t") else []
    return [("python", spec), *free_threaded]


def _faults(name: str, version: str, spec: str, kind: Kind, location: Location) -> list[Finding]:
    fault = spec_fault(name, spec)
    if fault is not None:
        return [bad_conda_package(match_spec(name, spec), fault, location)]
    if not version.strip() and kind is Kind.CONDA:
        return [findings.empty_version(name, location)]
    return []
