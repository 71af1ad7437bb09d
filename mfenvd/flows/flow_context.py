"""What the environments of all flows of a project depend on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Location
from mfenvd.domain.plan import Environment
from mfenvd.flows.floors import ProjectTargets
from mfenvd.flows.requests import RequestFacts


class Shared(msgspec.Struct, frozen=True):
    """An environment that the configuration names.

    Attributes:
        environment: As it is read.
        archs: What it is for alone; empty means wherever a step runs.
        origin: Where it stands.
    """

    environment: Environment
    archs: tuple[Arch, ...] = ()
    origin: Location | None = None


class FlowContext(msgspec.Struct, frozen=True):
    """What the environments of all flows of a project depend on.

    Attributes:
        requests: For the requests.
        targets: For the targets.
        named: The environments that the configuration names, by name and by alias.
        manifest: metaflow-netflixext's, which has environments by alias; None with Metaflow core.
    """

    requests: RequestFacts
    targets: ProjectTargets
    named: Mapping[str, Shared]
    manifest: Path | None = None
