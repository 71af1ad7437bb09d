from __future__ import annotations

import logging
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from mfenvd.daemon import logs
from mfenvd.daemon.secrets import basis, hide, scrubbed, secret_values, storable, withheld
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.surroundings import Surroundings

SECRETS = st.text(min_size=8, max_size=30).filter(lambda text: text.strip() == text and "*" not in text)
WORDS = st.text(max_size=20)


def of(**environ: str) -> Surroundings:
    return Surroundings("/p", environ=environ)


@given(SECRETS, WORDS, WORDS)
def test_outcome_never_keeps_a_secret_wherever_it_stands(secret: str, before: str, after: str) -> None:
    text = f"{before}{secret}{after}"
    finding = Finding("MFE501", Severity.ERROR, text, package=text, fix=text, detail=(text,), data={text: [text]})
    outcome = scrubbed(Outcome(findings=(finding,), failed=True), secret_values(of(PIP_PASSWORD=secret)))
    shown = repr(msgspec.to_builtins(outcome))
    assert repr(secret)[1:-1] not in shown
    assert outcome.failed


@given(SECRETS, WORDS, WORDS)
def test_text_never_keeps_a_secret(secret: str, before: str, after: str) -> None:
    assert secret not in hide(before + secret + after, secret_values(of(AWS_SECRET_ACCESS_KEY=secret)))


def test_outcome_without_secrets_is_the_same_object() -> None:
    outcome = Outcome(findings=(Finding("MFE501", Severity.ERROR, "no answer"),))
    assert scrubbed(outcome, ("hunter2-hunter2",)) is outcome


def test_a_secret_that_reads_like_a_word_of_ours_leaves_the_words_alone() -> None:
    outcome = Outcome(findings=(Finding("MFE501", Severity.WARNING, "warning: \x10000000"),))
    clean = scrubbed(outcome, ("warning", "0000000"))
    assert clean.findings[0].severity is Severity.WARNING
    assert "warning" not in clean.findings[0].message
    assert clean.findings[0].message.startswith("*")


def test_passwords_of_urls_are_secrets_as_written_and_as_meant() -> None:
    values = secret_values(of(PIP_INDEX_URL="https://ann:p%40ssword@one/s", UV_INDEX="x=https://bob:swordfish@two/s"))
    assert set(values) == {"p%40ssword", "p@ssword", "swordfish"}


def test_short_values_are_left_alone() -> None:
    assert secret_values(of(METAFLOW_SERVICE_AUTH_KEY="true")) == ()


def test_what_is_stored_has_no_secret_and_says_what_it_lacks() -> None:
    surroundings = of(
        PIP_PASSWORD="hunter2-hunter2", HTTPS_PROXY="http://ann:pw@proxy:3128", METAFLOW_USER="ann", AWS_REGION="x"
    )
    assert storable(surroundings).environ == {
        "HTTPS_PROXY": "http://proxy:3128", "METAFLOW_USER": "ann", "AWS_REGION": "x",
    }  # fmt: skip
    assert withheld(surroundings) == ("HTTPS_PROXY", "PIP_PASSWORD")


def test_basis_is_the_index_configuration_without_credentials() -> None:
    one = of(PIP_INDEX_URL="https://ann:pw@one/s", PATH="/bin", PIP_PASSWORD="hunter2-hunter2")
    assert basis(one) == basis(of(PIP_INDEX_URL="https://one/s", PATH="/usr/bin"))
    assert basis(one) == basis(storable(one))
    assert basis(one) != basis(of(PIP_INDEX_URL="https://two/s"))


def test_log_hides_secrets_in_messages_arguments_and_tracebacks(tmp_path: Path) -> None:
    path = tmp_path / "mfenvd.log"
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        formatter = logs.set_up(path, verbose=False, to_terminal=False)
        formatter.hide(("hunter2-hunter2",))
        try:
            int("no hunter2-hunter2 at https://ann:pw@one/s")
        except ValueError:
            logging.getLogger("mfenvd.test").exception("asked with %s", "hunter2-hunter2")
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)
    text = path.read_text()
    assert "asked with ****" in text
    assert "ValueError: invalid literal for int() with base 10: 'no **** at https://****@one/s'" in text
    assert "hunter2" not in text
    assert "pw@" not in text


def test_what_files_use_is_a_secret_whatever_it_is_called() -> None:
    surroundings = Surroundings("/p", environ={"CORP_LOGIN": "me-and-hush"}, used=("CORP_LOGIN",))

    assert secret_values(surroundings) == ("me-and-hush",)
    assert storable(surroundings).environ == {}
    assert withheld(surroundings) == ("CORP_LOGIN",)


def test_signed_links_are_secrets_as_written_and_as_meant() -> None:
    surroundings = of(PIP_FIND_LINKS="https://files.example/?sv=1&sig=abc%2Bdefgh")

    assert set(secret_values(surroundings)) == {"abc%2Bdefgh", "abc+defgh"}
    assert "abc" not in storable(surroundings).environ["PIP_FIND_LINKS"]
    assert withheld(surroundings) == ("PIP_FIND_LINKS",)
