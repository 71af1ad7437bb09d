"""Which bucket a project's packages go to."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from mfenvd.buckets import address_of, bucket_of, extension_bucket_of
from mfenvd.domain.mirror import Bucket
from mfenvd.domain.resolver import Context
from mfenvd.domain.surroundings import Surroundings

S3 = {"METAFLOW_DEFAULT_DATASTORE": "s3", "METAFLOW_DATASTORE_SYSROOT_S3": "s3://team/metaflow"}


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setenv("MFENV_HOME", str(tmp_path / "home"))
    root = tmp_path / "project"
    root.mkdir()
    return Context(str(tmp_path / "cache"), Surroundings(str(root)), str(root), "linux-64", trusted=True)


def launched_with(context: Context, **environ: str) -> Context:
    surroundings = msgspec.structs.replace(context.surroundings, environ=environ)
    return msgspec.structs.replace(context, surroundings=surroundings)


def test_it_is_the_one_of_metaflows_configuration(context: Context) -> None:
    assert bucket_of(launched_with(context, **S3)) == Bucket("s3://team/metaflow/conda")
    elsewhere = {
        **S3, "METAFLOW_CONDA_PACKAGE_S3ROOT": "s3://packages/", "METAFLOW_S3_ENDPOINT_URL": "http://127.0.0.1:1"
    }  # fmt: skip
    assert bucket_of(launched_with(context, **elsewhere)) == Bucket("s3://packages", "http://127.0.0.1:1")


def test_azure_and_google_have_theirs(context: Context) -> None:
    azure = {"METAFLOW_DEFAULT_DATASTORE": "azure", "METAFLOW_DATASTORE_SYSROOT_AZURE": "container/metaflow"}
    endpoint = "https://account.blob.core.windows.net"
    assert bucket_of(launched_with(context, **azure)) == Bucket("az://container/metaflow/conda")
    azure |= {
        "METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT": endpoint,
        "METAFLOW_CONDA_PACKAGE_AZUREROOT": "packages/all/",
    }
    assert bucket_of(launched_with(context, **azure)) == Bucket("az://packages/all", endpoint)
    assert address_of("packages/all/") == "az://packages/all"
    google = {"METAFLOW_DEFAULT_DATASTORE": "gs", "METAFLOW_DATASTORE_SYSROOT_GS": "gs://team/metaflow"}
    assert bucket_of(launched_with(context, **google)) == Bucket("gs://team/metaflow/conda")
    assert bucket_of(launched_with(context, METAFLOW_DEFAULT_DATASTORE="gs")) is None


@pytest.mark.parametrize(
    ("datastore", "sysroot", "url"),
    [
        ("s3", "s3://team/metaflow", "s3://team"),
        ("azure", "team/metaflow/", "az://team"),
        ("gs", "gs://team/", "gs://team"),
    ],
)
def test_the_extension_has_its_own_root_in_each(context: Context, datastore: str, sysroot: str, url: str) -> None:
    name = datastore.upper()
    environ = {"METAFLOW_DEFAULT_DATASTORE": datastore, f"METAFLOW_DATASTORE_SYSROOT_{name}": sysroot}
    below = "/metaflow" if "metaflow" in sysroot else ""
    assert extension_bucket_of(launched_with(context, **environ)) == Bucket(f"{url}{below}/conda_env")
    environ[f"METAFLOW_CONDA_{name}ROOT"] = f"{sysroot.rstrip('/')}/elsewhere"
    assert extension_bucket_of(launched_with(context, **environ)) == Bucket(f"{url}{below}/elsewhere")
    environ[f"METAFLOW_CONDA_{name}ROOT"] = "file:///elsewhere"
    assert extension_bucket_of(launched_with(context, **environ)) is None


def test_a_local_datastore_has_none(context: Context) -> None:
    assert bucket_of(launched_with(context)) is None
    assert bucket_of(launched_with(context, **{**S3, "METAFLOW_DEFAULT_DATASTORE": "local"})) is None


def test_mfenvs_configuration_says_how_it_is_reached(context: Context) -> None:
    Path(context.root, "mfenv.toml").write_text(
        '[mirror]\nprofile = "team"\nregion = "eu-west-1"\nbandwidth = "4MiB"\nread-only = true\n'
    )
    assert bucket_of(launched_with(context, **S3)) == Bucket(
        "s3://team/metaflow/conda", profile="team", region="eu-west-1", bandwidth=4 * 2**20, read_only=True
    )


def test_a_project_that_is_not_trusted_names_no_bucket(context: Context) -> None:
    Path(context.root, ".metaflow").mkdir()
    Path(context.root, ".metaflow", "config.json").write_text(json.dumps(S3))
    Path(context.root, "mfenv.toml").write_text('[mirror]\nendpoint = "http://stranger.example"\n')
    assert bucket_of(context) == Bucket("s3://team/metaflow/conda", "http://stranger.example")

    untrusted = msgspec.structs.replace(context, trusted=False)
    assert bucket_of(untrusted) is None
    assert bucket_of(launched_with(untrusted, **S3)) == Bucket("s3://team/metaflow/conda")
