"""Why an index gave no answer: one class per cause. Messages never hold credentials."""

from __future__ import annotations

from mfenvd.domain.redact import redact, shown_url


class IndexProblem(Exception):  # noqa: N818 - its subclasses say what the index does
    """An index that should have answered did not give a usable answer.

    Attributes:
        index: Its URL or path, without credentials.
        detail: What happened, in a few words that follow "because" well.
        is_file: `index` is the address of a single file, which a requirement names or an index lists elsewhere.
    """

    def __init__(self, index: str, detail: str, message: str, *, is_file: bool = False) -> None:
        super().__init__(message)
        self.index = index
        self.detail = detail
        self.is_file = is_file


class IndexUnreachable(IndexProblem):
    """No answer, an incomplete one, or an error of the server's own (5xx), after all attempts."""

    def __init__(self, index: str, detail: str, *, is_file: bool = False) -> None:
        index, detail = shown_url(index), redact(detail)
        message = f"{index} cannot be fetched" if is_file else f"The package index {index} does not answer"
        super().__init__(index, detail, f"{message}: {detail}.", is_file=is_file)


class IndexRefuses(IndexProblem):
    """401 or 403. `had_credentials` tells a wrong password from a missing one."""

    def __init__(self, index: str, status: int, *, had_credentials: bool, is_file: bool = False) -> None:
        self.status = status
        self.had_credentials = had_credentials
        index = shown_url(index)
        sent = "the credentials that mfenv has for it" if had_credentials else "a request without credentials"
        place = f"The server of {index}" if is_file else f"The package index {index}"
        super().__init__(index, f"HTTP status {status}", f"{place} refuses {sent} (HTTP {status}).", is_file=is_file)


class IndexUnreadable(IndexProblem):
    """An answer that is not an index page, or a file that is not what its name says."""

    def __init__(self, index: str, detail: str) -> None:
        index, detail = shown_url(index), redact(detail)
        super().__init__(index, detail, f"The package index {index} answers with something unusable: {detail}.")


class NoSuchPackage(LookupError):  # noqa: N818 - said as it is
    """Every index answered, and none has the package."""

    def __init__(self, name: str, indexes: tuple[str, ...]) -> None:
        self.name = name
        self.indexes = tuple(map(shown_url, indexes))
        where = ", ".join(self.indexes) or "any place that is configured"
        super().__init__(f"There is no package {name} in {where}.")
