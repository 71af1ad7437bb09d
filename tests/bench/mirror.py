"""The mirror against `aws s3 sync` and plain boto3, to the same server, in the same run.

    python -m tests.bench.mirror [--objects 2000] [--rounds 2] [--aws PATH/TO/aws] [--server URL]

Each is a process of its own, measured from its start to its end. Prints what each took up and down (its best round, as
other work on the machine only ever makes it slower), by the clock and in processor seconds of the client, ratios (above
1.0: the mirror is faster), the time of a sync with nothing to do for 10,000 objects, and the peak memory of the process
that syncs. Without --server it starts moto's, which is then what limits all. Takes up to 10 minutes; a round that
would not end in time is left out.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import multiprocessing
import os
import random
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, BinaryIO

import boto3
import msgspec

from mfenvd.domain.resolution import LockedPackage
from mfenvd.store.archives import PARALLEL, ArchiveStore, store_folder
from mfenvd.store.hashing import sha256_of
from mfenvd.store.mirror import Mirror
from mfenvd.store.opening import Access, open_store
from mfenvd.store.receiving import Place
from mfenvd.store.uploads import Upload, Uploads, mirror_folder

_BUCKET = "bench"
# No round begins that would not end in time.
_SECONDS = 500.0
_SMALLEST, _LARGEST = 1024, 50 * 1024 * 1024
_ENVIRON = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


def sizes(count: int) -> list[int]:
    """As packages are: many small, few large. Two of the largest, whatever the count."""
    drawn = random.Random(6)  # noqa: S311 - the same each time
    many = [int(_SMALLEST * (_LARGEST / _SMALLEST) ** (drawn.random() ** 8)) for _ in range(count - 2)]
    mixed = [_LARGEST, *many, _LARGEST]
    drawn.shuffle(mixed)
    return mixed


def make(folder: Path, count: int) -> list[Upload]:
    """Files in an archive store below `folder`."""
    archives, incoming = ArchiveStore(store_folder(str(folder))), folder / "new"
    uploads = []

    def copied(_: LockedPackage, file: BinaryIO) -> None:
        file.write(incoming.read_bytes())

    for number, size in enumerate(sizes(count)):
        incoming.write_bytes(random.Random(number).randbytes(size))  # noqa: S311 - likewise
        name = f"package-{number}-py3-none-any.whl"
        package = LockedPackage(name, "1", name, "", sha256=sha256_of(incoming))
        archives.fetch(package, copied)
        uploads.append(Upload("", f"files.example/{name}", package.sha256 or "", size, name))
    incoming.unlink()
    return uploads


class Taken(msgspec.Struct, frozen=True):
    """What a process took: seconds by the clock, processor seconds with its children's, and MiB at most."""

    seconds: float
    processor: float
    memory: float = 0.0


def peak() -> float:
    """MiB that this process had in memory at most; what its parent had does not count, as it does in getrusage."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def processor() -> float:
    """Processor seconds of this process and its children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


class Bench:
    """One server, one set of files."""

    def __init__(self, url: str, folder: Path, uploads: list[Upload], aws: str | None) -> None:
        self.url, self.folder, self.uploads, self.aws = url, folder, uploads, aws

    def mirror(self, cache: Path) -> Mirror:
        return Mirror(str(cache), lambda root: open_store(root, Access(endpoint=self.url)))

    def mirror_up(self) -> None:
        mirror = self.mirror(self.folder)
        mirror.uploads.add([_at(upload, "mirror") for upload in self.uploads])
        sent = mirror.send()
        assert sent.objects == len(self.uploads), sent
        mirror.close()

    def mirror_down(self) -> None:
        cache = self.folder / "down-mirror"
        mirror, archives = self.mirror(cache), ArchiveStore(store_folder(str(cache)))

        def download(package: LockedPackage, file: BinaryIO) -> None:
            place = Place(f"s3://{_BUCKET}/mirror", f"files.example/{package.filename}")
            assert mirror.receiver.receive(package, place, file), package.filename

        packages = [
            LockedPackage(upload.filename, "1", upload.filename, "", sha256=upload.sha256) for upload in self.uploads
        ]
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(archives.fetch, packages, itertools.repeat(download)))
        mirror.close()

    def boto3_up(self) -> None:
        client, archives = self.client(), ArchiveStore(store_folder(str(self.folder)))
        for upload in self.uploads:
            client.upload_file(str(archives.get(upload.sha256, upload.filename)), _BUCKET, f"boto3/{upload.filename}")

    def boto3_down(self) -> None:
        client, folder = self.client(), self.folder / "down-boto3"
        folder.mkdir()
        for upload in self.uploads:
            client.download_file(_BUCKET, f"boto3/{upload.filename}", str(folder / upload.filename))

    def aws_up(self) -> None:
        self.sync(str(store_folder(str(self.folder)) / "archives"), f"s3://{_BUCKET}/aws")

    def aws_down(self) -> None:
        self.sync(f"s3://{_BUCKET}/aws", str(self.folder / "down-aws"))

    def sync(self, source: str, target: str) -> None:
        command = [str(self.aws), "s3", "sync", "--only-show-errors", "--endpoint-url", self.url, source, target]
        subprocess.run(command, check=True)

    def clear(self, kind: str, way: str) -> None:
        """As before the first round."""
        shutil.rmtree(self.folder / f"down-{kind}", ignore_errors=True)
        if way == "up":
            shutil.rmtree(mirror_folder(str(self.folder)), ignore_errors=True)
            bucket = boto3.resource("s3", endpoint_url=self.url).Bucket(_BUCKET)
            bucket.objects.filter(Prefix=f"{kind}/").delete()

    def client(self) -> Any:
        return boto3.client("s3", endpoint_url=self.url)


