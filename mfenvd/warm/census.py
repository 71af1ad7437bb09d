"""Which of Metaflow's environments there are on this machine, and whether they are sound."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from mfenvd.warm.building import python_problem
from mfenvd.warm.checks import linked_packages, read_pip_metadata
from mfenvd.warm.marker import Marker, read_marker
from mfenvd.warm.registry import Registry

_PREFIX = re.compile(r".*/metaflow/(?P<platform>[a-z]+-[a-z0-9]+)/(?P<id>[0-9a-f]{15})")


class Found(msgspec.Struct, frozen=True):
    """A registered environment of Metaflow's, whoever made it.

    Attributes:
        prefix: Absolute path.
        id: Metaflow's id.
        platform: As in its path.
        marker: mfenv's, None where the environment is Metaflow's alone.
    """

    prefix: str
    id: str
    platform: str
    marker: Marker | None = None


def census(registry: Registry) -> Iterator[Found]:
    """All registered environments that are called as Metaflow calls them, sorted by prefix."""
    for prefix in registry.prefixes():
        match = _PREFIX.fullmatch(str(prefix))
        if match is not None:
            yield Found(str(prefix), match["id"], match["platform"], read_marker(prefix))


def problems(prefix: Path, conda: Collection[str] | None = None) -> Iterator[str]:
    """Why Metaflow would stumble over an environment that it takes for finished, one phrase each.

    What Metaflow itself completes (wheels that were not downloaded or installed yet) is no problem.

    Args:
        prefix: Of a registered environment.
        conda: The packages that it should hold as `name-version-build`, None where nobody knows.
    """
    linked = linked_packages(prefix)
    absent = sorted(set(conda or ()) - linked)
    if not linked:
        yield "no package is linked"
        return
    if absent:
        yield f"{len(absent)} of its {len(set(conda or ()))} conda packages are not linked"
    reason = python_problem(prefix)
    if reason is not None:
        yield f"its Python does not run: {reason}"
    if (prefix / ".pip" / "metadata").exists() and read_pip_metadata(prefix) is None:
        yield "its list of wheels is cut off"
    torn = sorted(path.name for path in prefix.glob("lib/python3*/site-packages/*.dist-info") if _is_torn(path))
    if torn:
        yield f"{torn[0].removesuffix('.dist-info')} is half installed"


def _is_torn(dist_info: Path) -> bool:
    """Whether pip was ended while it installed: RECORD comes last, and without it nothing can be replaced."""
    return not (dist_info / "RECORD").exists() and not (dist_info / "conda").exists() and _by_pip(dist_info)


def _by_pip(dist_info: Path) -> bool:
    """Conda packages often have no RECORD, and say so (`INSTALLER` is `conda`)."""
    try:
        return (dist_info / "INSTALLER").read_text("utf-8").strip() in {"pip", "uv"}
    except OSError:
        return False
