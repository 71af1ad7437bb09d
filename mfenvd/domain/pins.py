"""The packages that Metaflow adds to every environment."""

from __future__ import annotations

# Metaflow 2.19.39, metaflow_config.get_pinned_conda_libs
_ALWAYS = {"requests": ">=2.21.0"}
_BY_DATASTORE = {
    "local": {},
    "s3": {"boto3": ">=1.14.0"},
    "azure": {
        "azure-identity": ">=1.10.0",
        "azure-storage-blob": ">=12.12.0",
        "azure-keyvault-secrets": ">=4.7.0",
        "simple-azure-blob-downloader": ">=0.1.0",
    },
    "gs": {
        "google-cloud-storage": ">=2.5.0",
        "google-auth": ">=2.11.0",
        "google-cloud-secret-manager": ">=2.10.0",
        "simple-gcp-object-downloader": ">=0.1.0",
        "packaging": ">=24.0",
    },
}

DATASTORES = tuple(_BY_DATASTORE)
ADDED = frozenset(_ALWAYS).union(*_BY_DATASTORE.values())
"""The names of all of them, whatever the datastore."""


def pinned_packages(datastore: str) -> dict[str, str]:
    """`{name: version spec}` that Metaflow adds when it runs with this datastore.

    Raises:
        KeyError: `datastore` is none of `DATASTORES`.
    """
    return {**_ALWAYS, **_BY_DATASTORE[datastore]}
