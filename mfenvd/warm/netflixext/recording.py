"""What was resolved, as the extension's manifest is to have it: `manifest.write(path, records(…))`."""

from __future__ import annotations

import datetime as dt
import getpass
import itertools
import operator
from collections.abc import Mapping, Sequence

import msgspec

from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.sharing import Worded
from mfenvd.warm.netflixext.entries import Origin, entry, full_id
from mfenvd.warm.netflixext.manifest import Entry, EnvId, Wanted

_USER_VARIABLES = ("METAFLOW_USER", "SUDO_USER", "USERNAME", "USER")


class Resolved(msgspec.Struct, frozen=True):
    """What a request became on one arch.

    Attributes:
        arch: A conda subdir.
        req: The request id on this arch, as the extension computes it.
        asked: The request in the extension's words.
        packages: All that is installed: of a `pypi` environment also the conda packages that the wheels go into.
    """

    arch: str
    req: str
    asked: Worded
    packages: tuple[LockedPackage, ...]


def records(
    resolved: Sequence[Resolved],
    kind: Kind,
    *,
    by: str,
    is_default: bool = True,
    aliases: tuple[str, ...] = (),
) -> tuple[Wanted, ...]:
    """Manifest entries for environments that were resolved together, one for each arch.

    Those with the same request id share one full id, as the extension has it.

    Args:
        resolved: By arch, each arch once.
        kind: Of the request.
        by: Who resolved it: `username`.
        is_default: Whether steps that ask for the same get these environments.
        aliases: Names as the manifest has them: `team/project/env/v1`.

    Raises:
        NotAnEntryError: A package has no hash of the kind that the extension checks, or is built here.
    """
    found: list[Wanted] = []
    now = dt.datetime.now().isoformat()  # noqa: DTZ005 - the extension writes and compares local time
    by_req = operator.attrgetter("req")
    for req, group in itertools.groupby(sorted(resolved, key=by_req), key=by_req):
        together = list(group)
        origin = Origin(now, by, tuple(one.arch for one in together))
        entries = {one.arch: entry(one.asked, one.packages, kind, origin) for one in together}
        full = full_id(entries)
        found += [Wanted(EnvId(arch, req, full), made, is_default, aliases) for arch, made in entries.items()]
    return tuple(found)


def extended(wanted: Wanted, base: Entry | None) -> Wanted:
    """An environment that extends another: packages of that one stay as its entry `base` has them (`_resolve`).

    `base` is None where nobody knows it.
    """
    if base is None:
        return wanted
    lines = {line["filename"]: line for line in base["packages"]}
    packages = [lines.get(line["filename"], line) for line in wanted.entry["packages"]]
    made = {**wanted.entry, "packages": packages, "accurate_source": bool(base.get("accurate_source", True))}
    id_ = EnvId(wanted.id.arch, wanted.id.req, full_id({wanted.id.arch: made}))
    return msgspec.structs.replace(wanted, id=id_, entry=made)


def username(environ: Mapping[str, str]) -> str:
    """Who Metaflow says resolves (`get_username`); the account's name where it would say nothing."""
    named = (environ.get(variable) for variable in _USER_VARIABLES)
    return next((name for name in named if name and name != "root"), None) or getpass.getuser()
