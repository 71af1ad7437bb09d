"""Every finding about requirement files, one function per cause. No message shows credentials."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Location, Severity
from mfenvd.domain.redact import redact

_NAMES_SHOWN = 5
_SHORTEST_SECRET = 4
_LONGEST_QUOTE = 200
_LONGEST_SENTENCE = 1000


class Unusable(Exception):  # noqa: N818 - it is a result that ends one entry or file, caught by its reader
    """An entry or a file that cannot be used, for the reason in `finding`."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def hide_values(finding: Finding, values: Mapping[str, str]) -> Finding:
    """`finding` with the value of each variable as `${NAME}` again. Very short values are no secrets and stay."""

    def hidden(text: str) -> str:
        for name, value in values.items():
            if len(value) >= _SHORTEST_SECRET:
                text = text.replace(value, f"${{{name}}}")
        return text

    return msgspec.structs.replace(
        finding,
        message=hidden(finding.message),
        fix=finding.fix and hidden(finding.fix),
        detail=tuple(map(hidden, finding.detail)),
    )


def _sentence(text: str) -> str:
    """A message or fix that may quote a file."""
    return _quoted(text, _LONGEST_SENTENCE)


def _quoted(text: str, longest: int = _LONGEST_QUOTE) -> str:
    """What a message quotes of a file: not all of it when it is long, and without credentials."""
    if len(text) <= longest:
        return redact(text)
    head = text[:longest]
    scheme = head.rfind("://") + 3
    if scheme > 2 and not {"@", "/"} & set(head[scheme:]):
        # The cut may have gone through credentials, which would not be recognised any more.
        head = head[:scheme]
    return f"{redact(head)} …"


def missing_file(path: Path, origin: Location | None) -> Finding:
    """`origin` is the place that refers to it; None when the file was asked for directly."""
    return Finding(
        code=Code.MISSING_FILE,
        severity=Severity.ERROR,
        message=f"{_sentence(str(path))} does not exist.",
        fix="Correct the path, or create the file.",
    ).located(origin or Location(str(path)))


def missing_links(path: Path, location: Location) -> Finding:
    return Finding(
        code=Code.MISSING_FILE,
        severity=Severity.WARNING,
        message=f"{_sentence(str(path))}, a place to find wheels in, does not exist.",
        fix="Correct the path, or remove the option.",
    ).located(location)


def unreadable(path: Path, reason: str, origin: Location | None) -> Finding:
    """`reason` continues the sentence that begins with the file's path."""
    return Finding(
        code=Code.UNREADABLE_FILE,
        severity=Severity.ERROR,
        message=f"{_sentence(str(path))} {reason}.",
        fix="Name a text file of requirements here.",
    ).located(origin or Location(str(path)))


def malformed(kind: str, reason: str, location: Location) -> Finding:
    """A TOML or YAML file that does not parse, or whose parts have the wrong type."""
    return Finding(
        code=Code.MALFORMED_FILE, severity=Severity.ERROR, message=f"This is not valid {kind}: {_quoted(reason)}."
    ).located(location)


def unsupported_format(path: Path, fix: str) -> Finding:
    return Finding(
        code=Code.UNSUPPORTED_FORMAT,
        severity=Severity.ERROR,
        message=f"mfenv does not read files like {path.name}.",
        fix=fix,
    ).located(Location(str(path)))


def wrong_type(name: str, expected: str, location: Location) -> Finding:
    """A value of a TOML file, named by its dotted key."""
    return Finding(
        code=Code.MALFORMED_FILE, severity=Severity.ERROR, message=f"`{name}` has to be {expected}."
    ).located(location)


def further(findings: Sequence[Finding]) -> Finding:
    """In place of `findings`, when a file has more than anybody reads."""
    severe = any(finding.severity is Severity.ERROR for finding in findings)
    return Finding(
        code=Code.BAD_REQUIREMENT,
        severity=Severity.ERROR if severe else Severity.WARNING,
        message=f"{len(findings)} more findings in this file are left out: is it a requirements file?",
    ).located(Location(findings[0].path) if findings[0].path else None)


def unknown_lock_version(version: str, location: Location) -> Finding:
    return Finding(
        code=Code.UNSUPPORTED_FORMAT,
        severity=Severity.ERROR,
        message=f"The lock's format has version {version}, which mfenv does not know.",
        fix="Update mfenv, or lock again with a tool that writes version 1.",
    ).located(location)


def include_loop(path: Path, location: Location) -> Finding:
    return Finding(
        code=Code.INCLUDE_LOOP,
        severity=Severity.ERROR,
        message=f"{path} is being read already: the files include each other, which pip refuses.",
        fix="Remove this line.",
    ).located(location)


