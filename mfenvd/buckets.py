"""Which bucket a project's packages are mirrored to, and how it is opened with that project's credentials."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from mfenvd.domain.mirror import Bucket
from mfenvd.domain.resolver import Context
from mfenvd.domain.settings import MirrorSettings, Settings
from mfenvd.domain.surroundings import Surroundings
from mfenvd.flows.metaflow_config import MetaflowConfig, read_metaflow_config
from mfenvd.flows.project_context import launch_folder
from mfenvd.flows.settings import load_settings
from mfenvd.paths import find_paths
from mfenvd.store.remotes import Remotes

if TYPE_CHECKING:
    from mfenvd.store.remotes import Open

_PREFIXES = ("AWS_", "AZURE_", "GOOGLE_")
_NAMES = (
    "HOME", "USERPROFILE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "CLOUDSDK_CONFIG", "STORAGE_EMULATOR_HOST", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "IDENTITY_ENDPOINT", "IDENTITY_HEADER",
)  # fmt: skip


class _Datastore(NamedTuple):
    """One of Metaflow's datastores.

    Attributes:
        scheme: How the addresses of its buckets begin here.
        sysroot: What Metaflow's configuration calls its root.
        packages: What it calls the root of packages.
        extension: What metaflow-netflixext calls the root of all that it keeps.
        endpoint: What the server is called, where it can be named.
    """

    scheme: str
    sysroot: str
    packages: str
    extension: str
    endpoint: str | None


_DATASTORES = {
    "s3": _Datastore("s3://", "DATASTORE_SYSROOT_S3", "CONDA_PACKAGE_S3ROOT", "CONDA_S3ROOT", "S3_ENDPOINT_URL"),
    "azure": _Datastore(
        "az://",
        "DATASTORE_SYSROOT_AZURE",
        "CONDA_PACKAGE_AZUREROOT",
        "CONDA_AZUREROOT",
        "AZURE_STORAGE_BLOB_SERVICE_ENDPOINT",
    ),
    "gs": _Datastore("gs://", "DATASTORE_SYSROOT_GS", "CONDA_PACKAGE_GSROOT", "CONDA_GSROOT", None),
}


def bucket_of(context: Context) -> Bucket | None:
    """Where the packages of a project go, as Metaflow's configuration says and mfenv's adds.

    Of a project that is not trusted, nothing counts that stands in its own files: they could name a stranger's bucket.

    Returns:
        None where the datastore is none that mfenv mirrors to.
    """
    settings, config = _settings(context), _config(context)
    datastore = _DATASTORES.get(settings.datastore or config.datastore)
    url = _root(config, datastore, datastore.packages, "conda") if datastore is not None else None
    if datastore is None or url is None:
        return None
    own = settings.mirror
    return Bucket(
        url=url,
        endpoint=own.endpoint or (config.get(datastore.endpoint) if datastore.endpoint else None),
        profile=own.profile,
        role=own.role,
        region=own.region,
        encryption=config.get("S3_SERVER_SIDE_ENCRYPTION"),
        bandwidth=own.bandwidth,
        read_only=own.read_only,
        pause_on_battery=own.pause_on_battery,
        pause_on_metered=own.pause_on_metered,
    )


def mirror_settings(context: Context) -> MirrorSettings:
    """What mfenv's configuration says of a project's bucket; the defaults where the project is not trusted."""
    return _settings(context).mirror


def _settings(context: Context) -> Settings:
    return load_settings(Path(context.root), find_paths())[0] if context.trusted else Settings()


def extension_bucket_of(context: Context) -> Bucket | None:
    """As `bucket_of`, for what metaflow-netflixext keeps: packages, environments and aliases below one root."""
    bucket = bucket_of(context)
    if bucket is None:
        return None
    datastore = next(one for one in _DATASTORES.values() if bucket.url.startswith(one.scheme))
    url = _root(_config(context), datastore, datastore.extension, "conda_env")
    return msgspec.structs.replace(bucket, url=url) if url is not None else None


def address_of(root: str) -> str:
    """A root of Metaflow's in a datastore, as buckets are addressed here: on Azure its own begin with the container."""
    return (root if "://" in root else f"az://{root}").rstrip("/")


def _root(config: MetaflowConfig, datastore: _Datastore, name: str, folder: str) -> str | None:
    """What the configuration calls `name`, by default a folder of the datastore; None where it is no bucket's."""
    sysroot = config.get(datastore.sysroot)
    root = config.get(name) or (f"{sysroot.rstrip('/')}/{folder}" if sysroot else None)
    url = address_of(root) if root else ""
    return url if url.startswith(datastore.scheme) else None


def _config(context: Context) -> MetaflowConfig:
    """Metaflow's configuration, as far as the project's own files may say it."""
    root = Path(context.root)
    config = read_metaflow_config(launch_folder(root, context.surroundings), context.surroundings.environ)
    return config if context.trusted else _without(config, root)


def _without(config: MetaflowConfig, root: Path) -> MetaflowConfig:
    """`config` without what stands in files below `root`."""
    values = {
        name: setting
        for name, setting in config.values.items()
        if setting.file is None or root not in Path(setting.file).parents
    }
    return msgspec.structs.replace(config, values=values)


@lru_cache
def remotes_of(bucket: Bucket) -> Remotes:
    """The one way to `bucket` of this process: what does not answer is left alone by all that is done here."""
    return Remotes(opener(bucket))


def opener(bucket: Bucket) -> Open:
    """What opens the store at `bucket`, with the credentials of this process's own variables."""
    from mfenvd.store.opening import Access, open_store
    from mfenvd.store.pace import Pace

    access = Access(bucket.endpoint, bucket.profile, bucket.role, bucket.region, bucket.encryption)
    pace = Pace(bucket.bandwidth)
    return lambda url: open_store(url, access, pace)


def take_credentials(surroundings: Surroundings) -> None:
    """Puts the variables of a project's shell that lead to a bucket in the place of this process's own.

    The vendors' clients read these and no others. For processes that work for one project at a time.
    """
    for name in list(os.environ):
        if name.startswith(_PREFIXES) and name not in surroundings.environ:
            del os.environ[name]
    for name, value in surroundings.environ.items():
        if name.startswith(_PREFIXES) or name in _NAMES:
            os.environ[name] = value
