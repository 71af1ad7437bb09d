"""Which GLIBC a Linux target has, and on what evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Finding, Location
from mfenvd.domain.request import Kind
from mfenvd.domain.settings import Settings, TargetSettings
from mfenvd.domain.target import DEFAULT_GLIBC, version_pair
from mfenvd.flows import findings
from mfenvd.flows.decospecs import IMAGE_DEFAULTS
from mfenvd.flows.host import Host
from mfenvd.flows.images import image_facts
from mfenvd.flows.metaflow_config import MetaflowConfig
from mfenvd.flows.reading import RemoteDecorator

_GLIBC = re.compile(r"2\.\d+")


class ProjectTargets(msgspec.Struct, frozen=True):
    """What decides about targets besides the step itself.

    Attributes:
        settings: mfenv's configuration.
        metaflow: Metaflow's.
        host: This machine.
        python: The interpreter that launches the flows, as `3.11.7`: Metaflow's default image follows it.
        conda_glibc: `CONDA_OVERRIDE_GLIBC`, with which Metaflow has conda packages resolved; None when it is not set.
        conda_cuda: `CONDA_OVERRIDE_CUDA`; empty means no CUDA.
    """

    settings: Settings
    metaflow: MetaflowConfig
    host: Host
    python: str
    conda_glibc: str | None = None
    conda_cuda: str | None = None

    def target_settings(self, arch: Arch) -> TargetSettings:
        return self.settings.targets.get(arch, TargetSettings())


class Want(msgspec.Struct, frozen=True):
    """One reason for a target.

    Attributes:
        arch: Where.
        reason: As a phrase.
        remote: The decorator that runs it elsewhere; None for this machine, and for an arch that is asked for.
        local: Whether it is this machine.
        location: What to blame when something about it is not known.
    """

    arch: Arch
    reason: str
    remote: RemoteDecorator | None = None
    local: bool = False
    location: Location | None = None


class Floor(msgspec.Struct, frozen=True):
    """A GLIBC version, where it comes from as a phrase, and what is to be said about it."""

    glibc: str
    source: str
    finding: Finding | None = None


def glibc_floor(
    wants: Sequence[Want], project: ProjectTargets, kind: str | None = None, *, only_remote: bool
) -> tuple[str, tuple[Finding, ...]]:
    """The GLIBC of the one target that all of `wants` (of the same Linux arch, at least one) are about.

    In this order: what is configured for the arch; for conda packages `CONDA_OVERRIDE_GLIBC`; the images that it runs
    in; this machine's for the local arch; else 2.26 with a notice. Where several apply, the lowest counts.

    Args:
        wants: The reasons for the target.
        project: What else decides.
        kind: Of the environment.
        only_remote: The step never runs on this machine, so its GLIBC does not count where there is a remote one.
    """
    arch = wants[0].arch
    configured = _configured(arch, project)
    if configured is not None:
        return configured.glibc, (configured.finding,) if configured.finding else ()
    if kind in {Kind.CONDA, Kind.MIXED} and _GLIBC.fullmatch(project.conda_glibc or ""):
        return str(project.conda_glibc), ()
    remote = [_remote_floor(want, want.remote, project) for want in wants if want.remote is not None]
    local = [_local_floor(want, project) for want in wants if want.local and not (only_remote and remote)]
    floors = remote + local or [_assumed(arch, wants[0].location)]
    lowest = min(floors, key=lambda floor: version_pair(floor.glibc))
    said = [floor.finding for floor in floors if floor.finding is not None]
    if len({floor.glibc for floor in floors}) > 1:
        places = dict.fromkeys(f"{floor.glibc} {floor.source}" for floor in floors)
        said.append(findings.lowest_glibc(arch, lowest.glibc, places, wants[0].location))
    return lowest.glibc, tuple(finding for index, finding in enumerate(said) if finding not in said[:index])


def _configured(arch: Arch, project: ProjectTargets) -> Floor | None:
    settings = project.target_settings(arch)
    if settings.glibc:
        return Floor(settings.glibc, "configured")
    if settings.image:
        origin = project.settings.origins.get(f"targets.{arch}.image")
        return _image_floor(settings.image, arch, origin, "configured image")
    return None


def _remote_floor(want: Want, remote: RemoteDecorator, project: ProjectTargets) -> Floor:
    """Of the decorator's image, else of the configured one, else of Metaflow's own default, `python:X.Y`."""
    if remote.image:
        return _image_floor(remote.image, want.arch, want.location, "image")
    if not remote.image_known:
        unknown = findings.image_of_run_time(remote.name, want.arch, want.location)
        return Floor(DEFAULT_GLIBC, f"assumed for the image of @{remote.name}", unknown)
    if remote.name not in IMAGE_DEFAULTS:
        return _assumed(want.arch, want.location)
    image = project.metaflow.default_image(remote.name)
    if image:
        return _image_floor(image, want.arch, want.location, "Metaflow's configured image")
    minor = ".".join(project.python.rstrip("t").split(".")[:2])
    image = project.metaflow.with_registry(remote.name, f"python:{minor}")
    return _image_floor(image, want.arch, want.location, "Metaflow's default image")


def _local_floor(want: Want, project: ProjectTargets) -> Floor:
    glibc = project.host.glibc
    return Floor(glibc, "of this machine") if glibc else _assumed(want.arch, want.location)


def _image_floor(image: str, arch: Arch, location: Location | None, source: str) -> Floor:
    facts = image_facts(image)
    if facts is None:
        unknown = findings.unknown_image(image, arch, location)
        return Floor(DEFAULT_GLIBC, f"assumed for {image}", unknown)
    if facts.glibc is None:
        without = findings.image_without_glibc(image, facts.system, arch, location)
        return Floor(DEFAULT_GLIBC, f"assumed for {image}", without)
    inferred = ", inferred" if facts.inferred else ""
    return Floor(facts.glibc, f"of {source} {image} ({facts.system}{inferred})")


def _assumed(arch: Arch, location: Location | None) -> Floor:
    return Floor(DEFAULT_GLIBC, "assumed", findings.glibc_assumed(arch, location))