def bad_requirement(text: str, reason: str, location: Location, fix: str | None = None) -> Finding:
    """`reason` is a sentence without its full stop."""
    return Finding(
        code=Code.BAD_REQUIREMENT,
        severity=Severity.ERROR,
        message=f"`{_quoted(text)}` is not a valid requirement: {_quoted(reason)}.",
        fix=redact(fix or "Write it as `name`, `name==1.2` or `name @ URL` (PEP 508)."),
    ).located(location)


def scp_like(address: str, url: str, location: Location) -> Finding:
    """`git@host:path`. It has a user and no password, so it is shown whole."""
    return Finding(
        code=Code.BAD_REQUIREMENT,
        severity=Severity.ERROR,
        message=f"pip does not know this form of a git address: {address}.",
        fix=f"Write `{url}`.",
    ).located(location)


def bad_line(reason: str, location: Location, fix: str | None = None) -> Finding:
    """A line that is no requirement at all; `reason` is a sentence."""
    return Finding(
        code=Code.BAD_REQUIREMENT, severity=Severity.ERROR, message=_sentence(reason), fix=fix and _sentence(fix)
    ).located(location)


def bad_conda_package(text: str, fault: str, location: Location | None) -> Finding:
    """MFE222: a conda package with a version that conda would not understand; `fault` follows "because"."""
    return Finding(
        code=Code.BAD_MATCH_SPEC,
        severity=Severity.ERROR,
        message=f"`{_quoted(text)}` is not how conda writes a package: {fault}.",
        fix="Write it as `name`, `name=1.2`, `name>=1.2,<2` or `channel::name`.",
    ).located(location)


def unsupported_option(
    consequence: str, location: Location, fix: str | None = None, severity: Severity = Severity.NOTICE
) -> Finding:
    """`consequence` names the option and says what happens instead."""
    return Finding(
        code=Code.UNSUPPORTED_OPTION, severity=severity, message=_sentence(consequence), fix=fix and _sentence(fix)
    ).located(location)


def bad_options(text: str, reason: str, location: Location) -> Finding:
    """Options of a line that cannot be understood; `reason` is a clause."""
    message = f"`{_quoted(text)}` cannot be understood: {_quoted(reason)}. It is left out."
    return Finding(
        code=Code.UNSUPPORTED_OPTION, severity=Severity.WARNING, message=message, fix="Correct or remove it."
    ).located(location)


def include_ignored(flag: str, others: Sequence[str], location: Location) -> Finding:
    """`-r a.txt -r b.txt` on one line."""
    message = f"pip reads only the first {flag} of a line and ignores {', '.join(others)}."
    return unsupported_option(message, location, "Write each on a line of its own.", Severity.WARNING)


def too_many_includes(path: Path, location: Location) -> Finding:
    return Finding(
        code=Code.INCLUDE_LOOP,
        severity=Severity.ERROR,
        message=f"{path} is not read: too many files are included before it, or around it.",
        fix="Include each file once, from one place.",
    ).located(location)


def long_line(length: int, location: Location) -> Finding:
    return bad_line(f"This line has {length} characters, which no requirement has.", location, "Split or remove it.")


def remote_include(url: str, location: Location) -> Finding:
    message = f"mfenv does not fetch {url}: what it says could change unseen."
    return unsupported_option(message, location, "Download the file and name the copy here.", Severity.ERROR)


def foreign_include(named: str, location: Location) -> Finding:
    message = f"{named} is not a requirements.txt and cannot be included in one."
    fix = f"Name {named} where this file is named."
    return unsupported_option(message, location, fix, Severity.ERROR)


def unset_variables(names: Sequence[str], location: Location) -> Finding:
    known = ", ".join(names)
    one = len(names) == 1
    return Finding(
        code=Code.UNKNOWN_VARIABLE,
        severity=Severity.ERROR,
        message=f"The environment variable{'' if one else 's'} {known} {'is' if one else 'are'} not set,"
        " so this line cannot be read.",
        fix=f"Set {known} in your shell, and run `mfenv up` there to tell the daemon.",
        data={"variables": list(names)},
    ).located(location)


def unnamed_local(path: Path, reason: str, location: Location) -> Finding:
    """`reason` says why its name is not known, continuing the sentence that begins with the path."""
    return Finding(
        code=Code.LOCAL_IN_FILE,
        severity=Severity.ERROR,
        message=f"{_sentence(str(path))} {reason}, so the name of its package is not known.",
        fix=f"Write `NAME @ {_sentence(path.as_uri())}` with the package's name.",
    ).located(location)


