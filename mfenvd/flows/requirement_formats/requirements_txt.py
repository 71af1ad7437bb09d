"""requirements.txt as pip reads it (pip's "Requirements File Format", pip 26.3), and what netflixext adds to it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from packaging.requirements import Requirement

from mfenvd.domain.finding import Location
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.file_text import read_text
from mfenvd.flows.requirement_formats.findings import Unusable, hide_values
from mfenvd.flows.requirement_formats.logical_lines import LogicalLine, expand, logical_lines, one_line
from mfenvd.flows.requirement_formats.model import Choice, Draft, FileRequirement, Format, RequirementFile
from mfenvd.flows.requirement_formats.option_effects import apply_options, report_ignored
from mfenvd.flows.requirement_formats.parsing import parse_requirement
from mfenvd.flows.requirement_formats.pip_options import OptionError, Options, parse_options, split_line
from mfenvd.flows.requirement_formats.requirement_text import Entry, canonical, python_wanted, to_path

_OTHER_FORMATS = (".toml", ".yml", ".yaml", ".lock")
_MAX_LINE = 128 * 1024
"""Characters; the longest real lines are those of a package with hundreds of wheels, each with its hash."""
_MAX_INCLUDED = 300
"""Files, counted as often as they are included; two includes in each of 30 files would be a billion."""
_MAX_DEPTH = 30


def read_requirements_txt(path: Path, text: str, choice: Choice) -> RequirementFile:
    """The requirements file at `path`, whose content is `text`, with the files that it includes."""
    draft = Draft(str(path), Format.REQUIREMENTS_TXT)
    lines = RequirementLines(draft, choice)
    lines.read_content(text, Source(path))
    lines.check_hashes()
    return draft.finish()


class Source(msgspec.Struct, frozen=True):
    """The file that a line stands in.

    Attributes:
        path: Absolute.
        constraint: Whether `-c` led here.
        including: The files that include it, the outermost first.
    """

    path: Path
    constraint: bool = False
    including: tuple[Path, ...] = ()


class RequirementLines:
    """Reads lines, wherever they stand, into a draft."""

    def __init__(self, draft: Draft, choice: Choice) -> None:
        self._draft = draft
        self._choice = choice
        self._require_hashes = False
        self._included = 0

    def read_content(self, content: str, source: Source) -> None:
        """All lines of a file."""
        for line in logical_lines(content, str(source.path)):
            self._read(line, source)

    def read_entry(self, text: str, location: Location) -> None:
        """One line that stands in another kind of file, as in the `pip:` part of environment.yml."""
        for line in one_line(text, location):
            self._read(line, Source(Path(location.path)))

    def check_hashes(self) -> None:
        """One hash asks for all: pip then refuses what has none."""
        requirements = self._draft.requirements
        bare = [requirement for requirement in requirements if not requirement.hashes]
        if bare and (self._require_hashes or len(bare) < len(requirements)):
            names = [parse_requirement(requirement.text).name for requirement in bare]
            self._draft.findings.append(findings.hash_left_out(names, bare[0].location))

    def _read(self, line: LogicalLine, source: Source) -> None:
        """One line, with its variables replaced; what they hold stays out of the findings."""
        text, used, unset = expand(line.text, self._choice.environ)
        self._draft.variables.update(used)
        if unset:
            self._draft.findings.append(findings.unset_variables(unset, line.location()))
            return
        if len(text) > _MAX_LINE:
            self._draft.findings.append(findings.long_line(len(text), line.location()))
            return
        before = len(self._draft.findings)
        words, options_text = split_line(text)
        options_at = line.location(0 if used else len(line.text) - len(options_text))
        try:
            self._line(words.strip(), self._options(options_text, options_at), line.location(), options_at, source)
        except Unusable as unusable:
            self._draft.findings.append(unusable.finding)
        if used:
            values = {name: self._choice.environ[name] for name in used}
            said = self._draft.findings[before:]
            self._draft.findings[before:] = [hide_values(finding, values) for finding in said]

    def _options(self, text: str, location: Location) -> Options:
        try:
            return parse_options(text)
        except OptionError as error:
            self._draft.findings.append(findings.bad_options(text, str(error), location))
            return Options()

    def _line(self, words: str, options: Options, location: Location, options_at: Location, source: Source) -> None:
        if words:
            report_ignored(options, {"--hash", "--config-settings"}, self._draft, options_at, "a requirement")
            self._requirement(Entry(words, location, self._folders(source)), options, source)
        elif options.editables:
            report_ignored(options, {"--editable", "--config-settings"}, self._draft, options_at, "--editable")
            entry = Entry(options.editables[0], location, self._folders(source), editable=True)
            self._requirement(entry, options, source)
        elif options.requirements or options.constraints:
            self._include(options, location, source)
        else:
            apply_options(options, self._draft, options_at, source.path.parent)
            self._require_hashes |= options.require_hashes

    def _requirement(self, entry: Entry, options: Options, source: Source) -> None:
        if source.constraint and entry.editable:
            raise Unusable(findings.bad_requirement(entry.text, "a constraint cannot be editable", entry.location))
        found = canonical(entry)
        self._draft.reads += found.reads
        self._draft.findings += found.notes
        requirement = parse_requirement(found.text)
        if source.constraint and requirement.extras:
            fix = "Remove the extras: the requirement itself names them."
            raise Unusable(findings.bad_requirement(entry.text, "a constraint cannot have extras", entry.location, fix))
        if requirement.url is None and requirement.name.lower() == "python" and not source.constraint:
            self._python(requirement, entry.location)
            return
        kept = FileRequirement(found.text, entry.location, () if entry.editable else options.hashes)
        (self._draft.constraints if source.constraint else self._draft.requirements).append(kept)

    def _python(self, requirement: Requirement, location: Location) -> None:
        """`python==3.11` means the interpreter, as Metaflow reads it; no package has that name."""
        python = python_wanted(requirement.specifier)
        if python and self._draft.python and python != self._draft.python:
            reason = f"the file asks for Python {self._draft.python} already"
            raise Unusable(findings.bad_requirement(str(requirement), reason, location, "Remove one of the two."))
        self._draft.python = python or self._draft.python

    def _include(self, options: Options, location: Location, source: Source) -> None:
        """`-r` or `-c`. pip looks at one of them per line, and reads `-r` below a `-c` as requirements."""
        constraint = not options.requirements
        (named, *others) = options.constraints if constraint else options.requirements
        flag = "--constraint" if constraint else "--requirement"
        report_ignored(options, {flag}, self._draft, location, flag)
        if others:
            self._draft.findings.append(findings.include_ignored(flag, others, location))
        path = _included_path(named, source.path, location)
        self._draft.reads.append(str(path))
        including = (*source.including, source.path)
        if path in including:
            raise Unusable(findings.include_loop(path, location))
        self._included += 1
        if self._included > _MAX_INCLUDED or len(including) > _MAX_DEPTH:
            raise Unusable(findings.too_many_includes(path, location))
        self.read_content(read_text(path, location), Source(path, constraint, including))

    def _folders(self, source: Source) -> Sequence[Path]:
        """Where a project's relative path begins: pip's working directory, else the folder of the file."""
        return tuple(dict.fromkeys((self._choice.cwd, source.path.parent)))


def _included_path(named: str, file: Path, location: Location) -> Path:
    """The file that `-r named` in `file` means: relative to the including file."""
    scheme = named.partition(":")[0].lower()
    if scheme in {"http", "https"}:
        raise Unusable(findings.remote_include(named, location))
    if named.lower().endswith(_OTHER_FORMATS):
        raise Unusable(findings.foreign_include(named, location))
    path = to_path(named) if scheme == "file" else Path(named)
    return Path(os.path.normpath(file.parent / path))
