"""How a project's scripts launch its flows: what they attach with `--with`, and what they deploy to."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import msgspec

from mfenvd.domain.finding import Location
from mfenvd.flows.decospecs import Decospec, parse_decospec

if TYPE_CHECKING:
    from mfenvd.flows.shell_lines import CommandLine

LARGEST_SCRIPT = 1 << 20
"""Bytes; a longer file is generated, not written."""

DEPLOYERS = {"argo-workflows": "kubernetes", "step-functions": "batch", "airflow": "kubernetes"}
"""What `create` of each attaches to every step (Metaflow 2.19.39)."""

_UNKNOWN = "\x00"
"""Stands for the value of a variable that is not known."""

_VARIABLE = re.compile(r"\$\{\{.*?\}\}|\{\{.*?\}\}|\$\{(\w+)[^}]*\}|\$\((\w+)\)|\$(\w+)|\$[@*#?!-]")
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)|`([^`]*)`")
_ASSIGNMENT = re.compile(r"\s*(?:export\s+|local\s+|readonly\s+)?(\w+)\s*(?::=|\?=|=)\s*(\S.*?)?\s*$")
_PREFIX_ASSIGNMENT = re.compile(r"(\w+)=(.*)", re.DOTALL)
_PUNCTUATION = frozenset("();<>|&")
_NOT_RUN = frozenset({"echo", "printf", "cat", "grep", "ls", "rm", "cp", "mv", "git", "test", "["})
_SHEBANG = re.compile(r"#!.*\b(?:ba|z|da|k)?sh\b")
_PREFIXES = frozenset({"env", "exec", "time", "nohup"})
_RUNS = frozenset({"run", "resume"})


class Launch(msgspec.Struct, frozen=True):
    """One command that launches a flow.

    Attributes:
        candidates: Absolute paths that the command's file name can mean, the likeliest first.
        decospecs: What it attaches to every step.
        location: Where it stands.
        phrase: How the reason for a target names it: `--with batch in deploy.sh:3`.
        command: `run` for `resume` too, or the deployer.
    """

    candidates: tuple[str, ...]
    decospecs: tuple[Decospec, ...]
    location: Location
    phrase: str
    command: str = "run"


class _Found(msgspec.Struct, frozen=True):
    """A launch before its file is looked for."""

    file: str
    decospecs: tuple[Decospec, ...]
    phrase: str
    command: str


class _Shell:
    """Where a shell is, as far as its `cd`s say: None before the first."""

    def __init__(self, folder: str | None) -> None:
        self.folder = folder
        self._outer: list[str | None] = []

    def takes(self, words: list[str]) -> bool:
        """Whether the command only moves the shell: `cd`, or the begin or end of a subshell."""
        if words == ["("]:
            self._outer.append(self.folder)
        elif words == [")"]:
            self.folder = self._outer.pop() if self._outer else self.folder
        elif words[0] in {"cd", "pushd"} and len(words) > 1:
            step = words[1] if words[1] != "-" else _UNKNOWN
            self.folder = step if step.startswith(("/", _UNKNOWN)) else f"{self.folder or '.'}/{step}"
        else:
            return False
        return True


class LaunchScanner:
    """The launches of a project's scripts; a script is read again only when it has changed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, tuple[tuple[int, int], tuple[Launch, ...]]] = {}

    def scan(self, path: str) -> tuple[Launch, ...]:
        """The launches in the script at `path`; none when it is gone, too large, or not text."""
        try:
            status = Path(path).stat()
        except OSError:
            self._known.pop(path, None)
            return ()
        mark = (status.st_mtime_ns, status.st_size)
        known = self._known.get(path)
        if known is None or known[0] != mark:
            known = (mark, self._read(path) if status.st_size <= LARGEST_SCRIPT else ())
            self._known[path] = known
        return known[1]

    def forget(self, path: str) -> None:
        self._known.pop(path, None)

    def _read(self, path: str) -> tuple[Launch, ...]:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ()
        if not PurePath(path).suffix and text.startswith("#!") and not _SHEBANG.match(text):
            return ()
        # Most scripts launch no flow at all; this spares parsing them.
        if "--with" not in text and not any(deployer in text for deployer in DEPLOYERS) and "DECOSPECS" not in text:
            return ()
        return tuple(find_launches(path, text, self._root))


def find_launches(path: str, text: str, root: Path) -> Iterator[Launch]:
    """The launches in the script `text` at the absolute `path` that attach something."""
    from mfenvd.flows.shell_lines import command_lines  # late: it loads a YAML parser

    lines = command_lines(path, text)
    variables = _constants(lines)
    shells: dict[int, _Shell] = {}
    for line in lines:
        shell = shells.setdefault(line.block, _Shell(line.folder))
        for words in _commands(line.text, variables):
            if shell.takes(words):
                continue
            found = _launched(words)
            if found is None:
                continue
            place = f"{os.path.relpath(path, root)}:{line.line}".replace(os.sep, "/")
            yield Launch(
                tuple(_candidates(found.file, shell.folder or line.folder, path, root)),
                found.decospecs,
                Location(path, line.line),
                f"{found.phrase} in {place}",
                found.command,
            )


