"""Where Metaflow keeps packages and environments in a datastore, below the root that each dialect has for them.

Metaflow's own `@conda` and `@pypi` ("core") have one root for packages; the environment itself travels with the code.
metaflow-netflixext has one root for packages and environments.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage


def core_key(url: str, filename: str) -> str:
    """A package's key, which is also its `path` in a manifest (Metaflow's `conda_environment.py`, `_path`).

    Args:
        url: Where the package comes from, without credentials. Percent-encoding is kept.
        filename: Of the wheel that was built, where `url` is one of version control.
    """
    parts = urlsplit(url)
    if url.startswith("git+"):
        commit = url.rpartition("@")[2]
        return parts.netloc + str(PurePosixPath(unquote(parts.path)).parent / commit / filename)
    return parts.netloc + parts.path


def package_key(kind: Kind, url: str, filename: str, digest: str) -> str:
    """A package's key for netflixext (its `env_descr.py`, `make_cache_url`).

    Args:
        kind: `conda` or `pypi`.
        url: As netflixext has it for the package, also where its host is `_fake` because nothing can be downloaded.
        filename: Of the archive or wheel, extension included.
        digest: Hex digits of the file's hash: of a conda package its md5, of a wheel its sha256.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    return "/".join(["packages", str(kind), host, parts.path.strip("/"), filename, digest, filename])


def core_key_of(package: LockedPackage) -> str:
    """Where Metaflow's own `@conda` and `@pypi` look for a package."""
    return core_key(package.url, package.filename)


def extension_key_of(package: LockedPackage) -> str:
    """Where metaflow-netflixext looks for one."""
    digest = package.md5 if package.kind is Kind.CONDA else package.sha256
    return package_key(package.kind, package.url, package.filename, digest or "")


def environment_key(arch: str, request_id: str, full_id: str) -> str:
    """The key of a resolved environment: JSON as in netflixext's manifest."""
    return f"{environments_prefix(arch, request_id)}{full_id}/env"


def environments_prefix(arch: str, request_id: str) -> str:
    """What the keys of all environments that were resolved for a request begin with."""
    return f"envs/{arch}/{request_id}/"


def alias_key(alias: str) -> str:
    """The key of a name for an environment, `name/tag` as netflixext writes it: JSON, `[request id, full id]`."""
    return f"envs/aliases/generic/{alias}"


def full_id_key(full_id: str) -> str:
    """The key under which a full id leads to its request id: JSON, `[request id, full id]`."""
    return f"envs/aliases/full-id/{full_id}"
