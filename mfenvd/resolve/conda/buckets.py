"""The way to channels in S3 buckets, as the AWS tools of the project's shell would go."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from functools import lru_cache

import msgspec

_REGION = "us-east-1"
"""Where the AWS tools look when nothing says where."""

_KEPT_FOR = 300
"""Seconds for which the key of a profile is not looked for again: a machine without one is slow to say so."""

_log = logging.getLogger(__name__)


class Bucket(msgspec.Struct, frozen=True):
    """A bucket with what opens it. The key is not in its `repr`.

    Attributes:
        name: As in `s3://NAME/channel`.
        endpoint: URL of the service.
        region: As `eu-west-1`.
        by_path: Whether the bucket is part of the path rather than of the host.
        key_id: Of the access key.
        secret: Likewise.
        token: Of a session; None for a key that lasts.
    """

    name: str
    endpoint: str
    region: str
    by_path: bool
    key_id: str
    secret: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"Bucket({self.name!r})"


def bucket(name: str, environ: Mapping[str, str]) -> Bucket | None:
    """Bucket `name` as the variables and AWS profiles of a shell open it.

    Returns:
        None where there is no key: then it is left to py-rattler's own search.
    """
    variables = {name: value for name, value in environ.items() if name.startswith("AWS_")}
    key_id, secret = variables.get("AWS_ACCESS_KEY_ID"), variables.get("AWS_SECRET_ACCESS_KEY")
    region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
    token = variables.get("AWS_SESSION_TOKEN") or None
    if not (key_id and secret):
        found = _of_profile(variables.get("AWS_PROFILE"), int(time.time() // _KEPT_FOR))
        if found is None:
            return None
        key_id, secret, token = found.key_id, found.secret, found.token
        region = region or found.region
    region = region or _REGION
    endpoint = variables.get("AWS_ENDPOINT_URL_S3") or variables.get("AWS_ENDPOINT_URL")
    place = endpoint or f"https://s3.{region}.amazonaws.com"
    return Bucket(name, place, region, endpoint is not None, key_id, secret, token)


class _Profile(msgspec.Struct, frozen=True):
    key_id: str
    secret: str
    token: str | None
    region: str | None


@lru_cache(maxsize=8)
def _of_profile(name: str | None, _period: int) -> _Profile | None:
    """What the AWS files, or the machine itself, have for a profile; asked anew in every period, as keys expire."""
    import botocore.exceptions
    import botocore.session

    try:
        session = botocore.session.Session(profile=name)
        found = session.get_credentials()
        key = found.get_frozen_credentials() if found is not None else None
        region = session.get_config_variable("region")
    except botocore.exceptions.BotoCoreError as error:
        _log.info("no AWS credentials: %s", error)
        return None
    return _Profile(key.access_key, key.secret_key, key.token, region) if key and key.access_key else None
