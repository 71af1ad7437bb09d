"""What flows' manifests say of the environments of this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import Kind
from mfenvd.domain.target import Target
from mfenvd.warm.core.entries import Entry, resolution_of
from mfenvd.warm.core.manifest import ManifestError, find, read
from mfenvd.warm.lines import NotAnEntryError
from mfenvd.warm.plan import LocalEnvironment

_log = logging.getLogger(__name__)

_LOCAL_ROOT = ".metaflow"
_SYSROOT = "METAFLOW_DATASTORE_SYSROOT_LOCAL"


def local_roots(paths: Iterable[Path], environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The `.metaflow` folders that Metaflow would use for flows that are started in `paths`, or that are there."""
    sysroot = environ.get(_SYSROOT)
    found = [Path(sysroot) / _LOCAL_ROOT] if sysroot else []
    for path in paths:
        found += [folder / _LOCAL_ROOT for folder in (path, *path.parents)]
    return tuple(dict.fromkeys(root for root in found if root.is_dir()))


def known_environments(roots: Iterable[Path], platform: str) -> dict[tuple[str, str], LocalEnvironment]:
    """The environments for `platform` by id and platform, as far as the manifests below `roots` say what they hold.

    A manifest that cannot be read is passed over.
    """
    found = {}
    for path in chain.from_iterable(sorted(root.glob("*/conda.manifest")) for root in roots):
        try:
            manifest = read(path)
        except ManifestError as error:
            _log.warning("%s", error)
            continue
        for id_ in manifest:
            environment = _environment(manifest, id_, platform)
            if environment is not None:
                found[id_, platform] = environment
    return found


def _environment(manifest: Mapping[str, Any], id_: str, platform: str) -> LocalEnvironment | None:
    conda = find(manifest, id_, platform, "conda")
    if conda is None:
        return None
    wheels = next(_wheels(manifest, id_, platform), None)
    try:
        target = Target(Arch(platform), _python(conda))
        return LocalEnvironment(
            id_,
            platform,
            resolution_of(conda, Kind.CONDA, target, id_),
            None if wheels is None else resolution_of(wheels[1], Kind.PYPI, target, id_),
            installs_wheels=wheels is None or wheels[0] == platform,
        )
    except (NotAnEntryError, ValueError) as error:
        _log.warning("environment %s in a manifest: %s", id_, error)
        return None


def _wheels(manifest: Mapping[str, Any], id_: str, platform: str) -> Iterator[tuple[str, Entry]]:
    """The wheels with their platform, those for `platform` first."""
    for each in (platform, *(other for other in manifest[id_] if other != platform)):
        lines = find(manifest, id_, each, "pypi")
        if lines is not None:
            yield each, lines


def _python(conda: Entry) -> str:
    """The version of the entry's python package."""
    for line in conda:
        name, _, version_and_build = str(line.get("url", "")).rpartition("/")[2].partition("-")
        if name == "python":
            return version_and_build.partition("-")[0]
    return "3"
