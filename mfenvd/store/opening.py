"""An object store by its URL. Its client is loaded here, and heavy: this is for processes of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from mfenvd.store.object_errors import BadAddress, ClientMissing
from mfenvd.store.objects import ObjectStore

if TYPE_CHECKING:
    from mfenvd.store.pace import Pace


_EXTRAS = {"az": "azure", "gs": "gs"}


class Access(msgspec.Struct, frozen=True):
    """How buckets are reached; what is None is as the process's environment and the vendor's own files say.

    Attributes:
        endpoint: URL of a server that is not the vendor's.
        profile: Of `~/.aws/config`.
        role: ARN of a role that is assumed on AWS.
        region: AWS's, as `eu-west-1`.
        encryption: What objects are encrypted with on S3, as `aws:kms`; None leaves it to the bucket.
    """

    endpoint: str | None = None
    profile: str | None = None
    role: str | None = None
    region: str | None = None
    encryption: str | None = None


def open_store(url: str, access: Access | None = None, pace: Pace | None = None) -> ObjectStore:
    """The store at `url`. Nothing is asked of it yet.

    Args:
        url: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`, the prefix being optional.
        access: How it is reached.
        pace: A limit for the bandwidth, shared with other stores; None for none.

    Raises:
        BadAddress: `url` names no bucket.
        ClientMissing: The extra that it takes is not installed.
    """
    from mfenvd.store.pace import Pace

    parts = urlsplit(url)
    access, pace = access or Access(), pace or Pace()
    prefix = parts.path.strip("/")
    if not parts.netloc:
        raise BadAddress(url)
    if parts.scheme == "s3":
        from mfenvd.store.s3 import S3Store

        return S3Store(parts.netloc, prefix, access, pace)
    if parts.scheme in _EXTRAS:
        return _vendors(parts.scheme)(parts.netloc, prefix, access, pace)
    raise BadAddress(url)


def _vendors(scheme: str) -> Callable[[str, str, Access, Pace], ObjectStore]:
    """The class for a store whose client is an extra."""
    extra = _EXTRAS[scheme]
    try:
        if extra == "azure":
            from mfenvd.store.azure import AzureStore

            return AzureStore
        from mfenvd.store.gs import GoogleStore
    except ModuleNotFoundError as error:
        raise ClientMissing(f"{scheme}://", extra) from error
    return GoogleStore
