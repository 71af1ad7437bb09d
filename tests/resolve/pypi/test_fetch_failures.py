"""What uv could not fetch is told from its words."""

from __future__ import annotations

import pytest

from mfenvd.resolve.index.configuration import IndexConfiguration
from mfenvd.resolve.index.errors import IndexRefuses, IndexUnreachable, IndexUnreadable
from mfenvd.resolve.pypi.fetch_failures import Address, bad_address, index_problem

INDEX = "https://index.example/simple"
CONFIG = IndexConfiguration(INDEX)
REFUSED = "  cause: error sending request for url ({0})\n  cause: Connection refused (os error 111)"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            f"error: Failed to fetch: `{INDEX}/demo/`\n" + REFUSED.format(f"{INDEX}/demo/"),
            f"The package index {INDEX} does not answer: Connection refused (os error 111).",
        ),
        (
            f"error: Failed to download `demo @ {INDEX}/demo-1.0-py3-none-any.whl`\n  cause: Failed to fetch: x\n"
            + REFUSED.format(f"{INDEX}/demo-1.0-py3-none-any.whl"),
            f"{INDEX}/demo-1.0-py3-none-any.whl cannot be fetched: Connection refused (os error 111).",
        ),
        (
            (
                "error: Failed to download `demo==1.0`\n  cause: Failed to fetch: https://files.example/demo-1.0.whl\n"
                "  cause: HTTP status server error (503 Service Unavailable) for url (https://files.example/demo-1.0.whl)"
            ),
            "https://files.example/demo-1.0.whl cannot be fetched: HTTP status 503.",
        ),
    ],
)
def test_who_does_not_answer(words: str, message: str) -> None:
    problem = index_problem(words, CONFIG)

    assert isinstance(problem, IndexUnreachable)
    assert str(problem) == message
    assert bad_address(words) is None


def test_who_answers_with_something_else() -> None:
    words = (
        f"error: Received some unexpected JSON from `{INDEX}/demo/`\n"
        "  cause: invalid type: string, expected u64 at line 1 column 259"
    )
    problem = index_problem(words, CONFIG)

    assert isinstance(problem, IndexUnreadable)
    assert str(problem) == (
        f"The package index {INDEX} answers with something unusable: JSON that is no index page "
        "(invalid type: string, expected u64 at line 1 column 259)."
    )


def test_who_refuses() -> None:
    words = (
        "error: Failed to download `demo @ https://****@files.example/demo-1.0-py3-none-any.whl`\n"
        "  cause: HTTP status client error (403 Forbidden) for url (https://files.example/demo-1.0-py3-none-any.whl)"
    )
    problem = index_problem(words, CONFIG)

    assert isinstance(problem, IndexRefuses)
    assert problem.status == 403
    assert problem.had_credentials
    assert problem.is_file


@pytest.mark.parametrize(
    ("causes", "reason"),
    [
        ("  cause: HTTP status client error (404 Not Found) for url (x)", "there is no such file (HTTP 404)"),
        ("  cause: Failed to read metadata: x\n  cause: Not a zip.", "it is not a valid wheel (Not a zip)"),
    ],
)
def test_an_address_that_gives_no_wheel(causes: str, reason: str) -> None:
    url = "https://files.example/Demo-1.0-py3-none-any.whl"

    assert bad_address(f"error: Failed to download `Demo[extra] @ {url}`\n{causes}") == Address("Demo", url, reason)


def test_other_words_are_not_about_fetching() -> None:
    assert index_problem("error: something else", CONFIG) is None
    assert bad_address("error: Failed to download `demo==1.0`\n  cause: it is not a zip") is None