def unnamed_url(url: str, guess: str | None, location: Location) -> Finding:
    """`guess` is a name that the URL suggests."""
    name = guess or "NAME"
    suffix = "" if guess else " with the package's name"
    return Finding(
        code=Code.UNNAMED_URL,
        severity=Severity.ERROR,
        message=f"{_quoted(url)} does not say which package it is.",
        fix=f"Write `{name} @ {_quoted(url)}`{suffix}.",
    ).located(location)


def extras_in_egg(canonical: str, location: Location) -> Finding:
    """`…#egg=name[extra]`."""
    message = "Newer versions of pip refuse extras in `#egg=`."
    return unsupported_option(message, location, f"Write `{canonical}`.", Severity.WARNING)


def hash_left_out(names: Sequence[str], location: Location) -> Finding:
    """`names` are requirements without a hash in a file where others have one."""
    shown = ", ".join(names[:_NAMES_SHOWN]) + (" …" if len(names) > _NAMES_SHOWN else "")
    return Finding(
        code=Code.HASH_LEFT_OUT,
        severity=Severity.WARNING,
        message=f"{shown}: no hash, although others have one. pip installs nothing from such a file.",
        fix="Write the hashes of all of them, as `pip-compile --generate-hashes` does, or of none.",
        data={"packages": list(names)},
    ).located(location)


def dynamic(what: str, location: Location) -> Finding:
    """`what` names what only a build would say, as `The dependencies`."""
    return Finding(
        code=Code.DYNAMIC_DEPENDENCIES,
        severity=Severity.ERROR,
        message=f"{what} are dynamic: only building the project would tell them.",
        fix="Write them in the file, or run `uv pip compile pyproject.toml -o requirements.txt` and name that file.",
    ).located(location)


def poetry_dependencies(location: Location) -> Finding:
    return Finding(
        code=Code.DYNAMIC_DEPENDENCIES,
        severity=Severity.ERROR,
        message="The dependencies are written in Poetry's own form, which mfenv does not read.",
        fix="Write them under `[project]` as `dependencies = [...]`, or run `poetry export -o requirements.txt`"
        " and name that file.",
    ).located(location)


def source_marker(name: str, marker: str, location: Location) -> Finding:
    """A source of `[tool.uv.sources]` under a marker whose opposite is not known."""
    message = f"Where `{marker}` does not hold, {name} is left out."
    fix = f"Split the source of {name} so that each `marker` is one comparison."
    return unsupported_option(message, location, fix, Severity.WARNING)


def no_workspace_member(name: str, location: Location) -> Finding:
    return Finding(
        code=Code.LOCAL_IN_FILE,
        severity=Severity.ERROR,
        message=f"{name} is meant to be a member of the workspace, but no member has that name.",
        fix="Correct the name, or write `{ path = ... }` instead of `{ workspace = true }`.",
    ).located(location)


def unknown_choice(kind: str, name: str, known: Collection[str], location: Location) -> Finding:
    """`kind` is `dependency group` or `extra`; `known` are those that exist."""
    there = f"There are: {', '.join(sorted(known))}." if known else f"The file has no {kind}s."
    return Finding(
        code=Code.UNKNOWN_GROUP,
        severity=Severity.ERROR,
        message=f"The {kind} {name} does not exist.",
        fix=there,
    ).located(location)


def bad_group(reason: str, location: Location) -> Finding:
    """A dependency group that is not as PEP 735 says; `reason` is a sentence without its full stop."""
    return Finding(code=Code.UNKNOWN_GROUP, severity=Severity.ERROR, message=f"{reason}.").located(location)


def stale_lock(lock: str, requirement: str, locked: str, location: Location) -> Finding:
    """`locked` says what the lock has instead, continuing a sentence."""
    fix = "Run `uv lock`." if lock == "uv.lock" else "Lock the project again."
    return Finding(
        code=Code.STALE_LOCK,
        severity=Severity.WARNING,
        message=f"The project asks for `{_quoted(requirement)}`, but {lock} {_quoted(locked)}.",
        fix=fix,
    ).located(location)


def lock_gap(package: str, message: str, fix: str, detail: Sequence[str], location: Location) -> Finding:
    return Finding(
        code=Code.LOCK_GAP,
        severity=Severity.ERROR,
        message=message,
        package=package,
        fix=fix,
        detail=tuple(detail),
    ).located(location)


def lock_for_others(message: str, fix: str, location: Location) -> Finding:
    """The lock as a whole was not made for the target."""
    return Finding(code=Code.LOCK_GAP, severity=Severity.ERROR, message=message, fix=fix).located(location)
