"""What botocore raises, as the causes that mfenv tells apart."""

from __future__ import annotations

from botocore import exceptions as aws

from mfenvd.store.object_errors import (
    AlreadyThere,
    Conflict,
    CredentialsExpired,
    Denied,
    MissingObject,
    NoSuchBucket,
    ObjectStoreProblem,
    Refused,
    SlowDown,
    Unreachable,
    Unsupported,
)

# S3's words, and HTTP's numbers where an answer has no body.
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_THERE = frozenset({"412", "PreconditionFailed"})
_CONFLICT = frozenset({"409", "ConditionalRequestConflict", "OperationAborted"})
_SLOW_DOWN = frozenset({"429", "503", "SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException",
                        "RequestLimitExceeded", "TooManyRequests"})  # fmt: skip
_UNSUPPORTED = frozenset({"501", "NotImplemented"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_DENIED = frozenset({"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled"})
_REFUSED = frozenset(
    {
        "401", "AccountProblem", "AuthFailure", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidToken",
        "RequestTimeTooSkewed", "SignatureDoesNotMatch", "UnauthorizedAccess", "UnrecognizedClientException",
    }
)  # fmt: skip
_PLAIN = ((_MISSING, MissingObject), (_THERE, AlreadyThere), (_CONFLICT, Conflict), (_SLOW_DOWN, SlowDown),
          (frozenset({"NoSuchBucket"}), NoSuchBucket))  # fmt: skip
_DETAILED = ((_EXPIRED, CredentialsExpired), (_DENIED, Denied), (_REFUSED, Refused), (_UNSUPPORTED, Unsupported))

_NOT_SIGNED_IN = (
    aws.SSOError,
    aws.TokenRetrievalError,
    aws.CredentialRetrievalError,
    aws.RefreshWithMFAUnsupportedError,
)
_NO_CREDENTIALS = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.ProfileNotFound,
    aws.NoAuthTokenError,
    aws.UnknownCredentialError,
    aws.InvalidConfigError,
)


def problem_of(error: Exception, place: str) -> ObjectStoreProblem:
    """What `error`, a ClientError or BotoCoreError, is to mfenv.

    Args:
        error: As botocore raised it.
        place: The store's root or the object, for the message.
    """
    if isinstance(error, aws.ClientError):
        return _answered(error, place)
    if isinstance(error, _NOT_SIGNED_IN):
        return CredentialsExpired(place, _text(error))
    if isinstance(error, _NO_CREDENTIALS):
        return Refused(place, _text(error))
    return Unreachable(place, _text(error))


def _answered(error: aws.ClientError, place: str) -> ObjectStoreProblem:
    told = error.response.get("Error", {})
    code, message = str(told.get("Code", "")), str(told.get("Message") or "")
    for codes, plain in _PLAIN:
        if code in codes:
            return plain(place)
    detail = f"{code}: {message}".rstrip(".") if message else code
    for codes, detailed in _DETAILED:
        if code in codes:
            return detailed(place, detail)
    return Unreachable(place, detail)


def _text(error: Exception) -> str:
    """The first line of what botocore says."""
    lines = str(error).splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")
