"""A client for S3 as AWS's own tools would make it, and made anew when its credentials are no longer good."""

from __future__ import annotations

import threading
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from s3transfer.utils import signal_not_transferring, signal_transferring

from mfenvd.store.opening import Access

CONNECTIONS = 32

# A dead bucket must not hold anything up for long. Attempts are botocore's own, with its back-off and jitter, and there
# are no others: what still fails after them is for the caller to try later.
_CONNECT_TIMEOUT = 5
_READ_TIMEOUT = 30
_RETRIES = {"mode": "standard", "total_max_attempts": 3}


class S3Session:
    """Hands out one client to all threads.

    Credentials that expire by plan (SSO, assumed roles, instances) are renewed by botocore in time. Those that somebody
    writes into a file are not: `renewed` reads everything anew.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._lock = threading.Lock()
        self._client: Any = None

    def client(self) -> Any:
        """boto3's client.

        Raises:
            BotoCoreError: There is no such profile, or no region.
        """
        with self._lock:
            if self._client is None:
                self._client = self._made(self._session())
            return self._client

    def renewed(self, refused: Any) -> bool:
        """Reads credentials anew, after `refused` (a client) was told that its own are not good.

        Returns:
            Whether there are others now, so that it is worth asking again.

        Raises:
            BotoCoreError: There are none at all now.
        """
        with self._lock:
            if self._client is not refused:
                return True  # another thread was faster
            session = self._session()
            if _key(session.get_credentials()) == _key(refused._request_signer._credentials):  # noqa: SLF001 - a client does not tell them otherwise
                return False
            self._client = self._made(session)
            return True

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _session(self) -> Any:
        session = botocore.session.Session(profile=self._access.profile)
        if self._access.role is not None:
            _assume(session, self._access.role, self._access.region)
        return session

    def _made(self, session: Any) -> Any:
        client = boto3.Session(botocore_session=session, region_name=self._access.region).client(
            "s3",
            endpoint_url=self._access.endpoint,
            config=Config(
                connect_timeout=_CONNECT_TIMEOUT,
                read_timeout=_READ_TIMEOUT,
                retries=_RETRIES,
                max_pool_connections=CONNECTIONS,
                tcp_keepalive=True,
                # A checksum goes along where it counts, as each object's is known; other servers know no trailers.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3=_signing(session),
            ),
        )
        # A body is read once to sign it, which costs no bandwidth, and once to send it.
        client.meta.events.register_first("request-created.s3", signal_not_transferring)
        client.meta.events.register_last("request-created.s3", signal_transferring)
        return client


def _signing(session: Any) -> dict[str, Any] | None:
    """How bodies are signed: as `~/.aws/config` says, which a bucket's policy may ask for, else not at all.

    Each body's sha256 is among the headers that are signed: hashing it again to sign it adds nothing.
    """
    told = session.get_scoped_config().get("s3")
    said = isinstance(told, dict) and "payload_signing_enabled" in told
    return None if said else {"payload_signing_enabled": False}


def _assume(session: Any, role: str, region: str | None) -> None:
    """Makes `session` use the role, with the credentials that it would have without."""
    fetcher = AssumeRoleCredentialFetcher(
        lambda *args, **kwargs: session.create_client(*args, **{"region_name": region, **kwargs}),
        session.get_credentials(),
        role,
    )
    session._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")  # noqa: SLF001 - there is no public way


def _key(credentials: Any) -> object:
    """What tells credentials apart."""
    if credentials is None:
        return None
    frozen = credentials.get_frozen_credentials()
    return frozen.access_key, frozen.secret_key, frozen.token