def _at(upload: Upload, prefix: str) -> Upload:
    return Upload(f"s3://{_BUCKET}/{prefix}", upload.key, upload.sha256, upload.size, upload.filename)


def _run(work: Callable[[], None], answer: Connection) -> None:
    work()
    answer.send((processor(), peak()))


def measured(work: Callable[[], None]) -> Taken:
    """What `work` takes in a process of its own, which imports what it needs as any other does."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(work, there))
    began = time.perf_counter()
    process.start()
    there.close()
    used, memory = here.recv()
    process.join()
    return Taken(time.perf_counter() - began, used, memory)


def nothing_to_do(folder: str) -> None:
    """A second sync of 10,000 objects that are all there."""
    mirror = Mirror(folder, lambda url: open_store(url, Access(endpoint="http://127.0.0.1:1")))
    began = time.perf_counter()
    mirror.uploads.add(_ten_thousand())
    mirror.send()
    print(f"nothing to do, 10,000 objects: {time.perf_counter() - began:.2f} s")


def _ten_thousand() -> list[Upload]:
    return [
        Upload(f"s3://{_BUCKET}/x", f"files.example/p{number}.whl", f"{number:064x}", 1, "p.whl")
        for number in range(10_000)
    ]


@contextlib.contextmanager
def moto() -> Iterator[str]:
    """moto's server in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port], stdout=log, stderr=log
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--aws", help="the aws command (awscli); default: the one on PATH, left out without one")
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--server", help="URL of an S3 server; default: moto's")
    asked = parser.parse_args()
    os.environ.update(_ENVIRON)
    with (
        tempfile.TemporaryDirectory() as name,
        moto() if asked.server is None else contextlib.nullcontext(asked.server) as url,
    ):
        folder = Path(name)
        wait_for(url)
        boto3.client("s3", endpoint_url=url).create_bucket(Bucket=_BUCKET)
        uploads = make(folder, asked.objects)
        total = sum(upload.size for upload in uploads) / 2**20
        print(f"{len(uploads)} objects, {total:.0f} MiB, load {os.getloadavg()[0]:.1f}", flush=True)
        compare(Bench(url, folder, uploads, asked.aws or shutil.which("aws")), total, asked.rounds)
        queue = Uploads(mirror_folder(str(folder / "ten")))
        queue.confirmed(_ten_thousand())
        nothing_to_do(str(folder / "ten"))


def compare(bench: Bench, total: float, rounds: int) -> None:
    kinds = ["mirror", "boto3", *(["aws"] if bench.aws else [])]
    taken: dict[str, dict[str, list[Taken]]] = {way: {kind: [] for kind in kinds} for way in ("up", "down")}
    began = time.perf_counter()
    for number in range(rounds):
        if number and (time.perf_counter() - began) / number * (number + 1) > _SECONDS:
            print(f"no time for more than {number} rounds", flush=True)
            break
        for way, each in taken.items():
            # In another order each time, so that other work on the machine meets all alike.
            for kind in (*kinds[number % len(kinds) :], *kinds[: number % len(kinds)]):
                bench.clear(kind, way)
                each[kind].append(measured(getattr(bench, f"{kind}_{way}")))
    print(f"{'':12} {'seconds':>8} {'MiB/s':>8} {'processor s':>12}")
    for way, each in taken.items():
        _print_way(way, each, total)


def _print_way(way: str, taken: dict[str, list[Taken]], total: float) -> None:
    best = {
        kind: Taken(min(one.seconds for one in each), min(one.processor for one in each))
        for kind, each in taken.items()
    }
    for kind, one in best.items():
        print(f"{way:4} {kind:7} {one.seconds:8.2f} {total / one.seconds:8.1f} {one.processor:12.2f}")
    mirror = best.pop("mirror")
    clock = min(one.seconds for one in best.values()) / mirror.seconds
    work = min(one.processor for one in best.values()) / mirror.processor
    memory = max(one.memory for one in taken["mirror"])
    print(f"{way:4} {clock:.2f} x the best of {' and '.join(best)}, {work:.2f} x by processor; peak {memory:.0f} MiB")
    print(flush=True)


def wait_for(url: str) -> None:
    client = boto3.client("s3", endpoint_url=url)
    for _ in range(100):
        with contextlib.suppress(Exception):
            client.list_buckets()
            return
        time.sleep(0.2)
    raise SystemExit(f"{url} does not answer")


if __name__ == "__main__":
    main()
