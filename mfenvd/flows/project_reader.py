"""A project folder as a plan, and the plan kept up to date while files change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding
from mfenvd.domain.legible import legible
from mfenvd.domain.loaded import FlowQuestion, Launcher, LoadedFile
from mfenvd.domain.plan import Environment, Plan
from mfenvd.domain.settings import Settings
from mfenvd.domain.surroundings import Surroundings
from mfenvd.flows import findings
from mfenvd.flows.changed_paths import ChangedPaths
from mfenvd.flows.discovery import Discovery, FileKind
from mfenvd.flows.flow_context import FlowContext, Shared
from mfenvd.flows.flow_environments import SourceEnvironments, source_environments
from mfenvd.flows.flow_file import ModuleCache, looks_like_flow, read_file
from mfenvd.flows.host import Host, this_host
from mfenvd.flows.launches import Launch, LaunchScanner
from mfenvd.flows.loaded import Overlay, declared_flows, is_worth_asking, overlaid, planned_launches, said_once
from mfenvd.flows.named_environments import asked_in_settings, read_environment
from mfenvd.flows.project_context import ProjectContext, read_context
from mfenvd.flows.reading import FileReading
from mfenvd.flows.settings import has_settings
from mfenvd.flows.shared_targets import share_lowest
from mfenvd.flows.static.modules import Unreadable
from mfenvd.paths import Paths

LARGEST_FLOW = 4 << 20
"""Bytes; a longer Python file is generated, not written."""

_SETTINGS_FILES = frozenset({"mfenv.toml", "pyproject.toml"})
_KEEPS_LAST = frozenset({Code.SYNTAX_ERROR, Code.UNREADABLE_FILE})


class _Source(msgspec.Struct):
    """A flow file.

    Attributes:
        reading: The last good one.
        broken: Why the file as it is now cannot be read, empty when it can.
        launches: Of its flows, when `built` was made.
        built: What follows; None when that is to be made anew.
        overlay: What Metaflow said of it; None while it has not been asked.
        question: What it is to be asked; None where it makes no environment.
    """

    reading: FileReading
    broken: tuple[Finding, ...] = ()
    launches: tuple[Launch, ...] = ()
    built: SourceEnvironments | None = None
    overlay: Overlay | None = None
    question: FlowQuestion | None = None


class _Named(msgspec.Struct, frozen=True):
    """An environment of the configuration with its request's key and the files that it was read from."""

    key: str
    environment: Environment
    reads: tuple[str, ...]


