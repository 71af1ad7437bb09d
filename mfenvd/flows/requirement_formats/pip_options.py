"""The options that a requirements file may have: pip's, and those that metaflow-netflixext adds."""

from __future__ import annotations

import optparse
import shlex
from typing import Any, NoReturn

import msgspec

_HASH_ALGORITHMS = ("sha256", "sha384", "sha512")


class OptionError(Exception):
    """The options of a line cannot be understood."""


class Options(msgspec.Struct, frozen=True):
    """What the options of one line say; names as in pip's documentation.

    Attributes:
        given: The long names of the options on the line, in order.
        leftover: Words that belong to no option.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    no_index: bool = False
    constraints: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    editables: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_binary: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    prefer_binary: bool = False
    require_hashes: bool = False
    no_require_hashes: bool = False
    pre: bool = False
    all_releases: tuple[str, ...] = ()
    only_final: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    config_settings: tuple[str, ...] = ()
    conda_packages: tuple[str, ...] = ()
    conda_channels: tuple[str, ...] = ()
    system_packages: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    leftover: tuple[str, ...] = ()


# Flags, whether a value follows, and the field of `Options`. pip 26.3, and metaflow-netflixext 1.3.17 (the last three).
_FLAGS: tuple[tuple[tuple[str, ...], bool, str], ...] = (
    (("-i", "--index-url", "--pypi-url"), True, "index_url"),
    (("--extra-index-url",), True, "extra_index_urls"),
    (("--no-index",), False, "no_index"),
    (("-c", "--constraint"), True, "constraints"),
    (("-r", "--requirement"), True, "requirements"),
    (("-e", "--editable"), True, "editables"),
    (("-f", "--find-links"), True, "find_links"),
    (("--no-binary",), True, "no_binary"),
    (("--only-binary",), True, "only_binary"),
    (("--prefer-binary",), False, "prefer_binary"),
    (("--require-hashes",), False, "require_hashes"),
    (("--no-require-hashes",), False, "no_require_hashes"),
    (("--pre",), False, "pre"),
    (("--all-releases",), True, "all_releases"),
    (("--only-final",), True, "only_final"),
    (("--trusted-host",), True, "trusted_hosts"),
    (("--use-feature",), True, "features"),
    (("--hash",), True, "hashes"),
    (("-C", "--config-settings"), True, "config_settings"),
    (("--conda-pkg",), True, "conda_packages"),
    (("--conda-channel",), True, "conda_channels"),
    (("--sys-pkg",), True, "system_packages"),
)


def split_line(line: str) -> tuple[str, str]:
    """The requirement of a line, and its options: from the first word, after a blank, that begins with a dash."""
    words = line.split(" ")
    first = next((index for index, word in enumerate(words) if word.startswith("-")), len(words))
    return " ".join(words[:first]), " ".join(words[first:])


def parse_options(text: str) -> Options:
    """The options in `text`, abbreviated and quoted as pip allows it.

    Raises:
        OptionError: An option is unknown, ambiguous, lacks its value, or has one that it cannot have.
    """
    if not text.strip():
        return Options()
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise OptionError(f"its quotes do not match ({str(error).lower()})") from None
    found: dict[str, Any] = {}
    given: list[str] = []
    _, leftover = _parser(found, given).parse_args(words)
    wrong = next((text for text in found.get("hashes", ()) if not _is_hash(text)), None)
    if wrong is not None:
        raise OptionError(f"`--hash={wrong}` is not one of {', '.join(_HASH_ALGORITHMS)}, a colon and the digest")
    return msgspec.convert({**found, "given": given, "leftover": leftover}, Options)


def _is_hash(text: str) -> bool:
    algorithm, _, digest = text.partition(":")
    return algorithm in _HASH_ALGORITHMS and digest != ""


class _Parser(optparse.OptionParser):
    """Says what is wrong instead of ending the process.

    optparse rather than argparse: it is what pip uses, so abbreviations and glued values mean the same.
    """

    def error(self, msg: str) -> NoReturn:
        raise OptionError(msg)


def _parser(found: dict[str, Any], given: list[str]) -> _Parser:
    parser = _Parser(add_help_option=False)

    def collect(option: optparse.Option, _flag: str, value: Any, _parser: optparse.OptionParser, field: str) -> None:
        given.append(option.get_opt_string())
        if field == "index_url":
            found[field] = value
        elif value is None:
            found[field] = True
        else:
            found.setdefault(field, []).append(value)

    for flags, has_value, field in _FLAGS:
        if has_value:
            parser.add_option(*flags, action="callback", callback=collect, callback_args=(field,), type="string")
        else:
            parser.add_option(*flags, action="callback", callback=collect, callback_args=(field,))
    return parser
