"""Who asks the extension is not kept waiting by its datastore, whatever the client of that does."""

from __future__ import annotations

import signal
import time

import pytest

from mfenvd.warm.netflixext.extension_side import Patience, SilentDatastoreError


class Client:
    """Tries again for ever, as clients of datastores nearly do."""

    def __init__(self) -> None:
        self.tries = 0

    def ask(self, name: str, *, answers: bool) -> str:
        while not answers:
            self.tries += 1
            try:
                time.sleep(60)
            except Exception:  # noqa: BLE001, S112 - as they have it
                continue
        return name


def test_what_answers_is_passed_on_and_leaves_no_alarm() -> None:
    before = signal.getsignal(signal.SIGALRM)
    assert Patience(60).limit(Client().ask)("name", answers=True) == "name"
    assert (signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)) == (before, (0.0, 0.0))


def test_what_does_not_answer_is_given_up_and_not_asked_again() -> None:
    before = signal.getsignal(signal.SIGALRM)
    client, patience = Client(), Patience(0.05)
    for _ in range(2):
        with pytest.raises(SilentDatastoreError, match=r"does not answer within 0\.05 seconds"):
            patience.limit(client.ask)("name", answers=False)
    with pytest.raises(SilentDatastoreError):
        patience.limit(client.ask)("name", answers=True)
    assert client.tries == 1
    assert (signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)) == (before, (0.0, 0.0))
