"""Which bucket a project's packages are mirrored to, and how it is opened with that project's credentials."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

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
    "CLOUDSDK_CONFIG", "STORAGE_EMULATOR_HOST",
)  # fmt: skip

# By datastore: what Metaflow calls its root, the root of its packages and, where it has one, its endpoint; and how the
# addresses of its buckets begin here. Metaflow's own roots on Azure begin with the container.
_DATASTORES = {
    "s3": ("DATASTORE_SYSROOT_S3", "CONDA_PACKAGE_S3ROOT", "S3_ENDPOINT_URL", "s3://"),
    "azure": ("DATASTORE_SYSROOT_AZURE", "CONDA_PACKAGE_AZUREROOT", "AZURE_STORAGE_BLOB_SERVICE_ENDPOINT", "az://"),
    "gs": ("DATASTORE_SYSROOT_GS", "CONDA_PACKAGE_GSROOT", None, "gs://"),
}


def bucket_of(context: Context) -> Bucket | None:
    """Where the packages of a project go, as Metaflow's configuration says and mfenv's adds.

    Of a project that is not trusted, nothing counts that stands in its own files: they could name a stranger's bucket.

    Returns:
        None where the datastore is none that mfenv mirrors to.
    """
    surroundings, root = context.surroundings, Path(context.root)
    settings = _settings(context)
    config = read_metaflow_config(launch_folder(root, surroundings), surroundings.environ)
    if not context.trusted:
        config = _without(config, root)
    datastore = settings.datastore or config.datastore
    if datastore not in _DATASTORES:
        return None
    sysroot_name, packages_name, endpoint_name, scheme = _DATASTORES[datastore]
    sysroot = config.get(sysroot_name)
    packages = config.get(packages_name) or (f"{sysroot.rstrip('/')}/conda" if sysroot else None)
    url = address_of(packages) if packages else ""
    if not url.startswith(scheme):
        return None
    own = settings.mirror
    return Bucket(
        url=url,
        endpoint=own.endpoint or (config.get(endpoint_name) if endpoint_name else None),
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


def address_of(root: str) -> str:
    """Metaflow's root of packages in a datastore, as buckets are addressed here."""
    return (root if "://" in root else f"az://{root}").rstrip("/")


def extension_bucket_of(context: Context) -> Bucket | None:
    """As `bucket_of`, for what metaflow-netflixext keeps: packages, environments and aliases below one root."""
    bucket = bucket_of(context)
    if bucket is None or not bucket.url.startswith("s3://"):
        return None
    root = Path(context.root)
    config = read_metaflow_config(launch_folder(root, context.surroundings), context.surroundings.environ)
    if not context.trusted:
        config = _without(config, root)
    sysroot = config.get("DATASTORE_SYSROOT_S3")
    url = config.get("CONDA_S3ROOT") or (f"{sysroot.rstrip('/')}/conda_env" if sysroot else None)
    return msgspec.structs.replace(bucket, url=url.rstrip("/")) if url and url.startswith("s3://") else None


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
