"""The datastore of metaflow-netflixext put together for the warm room: a folder of this machine, or a bucket."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from mfenvd.atomic_write import copy_atomically, write_atomically
from mfenvd.buckets import address_of, bucket_of, remotes_of, take_credentials
from mfenvd.datastores import Mirrored
from mfenvd.domain.alias import Alias, AliasKind
from mfenvd.domain.arch import Arch
from mfenvd.domain.layouts import (
    alias_key,
    environment_key,
    environments_prefix,
    extension_key_of,
    full_id_key,
)
from mfenvd.domain.mirror import Bucket
from mfenvd.domain.request import Indexes
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.warming import WarmTask
from mfenvd.environments import PackageFiles
from mfenvd.store.object_errors import MissingObject, ObjectStoreProblem
from mfenvd.store.remotes import Remote
from mfenvd.store.uploads import Upload, Uploads, mirror_folder
from mfenvd.warm.netflixext.alias_files import read_ids
from mfenvd.warm.netflixext.manifest import EnvId
from mfenvd.warm.netflixext.sharing import ExtensionDatastore
from mfenvd.warm.plan import MicromambaSettings, Report, disk_refusals

_log = logging.getLogger(__name__)

_LARGEST = 64 << 20


def extension_datastore_of(task: WarmTask) -> ExtensionDatastore | None:
    """Where the extension keeps packages and environments of `task`; None where it does not, or mfenv cannot."""
    identity, context = task.of_extension, task.context
    if identity.root is None:
        return None
    settings = MicromambaSettings(identity.local_platform, (), identity.pkgs_dirs, "")
    files = PackageFiles(context, settings, task.indexes)
    if identity.datastore == "local":
        return _Folder(Path(identity.root), files)
    bucket = _bucket(identity.root, context)
    return None if bucket is None else TeamDatastore(bucket, context, files)


def team_datastore(root: str, context: Context, indexes: Indexes) -> TeamDatastore | None:
    """The part of the project's bucket that the extension has; None where mfenv mirrors nothing to it.

    Args:
        root: As the extension says where it keeps packages and environments.
        context: Of the project.
        indexes: Those that packages come from.
    """
    bucket = _bucket(root, context)
    settings = MicromambaSettings(context.local_arch, (), (), "")
    return None if bucket is None else TeamDatastore(bucket, context, PackageFiles(context, settings, indexes))


def _bucket(root: str, context: Context) -> Bucket | None:
    """The extension's part of the project's bucket; as long as the project is not trusted, where it is by default."""
    bucket, url = bucket_of(context), address_of(root)
    if bucket is None or urlsplit(bucket.url).scheme != urlsplit(url).scheme:
        return None
    default = f"{bucket.url.rpartition('/')[0]}/conda_env"
    return msgspec.structs.replace(bucket, url=url) if context.trusted or url == default else None


class _Folder:
    """What `ExtensionDatastore` promises, in a folder: what is stored is there at once."""

    bucket = None

    def __init__(self, root: Path, files: PackageFiles) -> None:
        self._root = root
        self._files = files

    def confirmed(self, packages: Iterable[LockedPackage]) -> frozenset[str]:
        """URLs of those that are there."""
        return frozenset(package.url for package in packages if (self._root / extension_key_of(package)).is_file())

    def offer(self, packages: Sequence[LockedPackage], report: Report) -> None:
        """Puts them there.

        Raises:
            NotMadeError: One cannot be had, or the folder refuses.
        """
        for count, package in enumerate(packages):
            report(Progress("putting packages into the datastore", count, len(packages)))
            place = self._root / extension_key_of(package)
            if not place.exists():
                file = self._files.stored(package)
                with disk_refusals(place):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    # Never a hard link: the extension moves files out of its datastore, and may write to them there.
                    copy_atomically(file, place, self._root)

    def record(self, id_: EnvId, entry: dict[str, Any]) -> None:
        """Lets others find an environment whose packages are there.

        Raises:
            NotMadeError: The folder refuses.
        """
        for key, text in _descriptions(id_, entry):
            place = self._root / key
            with disk_refusals(place):
                if not place.exists():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    write_atomically(place, text.encode(), mode=None)

    def environments(self, arch: str, req: str) -> Iterator[tuple[EnvId, Any]]:
        """What anybody resolved for a request."""
        for file in sorted((self._root / environments_prefix(arch, req)).glob("*/env")):
            with contextlib.suppress(OSError, msgspec.DecodeError):
                yield EnvId(arch, req, file.parent.name), msgspec.json.decode(file.read_bytes())


class TeamDatastore(Mirrored):
    """What `ExtensionDatastore` promises, in a bucket; names besides."""

    def __init__(self, bucket: Bucket, context: Context, files: PackageFiles) -> None:
        super().__init__(bucket, files, Uploads(mirror_folder(context.cache_dir)), extension_key_of)
        self._surroundings = context.surroundings

    def record(self, id_: EnvId, entry: dict[str, Any]) -> None:
        """Queues what lets others find an environment whose packages are there.

        Raises:
            NotMadeError: The queue cannot be written.
        """
        self._queue([self._text(key, text) for key, text in _descriptions(id_, entry)])

    def name(self, alias: str, ids: tuple[str, str], *, moves: bool) -> None:
        """Queues a name for an environment that is there.

        Args:
            alias: As `team/project/env/v1`.
            ids: Request and full id.
            moves: Whether it may lead elsewhere so far.

        Raises:
            NotMadeError: The queue cannot be written.
        """
        upload = self._text(alias_key(alias), msgspec.json.encode(ids).decode(), replace=moves)
        if moves:
            # It may have led elsewhere since it was seen to lead there.
            self._uploads.forget(self.bucket.url, upload.key)
        self._queue([upload])

    def named(self, alias: Alias) -> tuple[str, str] | None:
        """Request and full id of what a name or a full id leads to; None where it leads nowhere.

        Raises:
            ObjectStoreProblem: The bucket does not answer.
        """
        if alias.kind is AliasKind.STEP:
            return None  # Metaflow's metadata has these, no datastore
        if alias.kind is AliasKind.IDS:
            request, _, full = alias.name.partition(":")
            return request, full
        key = alias_key(alias.key) if alias.kind is AliasKind.NAME else full_id_key(alias.name)
        try:
            content, _ = self._remote().store().get_bytes(key)
        except MissingObject:
            return None
        return read_ids(content)

    def described(self, ids: tuple[str, str]) -> dict[EnvId, Any]:
        """What is there under a request and a full id, by arch.

        Raises:
            ObjectStoreProblem: The bucket does not answer.
        """
        store, found = self._remote().store(), {}
        for arch in Arch:
            id_ = EnvId(str(arch), *ids)
            with contextlib.suppress(MissingObject, msgspec.DecodeError):
                content, _ = store.get_bytes(environment_key(id_.arch, id_.req, id_.full))
                found[id_] = msgspec.json.decode(content)
        return found

    def environments(self, arch: str, req: str) -> Iterator[tuple[EnvId, Any]]:
        """What anybody resolved for a request; nothing where the bucket does not answer."""
        remote = self._remote()
        if not remote.is_available:
            return
        try:
            store = remote.store()
            for found in store.list(environments_prefix(arch, req)):
                if found.key.endswith("/env") and found.size < _LARGEST:
                    with contextlib.suppress(msgspec.DecodeError):
                        full = found.key.split("/")[-2]
                        yield EnvId(arch, req, full), msgspec.json.decode(store.get_bytes(found.key)[0])
            remote.worked()
        except ObjectStoreProblem as problem:
            _log.info("environments of others are not looked for: %s", problem)
            remote.failed(problem)

    def _text(self, key: str, text: str, *, replace: bool = False) -> Upload:
        content = text.encode()
        digest = hashlib.sha256(content).hexdigest()
        return Upload(self.bucket.url, key, digest, len(content), text=text, replace=replace)

    def _remote(self) -> Remote:
        take_credentials(self._surroundings)
        return remotes_of(self.bucket)[self.bucket.url]


def _descriptions(id_: EnvId, entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Keys and contents of what says that there is an environment."""
    yield environment_key(id_.arch, id_.req, id_.full), msgspec.json.encode(entry).decode()
    yield full_id_key(id_.full), msgspec.json.encode([id_.req, id_.full]).decode()
