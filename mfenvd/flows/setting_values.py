"""What each key of mfenv's configuration may hold: from what TOML says to what the settings carry."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mfenvd.domain.alias import BadAliasError, parse_alias
from mfenvd.domain.arch import Arch
from mfenvd.domain.pins import DATASTORES
from mfenvd.domain.request import MixedSolver
from mfenvd.flows.decorator_names import STEP_DECORATORS

_PYTHON = re.compile(r"3\.\d+(\.\d+)?t?")
_GLIBC = re.compile(r"2\.\d+")
_SIZE = re.compile(r"(\d+) ?(KiB|MiB|GiB)")
_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_DURATION = re.compile(r"(\d+) ?(hour|day|week)s?")
_SECONDS = {"hour": 3600.0, "day": 24 * 3600.0, "week": 7 * 24 * 3600.0}
_VERSION = re.compile(r"\d+(\.\d+)?")
_DECOSPEC = re.compile(r"[A-Za-z_][\w.]*(:.*)?")


_MISSPELT = 80
"""Likeness to one of Metaflow's decorators from which a word is no decorator of somebody else."""


class BadValueError(ValueError):
    """A value that its key cannot have. `item` is the index of the array item to blame."""

    def __init__(self, message: str, fix: str | None = None, item: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.item = item


Check = Callable[[Any, Path], Any]
"""From a TOML value and the folder of its file to the value of the settings; raises BadValueError."""


def nearest(word: str, words: Iterable[str], likeness: float = 60) -> str | None:
    """The one of `words` that `word` was probably meant to be; 100 is the greatest likeness."""
    from rapidfuzz import fuzz, process  # late: only a mistake needs it

    known = {choice.lower().replace("_", "-"): choice for choice in words}
    found = process.extractOne(word.lower().replace("_", "-"), list(known), scorer=fuzz.ratio, score_cutoff=likeness)
    return known[found[0]] if found else None


def arch(value: Any, item: int | None = None) -> Arch:
    """An arch by its conda subdir."""
    try:
        return Arch(value)
    except ValueError:
        close = nearest(str(value), [str(a) for a in Arch])
        fix = f'Write "{close}".' if close else f"Use one of {', '.join(Arch)}."
        raise BadValueError(f"{value!r} is not an arch", fix, item) from None


def _archs(value: Any, _folder: Path) -> tuple[Arch, ...]:
    return tuple(dict.fromkeys(arch(text, index) for index, text in enumerate(_strings(value, "archs"))))


def _decospecs(value: Any, _folder: Path) -> tuple[str, ...]:
    for index, text in enumerate(_strings(value, "with")):
        name = text.partition(":")[0]
        close = nearest(name, STEP_DECORATORS, _MISSPELT)
        if close and close != name:
            raise BadValueError(f"There is no decorator {name!r}", f'Write "{close}{text[len(name) :]}".', index)
        if not _DECOSPEC.fullmatch(text):
            raise BadValueError(
                f"{text!r} is not a decorator", 'Write it as after `--with`: "batch", "kubernetes:cpu=4".', index
            )
    return tuple(value)


def _texts(key: str) -> Check:
    return lambda value, _folder: tuple(_strings(value, key))


def _requirements(value: Any, folder: Path) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) and value else _strings(value, "requirements")
    return tuple(_absolute(text, folder) for text in texts)


def _interpreter(value: Any, folder: Path) -> str:
    if not isinstance(value, str) or not value:
        raise BadValueError(
            "`interpreter` is the path of a Python", 'Write it as in `interpreter = ".venv/bin/python"`.'
        )
    return _absolute(value, folder)


def _datastore(value: Any, _folder: Path) -> str:
    if value not in DATASTORES:
        close = nearest(str(value), DATASTORES)
        raise BadValueError(
            f"{value!r} is not a datastore", f'Use "{close}".' if close else f"Use one of {', '.join(DATASTORES)}."
        )
    return str(value)


def _mixed_resolver(value: Any, _folder: Path) -> MixedSolver:
    try:
        return MixedSolver(value)
    except ValueError:
        known = " or ".join(f'"{solver}"' for solver in MixedSolver)
        raise BadValueError(f"`mixed-resolver` cannot be {value!r}", f"Use {known}.") from None


