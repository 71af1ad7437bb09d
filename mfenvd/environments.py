"""Local environments put together: made by the warm room, of files in the store, downloaded as each resolver would."""

from __future__ import annotations

import shutil
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

import msgspec

from mfenvd.buckets import bucket_of, remotes_of, take_credentials
from mfenvd.domain.file_urls import path_of_file_url
from mfenvd.domain.identity import RequestIdentity
from mfenvd.domain.layouts import core_key_of
from mfenvd.domain.request import Indexes, Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.resolver import Context
from mfenvd.store.archives import ArchiveStore, store_folder
from mfenvd.store.errors import DownloadError, NotDownloaded, StoreProblem
from mfenvd.store.findings import finding_of
from mfenvd.store.hashing import sha256_of
from mfenvd.store.receiving import Place, Receiver
from mfenvd.store.uploads import Uploads, mirror_folder
from mfenvd.warm.building import Builder
from mfenvd.warm.environments import LocalEnvironments
from mfenvd.warm.netflixext.environments import ExtensionEnvironments
from mfenvd.warm.netflixext.named import NamedEnvironments
from mfenvd.warm.plan import MicromambaSettings, NotMadeError

if TYPE_CHECKING:
    from rattler import Client

    from mfenvd.domain.mirror import Bucket
    from mfenvd.resolve.index.transport import Transport

_CHUNK = 1024 * 1024
_NO_INDEXES = Indexes()


def local_environments(
    context: Context, settings: MicromambaSettings, indexes: Indexes = _NO_INDEXES
) -> LocalEnvironments:
    """The environments of this machine's user, for what the project of `context` asks for."""
    files = PackageFiles(context, settings, indexes)
    return LocalEnvironments(Path(context.cache_dir), settings, files, trusted=context.trusted)


def extension_environments(
    context: Context, identity: RequestIdentity, indexes: Indexes = _NO_INDEXES
) -> ExtensionEnvironments:
    """The environments that metaflow-netflixext would find, where it names a folder for them."""
    settings = MicromambaSettings(identity.local_platform, (), identity.pkgs_dirs, "")
    files = PackageFiles(context, settings, indexes)
    cache_dir = Path(context.cache_dir)
    builder = Builder(cache_dir, files, trusted=context.trusted)
    return ExtensionEnvironments(cache_dir, Path(identity.envs_dir or cache_dir / "environments"), builder)


def named_environments(context: Context, envs_dir: Path) -> NamedEnvironments:
    """The environments that people make by name, in the folder where metaflow-netflixext makes them."""
    files = PackageFiles(context, MicromambaSettings(context.local_arch, (), (), ""))
    return NamedEnvironments(envs_dir, Builder(Path(context.cache_dir), files, trusted=context.trusted))


