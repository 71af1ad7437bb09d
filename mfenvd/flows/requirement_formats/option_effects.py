"""What a line of options changes, and what is said about those that change nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from mfenvd.domain.finding import Finding, Location, Severity
from mfenvd.domain.match_specs import package_name
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.conda_spec import spec_fault, split_conda_spec
from mfenvd.flows.requirement_formats.model import Draft
from mfenvd.flows.requirement_formats.pip_options import Options

_URL = re.compile(r"[a-z][a-z0-9+.-]*://|file:", re.IGNORECASE)
_SYSTEM_PACKAGE = re.compile(
    r"(?P<name>__glibc(?=\s*={1,2}\s*2\.\d+(?:=|$))|__cuda)\s*={1,2}\s*(?P<version>\d+(?:\.\d+)?)(?:=\S*)?"
)


def apply_options(options: Options, draft: Draft, location: Location, folder: Path) -> None:
    """Puts a line's options into `draft`; `folder` is the file's, for relative `--find-links`."""
    if options.hashes:
        text = "This `--hash` has no requirement before it, so pip ignores it."
        draft.findings.append(findings.unsupported_option(text, location, "Write it behind a requirement."))
    _apply_indexes(options, draft, location, folder)
    draft.pre |= options.pre or ":all:" in options.all_releases
    draft.channels += options.conda_channels
    draft.findings += _without_effect(options, location)
    words = list(options.leftover)
    for text in options.conda_packages:
        package = split_conda_spec(" ".join([text, *words]))
        words = []
        fault = spec_fault(*package) if package else "it does not begin with a name"
        if package is not None and fault is None:
            draft.conda.append(package)
            draft.conda_places.setdefault(package_name(package[0]), location)
        else:
            draft.findings.append(findings.bad_conda_package(text, str(fault), location))
    for text in options.system_packages:
        add_system_package(text, draft, location)
    if words and not options.system_packages:
        text = f"pip ignores `{' '.join(words)}` because an option comes before it."
        fix = "Write it on a line of its own."
        draft.findings.append(findings.unsupported_option(text, location, fix, Severity.WARNING))


def report_ignored(options: Options, allowed: Collection[str], draft: Draft, location: Location, beside: str) -> None:
    """Options and words that pip does not look at on a line with `beside`."""
    ignored = [name for name in dict.fromkeys(options.given) if name not in allowed] + list(options.leftover)
    if ignored:
        text = f"pip ignores {', '.join(ignored)} on a line with {beside}."
        fix = "Write it on a line of its own."
        draft.findings.append(findings.unsupported_option(text, location, fix, Severity.WARNING))


def add_system_package(text: str, draft: Draft, location: Location) -> None:
    """`__glibc=2.27` and `__cuda=12.2`, the two that metaflow-netflixext takes: what the target offers."""
    found = _SYSTEM_PACKAGE.fullmatch(text.strip())
    if found:
        draft.system.append((found["name"], found["version"]))
    else:
        reason = f"`{text}` is not a virtual package with a version."
        draft.findings.append(findings.bad_line(reason, location, "Write it as `__glibc=2.27` or `__cuda=12.2`."))


def _apply_indexes(options: Options, draft: Draft, location: Location, folder: Path) -> None:
    # pip: an --index-url replaces every index named before it, and --no-index ends the matter.
    if options.no_index:
        draft.no_index = True
        draft.index_url, draft.extra_index_urls = None, []
    if not draft.no_index:
        if options.index_url and is_url(options.index_url, draft, location):
            draft.index_url, draft.extra_index_urls = options.index_url, []
        draft.extra_index_urls += [url for url in options.extra_index_urls if is_url(url, draft, location)]
    for place in options.find_links:
        if not _is_remote(place):
            draft.find_links.append(_local_links(place, draft, location, folder))
        elif is_url(place, draft, location):
            draft.find_links.append(place)


def is_url(text: str, draft: Draft, location: Location) -> bool:
    """Whether `text` can be taken apart as a URL; a finding when it cannot."""
    try:
        urlsplit(text)
    except ValueError as error:
        draft.findings.append(findings.bad_line(f"This is not a URL ({error}).", location))
        return False
    return True


def _is_remote(place: str) -> bool:
    return _URL.match(place) is not None


def _local_links(place: str, draft: Draft, location: Location, folder: Path) -> str:
    path = folder / Path(place).expanduser()
    if not path.exists():
        draft.findings.append(findings.missing_links(path, location))
    return str(path)


def _without_effect(options: Options, location: Location) -> Iterator[Finding]:
    """Options that pip heeds and mfenv does not."""
    built = [name for name in _names(options.no_binary) if name != ":none:"]
    if built:
        text = f"--no-binary {', '.join(built)} has no effect: mfenv resolves wheels, as Metaflow does."
        yield findings.unsupported_option(text, location, "Remove it.", Severity.WARNING)
    single = [name for name in _names(options.all_releases) if name != ":all:"]
    if single:
        text = f"--all-releases {', '.join(single)} has no effect: pre-releases are allowed for all packages or none."
        yield findings.unsupported_option(text, location, "Write `--pre`, or pin the pre-release.", Severity.WARNING)
    if options.only_final:
        text = f"--only-final {', '.join(options.only_final)} has no effect."
        yield findings.unsupported_option(text, location, "Leave out `--pre`: final releases are then preferred.")
    for host in options.trusted_hosts:
        text = f"--trusted-host {host} has no effect: a file does not decide whom mfenv trusts."
        yield findings.unsupported_option(text, location, f"Set PIP_TRUSTED_HOST={host} in your shell.")
    for feature in options.features:
        yield findings.unsupported_option(f"--use-feature {feature} has no effect.", location)
    if options.config_settings:
        text = "--config-settings needs a requirement before it and has no effect."
        yield findings.unsupported_option(text, location)


def _names(values: Collection[str]) -> list[str]:
    return [name for value in values for name in value.split(",") if name]