class ProjectReader:
    """Reads a project, and after a change only what depends on the changed files.

    Args:
        root: Absolute path of the project's folder.
        surroundings: Of the shell that registered it.
        paths: For the user's own configuration file.
        host: This machine; None means ask.
        only: Files and folders to limit the plan to, absolute; empty means all of the project. A file among them is
            read even if an ignore rule leaves it out.
    """

    def __init__(
        self,
        root: Path,
        surroundings: Surroundings,
        paths: Paths,
        *,
        host: Host | None = None,
        only: Collection[Path] = (),
    ) -> None:
        self._root = root
        self._surroundings = surroundings
        self._paths = paths
        self._host = host or this_host()
        self._only = tuple(map(str, only))
        self._modules = ModuleCache()
        self._scanner = LaunchScanner(root)
        self._context = self._read_context(None)
        self._discovery = Discovery(root, self._context.settings.exclude)
        self._scripts: dict[str, tuple[Launch, ...]] = {}
        self._sources: dict[str, _Source] = {}
        self._named: tuple[_Named, ...] = ()
        self._faults: dict[str, tuple[Finding, ...]] = {}
        self._plan: Plan | None = None

    @property
    def settings(self) -> Settings:
        """The configuration as it was last read."""
        return self._context.settings

    @property
    def watched(self) -> frozenset[str]:
        """Absolute paths whose change, appearance or disappearance may change the plan, wherever they are.

        Without the sources and scripts themselves, which the walk through the folder finds.
        """
        reads = (path for paths in (self._plan.reads.values() if self._plan else ()) for path in paths)
        return frozenset((*self._context.watched, *self._discovery.ignore_files, *reads))

    @property
    def launcher(self) -> Launcher | None:
        """What the project's flows are started with; None while no Python is known."""
        return self._context.launcher

    @property
    def lacks_python(self) -> bool:
        """Whether there is something to ask, and no Python is known to ask it with."""
        return self._context.launcher is None and any(
            self._is_worth_asking(one.reading) for one in self._sources.values()
        )

    def questions(self, *, trusted: bool) -> tuple[FlowQuestion, ...]:
        """What Metaflow is to be asked now: of each flow file whose last answer is about something else.

        Args:
            trusted: Whether the files may be loaded, which gives other answers than reading them.
        """
        asked = [
            (msgspec.structs.replace(source.question, digest=f"{source.question.digest} {trusted}"), source.overlay)
            for _, source in sorted(self._sources.items())
            if source.question is not None
        ]
        return tuple(one for one, overlay in asked if overlay is None or overlay.answer.digest != one.digest)

    def learn(self, answers: Iterable[LoadedFile]) -> Plan:
        """The plan with Metaflow's answers; those to questions that nobody asks any more change nothing."""
        for answer in answers:
            source = self._sources.get(answer.path)
            if source is not None and source.question and answer.digest.startswith(source.question.digest):
                attached = frozenset(attached.decospec.name for attached in self._context.metaflow.decospecs)
                source.overlay = Overlay(answer, source.reading, self._context.requests.python, attached)
                source.built = None
        return self._assemble(rebuild=False)

    @property
    def remembers(self) -> bool:
        """Whether the plan rests on what a file said before it was broken, which nobody else knows."""
        sources = self._sources.values()
        return (
            self._context.outlives_file
            or any(source.broken for source in sources)
            or any(path in self._sources or any(path in s.reading.reads for s in sources) for path in self._faults)
        )

    def read(self) -> Plan:
        """The plan, from scratch. Never raises for what a file contains: that is in the plan's findings."""
        self._context = self._read_context(None)
        self._sources.clear()
        self._faults.clear()
        self._discover()
        self._named = self._read_named()
        return self._assemble(rebuild=True)

    def update(self, changed: Collection[Path]) -> Plan:
        """The plan after the files or folders `changed` appeared, changed or went away.

        Returns the very same object as before where nothing in it is different.
        """
        if self._plan is None:
            return self.read()
        change = ChangedPaths(changed)
        last = self._context
        if change.touches(last.watched):
            self._context = self._read_context(last)
        if self._context.facts != last.facts:
            self._sources.clear()
            self._discover()
        elif self._context.settings.exclude != last.settings.exclude or change.names(".gitignore"):
            self._discover()
        elif change.folders:
            # A folder that was replaced may have brought other ignore rules.
            known, self._discovery = self._discovery, Discovery(self._root, self._context.settings.exclude)
            self._discovery.illegible = {path for path in known.illegible if Path(path).exists()}
        self._update_files(change)
        rebuild = self._context != last
        if rebuild or change.touches(path for named in self._named for path in named.reads):
            named = self._read_named()
            rebuild |= named != self._named
            self._named = named
        return self._assemble(rebuild=rebuild)

    def _read_context(self, last: ProjectContext | None) -> ProjectContext:
        return read_context(self._root, self._surroundings, self._paths, self._host, last)

    def _discover(self) -> None:
        """Walks the folder: reads the files that are new, forgets those that are gone."""
        self._discovery = Discovery(self._root, self._context.settings.exclude)
        found = dict(self._discovery.walk())
        found |= {path: FileKind.PYTHON for path in self._only if path.endswith(".py")}
        self._scripts = {path: self._scanner.scan(path) for path, kind in found.items() if kind is FileKind.SCRIPT}
        for path in self._sources.keys() - found.keys():
            del self._sources[path]
        for path in found:
            self._look_for_settings(path)
        for path, kind in found.items():
            if kind is FileKind.PYTHON and self._is_wanted(path) and path not in self._sources:
                self._read_source(path)

    def _is_wanted(self, path: str) -> bool:
        return not self._only or any(path == only or path.startswith(f"{only}{os.sep}") for only in self._only)

    def _update_files(self, change: ChangedPaths) -> None:
        for path in self._files_of(change):
            kind = FileKind.PYTHON if path in self._only else self._discovery.kind(Path(path))
            if kind is FileKind.SCRIPT and Path(path).exists():
                self._scripts[path] = self._scanner.scan(path)
            elif self._scripts.pop(path, None) is not None:
                self._scanner.forget(path)
            if kind is FileKind.PYTHON and self._is_wanted(path):
                self._read_source(path)
            else:
                self._sources.pop(path, None)
                self._set_faults(path, ())
                if kind is not None:
                    self._look_for_settings(path)
        self._read_dependents(change)

    def _files_of(self, change: ChangedPaths) -> Iterator[str]:
        """The files that a change is about: what is in changed folders, what was in those that are gone."""
        yield from change.files
        for folder in change.folders:
            inside, place = f"{folder}{os.sep}", Path(folder)
            known = [path for path in (*self._sources, *self._scripts) if path.startswith(inside)]
            is_entered = place.is_dir() and inside.startswith(f"{self._root}{os.sep}") and self._discovery.enters(place)
            present = [path for path, _ in self._discovery.walk(place)] if is_entered else []
            yield from dict.fromkeys((folder, *known, *present))

    def _read_dependents(self, change: ChangedPaths) -> None:
        """Reads the flows again that were read from changed files, unless such a file is Python that does not parse.

        While it is being edited, the last readings hold and the error is shown at its line.
        """
        broken = {path for path in change.files if self._is_broken_module(path)}
        rest = change.without(broken)
        for path, source in list(self._sources.items()):
            reads = source.built.reads if source.built else source.reading.reads
            if path not in change.files and rest.touches(reads):
                self._read_source(path)

    def _is_broken_module(self, path: str) -> bool:
        """Whether a module that flows were read from cannot be parsed; keeps the finding that says so."""
        source = self._sources.get(path)
        if source is not None:
            return bool(source.broken)
        if not path.endswith(".py") or not any(path in source.reading.reads for source in self._sources.values()):
            return False
        try:
            self._modules.parse(Path(path))
        except Unreadable as unreadable:
            self._set_faults(path, (unreadable.finding,))
            return True
        self._set_faults(path, ())
        return False

    def _read_source(self, path: str) -> None:
        self._set_faults(path, ())
        try:
            content = _content(path)
        except FileNotFoundError:
            self._sources.pop(path, None)
            return
        except OSError as error:
            self._set_faults(path, (findings.unreadable_file(path, error.strerror or str(error)),))
            return
        known = self._sources.get(path)
        if not looks_like_flow(content):
            self._sources.pop(path, None)
            return
        reading = read_file(Path(path), self._context.facts, self._modules)
        broken = tuple(finding for finding in reading.findings if finding.code in _KEEPS_LAST)
        if broken and known is not None and known.reading.flows:
            known.broken = broken
        elif known is not None and known.reading == reading:
            known.broken, known.built = (), None
            known.question = self._question(known)
        elif reading.flows or reading.findings:
            self._sources[path] = _Source(reading, overlay=known.overlay if known else None)
        else:
            self._sources.pop(path, None)

    def _look_for_settings(self, path: str) -> None:
        """Says so if there is a configuration file that is not the project's own."""
        file = Path(path)
        if file.name in _SETTINGS_FILES and file.parent != self._root:
            self._set_faults(path, (findings.settings_unused(path, str(self._root)),) if has_settings(file) else ())

    def _set_faults(self, path: str, found: tuple[Finding, ...]) -> None:
        if found:
            self._faults[path] = found
        else:
            self._faults.pop(path, None)

    def _read_named(self) -> tuple[_Named, ...]:
        context = self._context
        found = []
        for named in context.settings.environments.values():
            asked = asked_in_settings(named, context.settings.origins)
            read = read_environment(asked, self._surroundings.environ, context.requests, context.targets)
            request = read.environment.request
            found.append(_Named(request.key if request else "", read.environment, read.reads))
        return tuple(found)

    def _assemble(self, *, rebuild: bool) -> Plan:
        context = FlowContext(
            self._context.requests,
            self._context.targets,
            dict(self._shared()),
            self._context.extension_manifest,
        )
        launches = self._launches()
        for path, source in self._sources.items():
            launched = launches.get(path, ())
            if rebuild or source.built is None or source.launches != launched:
                source.launches = launched
                source.question = self._question(source)
                source.built = source_environments(overlaid(source.reading, source.overlay), launched, context)
        plan = self._gathered()
        if self._plan is None or plan != self._plan:
            self._plan = plan
        return self._plan

    def _shared(self) -> Iterator[tuple[str, Shared]]:
        """The environments of the configuration by what steps may call them: the name goes before an alias."""
        settings = self._context.settings.environments
        found = {named.environment.env: named.environment for named in self._named}
        shared = {name: Shared(found[name], settings[name].archs, settings[name].origin) for name in found}
        yield from ((alias, shared[name]) for name in found if (alias := settings[name].alias))
        yield from shared.items()

    def _question(self, source: _Source) -> FlowQuestion | None:
        """What to ask about a file; None where there is nothing to ask."""
        reading, launcher = source.reading, self._context.launcher
        if launcher is None or not self._is_worth_asking(reading):
            return None
        launches = planned_launches(source.launches, self._context.settings.launch_with)
        imported = source.overlay.answer.files if source.overlay else ()
        files = dict.fromkeys((reading.path, *reading.reads, *imported))
        marks = (*((file, _mark(file)) for file in files), launches, launcher, self._context.metaflow_mark)
        digest = hashlib.sha256(msgspec.json.encode(marks, order="deterministic")).hexdigest()
        return FlowQuestion(reading.path, declared_flows(reading), launches, digest)

    def _is_worth_asking(self, reading: FileReading) -> bool:
        return is_worth_asking(reading, extended=self._context.requests.core is False)

    def _launches(self) -> dict[str, tuple[Launch, ...]]:
        """Each flow file's launches: those whose command can mean it before any other flow file."""
        found: dict[str, list[Launch]] = {}
        for script in sorted(self._scripts):
            for launch in self._scripts[script]:
                path = next((path for path in launch.candidates if path in self._sources), None)
                if path is not None:
                    found.setdefault(path, []).append(launch)
        return {path: tuple(launches) for path, launches in found.items()}

    def _gathered(self) -> Plan:
        keyed: dict[str, list[tuple[str, Environment]]] = {}
        reads: dict[str, tuple[str, ...]] = {}
        said = list(self._context.findings)
        undeclared = False
        for path, source in self._sources.items():
            built = source.built or SourceEnvironments()
            keyed[path] = list(built.keyed)
            reads[path] = built.reads
            undeclared |= built.undeclared
        for named in self._named:
            source_path = named.environment.source
            if self._is_wanted(source_path) or str(self._root) in self._only:
                keyed.setdefault(source_path, []).append((named.key, named.environment))
                reads[source_path] = tuple(dict.fromkeys((*reads.get(source_path, ()), *named.reads)))
        if undeclared and self._context.interpreter.assumed:
            said.append(findings.python_assumed(self._context.interpreter.version, self._context.interpreter.why))
        return Plan(
            root=str(self._root),
            environments=share_lowest([pair for path in sorted(keyed) for pair in keyed[path]]),
            findings=tuple(said_once((*said, *self._file_findings()))),
            reads=dict(sorted(reads.items())),
        )

    def _file_findings(self) -> Sequence[Finding]:
        """What concerns files as a whole, by path."""
        found = {
            name: (findings.illegible_name(name),) for name in map(legible, self._discovery.illegible)
        } | self._faults
        for path, source in self._sources.items():
            built = source.built.findings if source.built else ()
            found[path] = (*found.get(path, ()), *source.broken, *built)
        return [finding for path in sorted(found) for finding in found[path]]


def _mark(path: str) -> str | None:
    """The same for the same content; None for what is no file, as a pipe is."""
    file = Path(path)
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
    except OSError:
        return None


def _content(path: str) -> bytes:
    """The file's bytes; none for one that is too large to have been written by hand, and for what is no file."""
    file = Path(path)
    status = file.stat()
    return file.read_bytes() if file.is_file() and status.st_size <= LARGEST_FLOW else b""