def _constants(lines: list[CommandLine]) -> dict[str, str]:
    """Variables that the script sets once, to plain text."""
    values: dict[str, str | None] = {}
    for line in lines:
        match = _ASSIGNMENT.match(line.text)
        if match is None:
            continue
        name, value = match[1], (match[2] or "").strip("\"'")
        plain = not re.search(r"[$`{]", value) and name not in values
        values[name] = value if plain else None
    return {name: value for name, value in values.items() if value is not None}


def _commands(text: str, variables: Mapping[str, str]) -> Iterator[list[str]]:
    """The simple commands of a line, split into words without quotes; unknown values are `_UNKNOWN`."""
    expanded = _VARIABLE.sub(lambda match: _value(match, variables), text)
    # What a substitution runs is a command of its own.
    for match in _SUBSTITUTION.finditer(expanded):
        yield from _commands(match[1] or match[2] or "", {})
    expanded = _SUBSTITUTION.sub(_UNKNOWN, expanded)
    lexer = shlex.shlex(expanded, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    try:
        for word in lexer:
            if word.startswith("#"):
                break
            if _PUNCTUATION.issuperset(word):
                if words:
                    yield words
                words = []
                yield from ([mark] for mark in word if mark in "()")
            else:
                words.append(word)
    except ValueError:
        # A quote that another line closes.
        return
    if words:
        yield words


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name = match[1] or match[2] or match[3]
    return variables.get(name, _UNKNOWN) if name else _UNKNOWN


def _launched(words: list[str]) -> _Found | None:
    """What a command launches; None when it launches nothing or attaches nothing that runs elsewhere."""
    rest = list(words)
    found: list[tuple[Decospec, str]] = []
    while rest and (rest[0] in _PREFIXES or _PREFIX_ASSIGNMENT.fullmatch(rest[0])):
        found += _assigned(rest.pop(0))
    if not rest or PurePath(rest[0]).name in _NOT_RUN:
        return None
    file, arguments = _flow_file(rest)
    if file is None:
        # A command in quotes: `bash -c "…"`, `ssh host "…"`, Jenkins' `sh '…'`.
        nested = (inner for word in rest if " " in word and ".py" in word for inner in _commands(word, {}))
        return next((launch for launch in map(_launched, nested) if launch), None)
    # An option comes before what a deployer attaches: its image is the one that counts.
    found += [(spec, f"launched --with {spec.name}") for spec in _with_options(arguments)]
    command = "run"
    if not _RUNS & set(arguments):
        deployer = next((word for word in arguments if word in DEPLOYERS), None)
        if deployer is None or "create" not in arguments[arguments.index(deployer) :]:
            return None
        command = deployer
        specs = [spec for spec, _ in found] + [Decospec(DEPLOYERS[deployer])]
        found = [(spec, f"{deployer} create") for spec in specs]
    remote = {spec.name: (spec, phrase) for spec, phrase in reversed(found) if spec.is_remote}
    if not remote:
        return None
    decospecs, phrases = zip(*reversed(remote.values()), strict=True)
    resources = tuple(spec for spec, _ in found if spec.name == "resources" and spec.gpu)
    decospecs = (*decospecs, *resources)
    return _Found(file, decospecs, ", ".join(dict.fromkeys(phrases)), command)


def _assigned(word: str) -> Iterator[tuple[Decospec, str]]:
    match = _PREFIX_ASSIGNMENT.fullmatch(word)
    if match and re.fullmatch(r"METAFLOW_(?:\w+_)?DECOSPECS", match[1]):
        for text in match[2].split():
            if _UNKNOWN not in text:
                spec = parse_decospec(text)
                yield spec, f"launched with {match[1]}={spec.name}"


def _flow_file(words: list[str]) -> tuple[str | None, list[str]]:
    """The Python file that a command runs and the arguments after it."""
    for index, word in enumerate(words):
        if word == "-m" and index + 1 < len(words) and re.fullmatch(r"[\w.]+", words[index + 1]):
            if re.search(r"python[\d.]*$|^" + _UNKNOWN, words[index - 1]):
                return words[index + 1].replace(".", "/") + ".py", words[index + 2 :]
        elif word.endswith(".py") and " " not in word:
            return word, words[index + 1 :]
    return None, []


def _with_options(arguments: list[str]) -> Iterator[Decospec]:
    for index, word in enumerate(arguments):
        text = ""
        if word.startswith("--with="):
            text = word.partition("=")[2]
        elif word == "--with" and index + 1 < len(arguments):
            text = arguments[index + 1]
        spec = parse_decospec(text)
        if re.fullmatch(r"[\w.]+", spec.name):
            yield spec if _UNKNOWN not in (spec.image or "") else Decospec(spec.name, image_known=False)


def _candidates(file: str, folder: str | None, script: str, root: Path) -> Iterator[str]:
    """Where the command's file can be: from its folder, the script's folder, the project's root."""
    head, _, tail = file.partition("/")
    if _UNKNOWN in head and tail and _UNKNOWN not in tail:
        # `$HERE/flow.py`: the script's own folder as a rule.
        file = tail
    if _UNKNOWN in file:
        return
    bases = [Path(script).parent, root]
    if folder and _UNKNOWN not in folder:
        bases = [base / folder for base in bases]
    for base in dict.fromkeys(bases):
        yield os.path.normpath(base / file)
