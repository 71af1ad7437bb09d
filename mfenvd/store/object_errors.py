"""Why an object store does not do what it is asked: one class per cause. Messages never hold credentials."""

from __future__ import annotations

from mfenvd.domain.redact import redact


class ObjectStoreProblem(Exception):  # noqa: N818 - its subclasses say what is wrong
    """An object store did not do what it was asked.

    Attributes:
        place: The store's root, or the object.
        detail: What the other side said, in a few words; empty when the class says it all.
    """

    passes = False
    """Whether the same call may well succeed a little later, with nobody doing anything about it."""

    def __init__(self, place: str, message: str, detail: str = "") -> None:
        self.place = place
        self.detail = redact(detail)
        super().__init__(f"{message}: {self.detail}." if detail else f"{message}.")


class Unreachable(ObjectStoreProblem):
    """No connection, no answer in time, or the answer that something is broken there."""

    passes = True

    def __init__(self, place: str, detail: str) -> None:
        super().__init__(place, f"{place} does not answer", detail)


class SlowDown(ObjectStoreProblem):
    """The store asks for fewer requests."""

    passes = True

    def __init__(self, place: str) -> None:
        super().__init__(place, f"{place} asks for fewer requests")


class Refused(ObjectStoreProblem):
    """The credentials are wrong, or there are none, or they do not reach this far."""

    def __init__(self, place: str, detail: str) -> None:
        super().__init__(place, f"{place} refuses the credentials", detail)


class Denied(Refused):
    """The credentials are good, but not for this."""


class CredentialsExpired(Refused):
    """The credentials were good until some time ago. New ones are looked for at the next call."""


class ReadOnly(ObjectStoreProblem):
    """The credentials are good for reading and not for writing."""

    def __init__(self, place: str, detail: str) -> None:
        super().__init__(place, f"{place} may be read, but not written, with these credentials", detail)


class Conflict(ObjectStoreProblem):
    """Somebody else writes the same object at this very moment."""

    passes = True

    def __init__(self, place: str) -> None:
        super().__init__(place, f"{place} is being written by somebody else")


class Unsupported(ObjectStoreProblem):
    """The store does not know what it is asked for."""

    def __init__(self, place: str, detail: str) -> None:
        super().__init__(place, f"{place} is in a store that cannot do this", detail)


class NoSuchBucket(ObjectStoreProblem):
    """The bucket or container does not exist."""

    def __init__(self, place: str) -> None:
        super().__init__(place, f"{place} is in a bucket that does not exist")


class MissingObject(ObjectStoreProblem):
    """The object is not there."""

    def __init__(self, place: str) -> None:
        super().__init__(place, f"{place} does not exist")


class AlreadyThere(ObjectStoreProblem):
    """Something is there, or something else than was to be replaced."""

    def __init__(self, place: str) -> None:
        super().__init__(place, f"{place} is there already, or was changed by somebody else")


class WrongObject(ObjectStoreProblem):
    """What the store has is not what it should be.

    Attributes:
        expected: The sha256 that it should have.
    """

    passes = True

    def __init__(self, place: str, expected: str) -> None:
        self.expected = expected
        super().__init__(place, f"{place} is not what it should be: its sha256 is not {expected}")


class ClientMissing(ObjectStoreProblem):
    """The library that speaks to this kind of store is not installed."""

    def __init__(self, place: str, extra: str) -> None:
        self.extra = extra
        super().__init__(place, f"{place} needs mfenv[{extra}]: install it with `pip install 'mfenv[{extra}]'`")


class BadAddress(ObjectStoreProblem):
    """The address names no bucket of a kind that mfenv knows."""

    def __init__(self, place: str) -> None:
        super().__init__(place, f"{place} is no address of a bucket: s3://NAME, gs://NAME or az://NAME is expected")