def _max_workers(value: Any, _folder: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadValueError("`max-workers` is a whole number from 1", "Write it as in `max-workers = 2`.")
    return value


def _alias(value: Any, _folder: Path) -> str:
    try:
        alias = parse_alias(value if isinstance(value, str) else "")
    except BadAliasError as bad:
        raise BadValueError(f"`alias` cannot be {value!r}: {bad.reason}", bad.fix) from None
    if not alias.can_be_given:
        raise BadValueError(f"`alias` cannot be {value!r}, a name that Metaflow gives", "Write a name and a tag.")
    return str(alias)


def _image(value: Any, _folder: Path) -> str:
    if not isinstance(value, str) or not value or value != value.strip():
        raise BadValueError("`image` is the name of a container image", 'Write it as in `image = "amazonlinux:2"`.')
    return value


def _version(key: str, pattern: re.Pattern[str], example: str) -> Check:
    def check(value: Any, _folder: Path) -> str:
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        # TOML reads 3.10 as the number 3.1: the digits that were written are lost.
        quoted = " in quotes" if isinstance(value, (int, float)) else ""
        raise BadValueError(f"`{key}` cannot be {value!r}", f'Write it{quoted} as in `{key} = "{example}"`.')

    return check


def _strings(value: Any, key: str) -> list[str]:
    if not isinstance(value, list):
        raise BadValueError(f"`{key}` is a list of strings", f'Write it as in `{key} = ["…"]`.')
    for index, item in enumerate(value):
        if not isinstance(item, str) or not item:
            raise BadValueError(f"`{key}` is a list of strings, and {item!r} is none", "Put it in quotes.", index)
    return value


def _absolute(text: str, folder: Path) -> str:
    return str(Path(folder, Path(text).expanduser()).absolute())


def _text(key: str, example: str) -> Check:
    def check(value: Any, _folder: Path) -> str:
        if isinstance(value, str) and value and value == value.strip():
            return value
        raise BadValueError(f"`{key}` cannot be {value!r}", f'Write it as in `{key} = "{example}"`.')

    return check


def _flag(key: str) -> Check:
    def check(value: Any, _folder: Path) -> bool:
        if isinstance(value, bool):
            return value
        raise BadValueError(f"`{key}` is true or false", f"Write it as in `{key} = true`.")

    return check


def _bandwidth(value: Any, _folder: Path) -> int:
    """Bytes a second."""
    size = parse_size(value)
    if not size:
        raise BadValueError(f"`bandwidth` cannot be {value!r}", 'Write bytes a second, as in `bandwidth = "4MiB"`.')
    return size


def _max_size(value: Any, _folder: Path) -> int:
    size = parse_size(value)
    if size is None:
        raise BadValueError(f"`max-size` cannot be {value!r}", 'Write it as in `max-size = "20GiB"`.')
    return size


def _duration(key: str, example: str) -> Check:
    def check(value: Any, _folder: Path) -> float:
        """Seconds."""
        duration = parse_duration(value)
        if duration is None:
            raise BadValueError(f"`{key}` cannot be {value!r}", f'Write it as in `{key} = "{example}"`.')
        return duration

    return check


def parse_size(value: object) -> int | None:
    """Bytes of `20GiB`; None where it is no size."""
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) * _UNITS[found[2]] if found else None


def parse_duration(value: object) -> float | None:
    """Seconds of `90 days`; None where it is no duration."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) * _SECONDS[found[2]] if found else None


PROJECT_KEYS: dict[str, Check] = {
    "archs": _archs,
    "with": _decospecs,
    "python": _version("python", _PYTHON, "3.11"),
    "interpreter": _interpreter,
    "datastore": _datastore,
    "exclude": _texts("exclude"),
    "mixed-resolver": _mixed_resolver,
    "max-workers": _max_workers,
}
"""Of the top level, besides the tables `targets`, `envs` and `mirror`."""

TARGET_KEYS: dict[str, Check] = {
    "glibc": _version("glibc", _GLIBC, "2.26"),
    "macos": _version("macos", _VERSION, "13.0"),
    "python": _version("python", _PYTHON, "3.11"),
    "cuda": _version("cuda", _VERSION, "12.4"),
    "image": _image,
}
"""Of `targets.ARCH`."""

ENVIRONMENT_KEYS: dict[str, Check] = {
    "requirements": _requirements,
    "extras": _texts("extras"),
    "groups": _texts("groups"),
    "packages": _texts("packages"),
    "conda": _texts("conda"),
    "channels": _texts("channels"),
    "python": _version("python", _PYTHON, "3.11"),
    "archs": _archs,
    "alias": _alias,
}
"""Of `envs.NAME`."""

MIRROR_KEYS: dict[str, Check] = {
    "endpoint": _text("endpoint", "https://s3.example"),
    "profile": _text("profile", "team"),
    "role": _text("role", "arn:aws:iam::123456789012:role/team"),
    "region": _text("region", "eu-west-1"),
    "bandwidth": _bandwidth,
    "read-only": _flag("read-only"),
    "pause-on-battery": _flag("pause-on-battery"),
    "pause-on-metered": _flag("pause-on-metered"),
    "share-resolutions": _flag("share-resolutions"),
    "resolution-age": _duration("resolution-age", "12 hours"),
}
"""Of `mirror`."""

CACHE_KEYS: dict[str, Check] = {"max-size": _max_size, "max-age": _duration("max-age", "90 days")}
"""Of `cache`, in the user's file."""
