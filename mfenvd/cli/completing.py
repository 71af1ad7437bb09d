"""What the shell completes."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterable, Iterator, MutableMapping, Sequence


def complete_alias(incomplete: str) -> list[str]:
    """The aliases that begin so. A shell that completes is told nothing of what is wrong."""
    from mfenvd.cli.errors import CommandError
    from mfenvd.cli.shared import shared_environments

    try:
        return [alias for alias in shared_environments().aliases() if alias.startswith(incomplete)]
    except (CommandError, OSError):
        return []


def as_words(found: Iterable[str]) -> list[str]:
    """What is `found`, as it is to stand on the command line: bash takes it as it comes, other shells quote it."""
    if os.environ.get("_MFENV_COMPLETE") != "complete_bash":
        return list(found)
    return [re.sub(r"([^\w@%+=:,./~-])", r"\\\1", each) for each in found]


@contextlib.contextmanager
def beyond_colons(environ: MutableMapping[str, str]) -> Iterator[None]:
    """Lets what completes see whole words, and bash only what comes behind the last colon of the one it completes.

    bash breaks words at colons: `team/env:v1` comes as `team/env`, `:` and `v1`.

    Args:
        environ: Of a process that bash asks for completions.
    """
    words, position = environ.get("COMP_WORDS", "").split(), environ.get("COMP_CWORD", "")
    if ":" not in words or not position.isdecimal():
        yield
        return
    mended, typed = _joined(words[: int(position) + 1])
    environ["COMP_WORDS"], environ["COMP_CWORD"] = " ".join(mended), str(len(mended) - 1)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            yield
    finally:
        for line in said.getvalue().splitlines():
            print(line.removeprefix(typed))  # noqa: T201 - this is how bash is answered


def _joined(words: Sequence[str]) -> tuple[list[str], str]:
    """The words, and the beginning of the last one up to its last colon, that included."""
    found: list[str] = []
    typed, glue = "", False
    for word in words:
        if found and (glue or word == ":"):
            found[-1] += word
            typed = found[-1] if word == ":" else typed
        else:
            found.append(word)
            typed = ""
        glue = word == ":"
    return found, typed