class PackageFiles:
    """What `warm.plan.Archives` promises, with the project's credentials, proxies and certificates.

    Args:
        context: Whose project this is.
        settings: What micromamba says: packages that it downloaded need not be downloaded again.
        indexes: Those that the source of the environment names, with their credentials.
    """

    def __init__(self, context: Context, settings: MicromambaSettings, indexes: Indexes = _NO_INDEXES) -> None:
        self._context = context
        self._indexes = indexes
        self._downloaded = tuple(map(Path, settings.pkgs_dirs))
        self._store = ArchiveStore(store_folder(context.cache_dir))
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._bucket = bucket_of(context)
        self._receiver: Receiver | None = None
        self._clients: dict[str, Client] = {}

    def fetch(self, package: LockedPackage) -> Path:
        """The archive or wheel, its sha256 checked.

        Raises:
            NotMadeError: It cannot be had.
        """
        try:
            return self._built(package) if package.built else self._store.fetch(package, self._download)
        except StoreProblem as problem:
            raise NotMadeError(finding_of(problem)) from problem

    def stored(self, package: LockedPackage) -> Path:
        """As `fetch`, in the store, where the file's folder is called by its sha256; also of what was built here."""
        if not package.built:
            return self.fetch(package)
        wheel = self.fetch(package)
        kept = msgspec.structs.replace(package, filename=wheel.name, sha256=sha256_of(wheel))
        try:
            return self._store.fetch(kept, lambda _, file: _copy(wheel, file))
        except StoreProblem as problem:
            raise NotMadeError(finding_of(problem)) from problem

    def _built(self, package: LockedPackage) -> Path:
        from mfenvd.resolve.pypi.build import kept_wheel

        wheel = kept_wheel(package, Path(self._context.cache_dir))
        if wheel is None:
            raise NotDownloaded(package, "the wheel that was built of it is gone; save the file again to build it")
        return wheel

    def _download(self, package: LockedPackage, file: BinaryIO) -> str | None:
        here = _path_of(package.url) or self._from_micromamba(package)
        if here is not None:
            _copy(here, file)
        elif self._received(package, file):
            return package.sha256
        elif package.kind is Kind.CONDA:
            self._download_conda(package, file)
        else:
            self._download_wheel(package, file)
        return None

    def _received(self, package: LockedPackage, file: BinaryIO) -> bool:
        """Whether it was taken from the project's bucket."""
        if self._bucket is None:
            return False
        place = Place(self._bucket.url, core_key_of(package))
        return self._from_bucket(self._bucket).receive(package, place, file)

    def _from_bucket(self, bucket: Bucket) -> Receiver:
        with self._lock:
            if self._receiver is None:
                take_credentials(self._context.surroundings)
                uploads = Uploads(mirror_folder(self._context.cache_dir))
                quarantine = store_folder(self._context.cache_dir) / "quarantine"
                self._receiver = Receiver(uploads, remotes_of(bucket), quarantine)
            return self._receiver

    def _from_micromamba(self, package: LockedPackage) -> Path | None:
        """The archive as micromamba downloaded it, if it is the right one."""
        if package.kind is not Kind.CONDA or package.sha256 is None:
            return None
        for folder in self._downloaded:
            path = folder / package.filename
            if path.is_file() and sha256_of(path) == package.sha256:
                return path
        return None

    def _download_conda(self, package: LockedPackage, file: BinaryIO) -> None:
        from rattler.package_streaming import download_to_writer

        from mfenvd.awaiting import awaited
        from mfenvd.resolve.conda.channel_failures import download_failure

        channel = package.channel or package.url.rsplit("/", 2)[0]
        try:
            awaited(download_to_writer(self._client(channel), package.url, file))
        except (RuntimeError, OSError) as error:  # py-rattler's own class for what HTTP answers
            raise DownloadError(download_failure(str(error))) from error

    def _download_wheel(self, package: LockedPackage, file: BinaryIO) -> None:
        import requests

        from mfenvd.resolve.index.errors import IndexProblem

        host = urlsplit(package.url).netloc
        try:
            with self._wheel_transport().get(package.url, index=host, stream=True) as answer:
                if answer.status_code != 200:
                    raise DownloadError(f"HTTP status {answer.status_code}")
                file.writelines(answer.iter_content(_CHUNK))
        except IndexProblem as error:
            raise DownloadError(error.detail) from error
        except requests.RequestException as error:
            raise DownloadError("the connection broke off") from error

    def _client(self, channel: str) -> Client:
        with self._lock:
            if channel not in self._clients:
                from mfenvd.resolve.conda.access import access_to
                from mfenvd.resolve.conda.resolver import configuration_of

                environ = self._context.surroundings.environ
                self._clients[channel] = access_to((channel,), configuration_of(self._context), environ).client()
            return self._clients[channel]

    def _wheel_transport(self) -> Transport:
        with self._lock:
            if self._transport is None:
                from mfenvd.resolve.index.configuration import configuration
                from mfenvd.resolve.index.transport import LateTransport

                surroundings = self._context.surroundings
                config = configuration(self._indexes, surroundings, Path(self._context.root))
                self._transport = transport = LateTransport(config, surroundings.environ)
                weakref.finalize(self, transport.close)
            return self._transport


def _path_of(url: str) -> Path | None:
    """The file that a `file:` URL names."""
    return path_of_file_url(url) if url.startswith("file:") else None


def _copy(path: Path, file: BinaryIO) -> None:
    try:
        with path.open("rb") as source:
            shutil.copyfileobj(source, file, _CHUNK)
    except OSError as error:
        raise DownloadError(f"{path} cannot be read ({error.strerror or error})") from error
