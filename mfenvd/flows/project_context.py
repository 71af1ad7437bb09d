"""What the reading of every file of a project depends on: both configurations, the interpreter, the machine."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mfenvd.condarc.configuration import CondaConfiguration, home_of, read_conda_configuration
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding
from mfenvd.domain.loaded import Launcher
from mfenvd.domain.settings import Settings
from mfenvd.domain.surroundings import Surroundings
from mfenvd.flows.floors import ProjectTargets
from mfenvd.flows.host import Host
from mfenvd.flows.interpreter import Interpreter, find_interpreter, is_users_choice
from mfenvd.flows.metaflow_config import MetaflowConfig, extension_manifest, read_metaflow_config
from mfenvd.flows.reading import ProjectFacts
from mfenvd.flows.requests import RequestFacts
from mfenvd.flows.settings import configuration_files, load_settings
from mfenvd.paths import Paths


class ProjectContext(msgspec.Struct, frozen=True):
    """One reading of it. Equal contexts give equal plans for equal files.

    Attributes:
        settings: mfenv's configuration.
        metaflow: Metaflow's configuration.
        interpreter: The project's Python.
        facts: What reading a flow may know.
        requests: What requests have in common.
        targets: What decides about targets.
        findings: What is wrong with any of the configurations.
        watched: Files whose change may change the context, absolute.
        launcher: What flows are started with; None while no Python is known.
        metaflow_mark: Another one when another Metaflow was installed; None when it is not known where it is.
        outlives_file: Whether the settings are those of before, because their file cannot be parsed now.
    """

    settings: Settings
    metaflow: MetaflowConfig
    interpreter: Interpreter
    facts: ProjectFacts
    requests: RequestFacts
    targets: ProjectTargets
    findings: tuple[Finding, ...]
    watched: tuple[str, ...]
    launcher: Launcher | None = None
    metaflow_mark: int | None = None
    outlives_file: bool = False

    @property
    def extension_manifest(self) -> Path | None:
        """metaflow-netflixext's manifest, there or not; None where the project's Python is not known to have that."""
        if self.requests.core is not False:
            return None
        return extension_manifest(Path(self.facts.cwd), self.metaflow.under(self.facts.environ))


def read_context(
    root: Path, surroundings: Surroundings, paths: Paths, host: Host, last: ProjectContext | None = None
) -> ProjectContext:
    """The context of the project at `root`, now.

    Args:
        root: Absolute path of the project's folder.
        surroundings: Of the registering shell.
        paths: For the user's own configuration file.
        host: This machine.
        last: The context before. While a configuration file cannot be parsed, its settings stay in force.
    """
    settings, said = load_settings(root, paths)
    outlives_file = last is not None and any(finding.code == Code.MALFORMED_FILE for finding in said)
    if last is not None and outlives_file:
        settings = last.settings
    environ, folder = surroundings.environ, launch_folder(root, surroundings)
    metaflow = read_metaflow_config(folder, environ)
    interpreter = find_interpreter(root, settings, surroundings, host)
    installed, core = _installed_metaflow(interpreter), _is_core(interpreter)
    conda = _conda(folder, surroundings, last)
    configured = map(str, configuration_files(root, paths))
    watched = (*configured, *metaflow.watched, *interpreter.watched, *conda.files, *installed)
    return ProjectContext(
        settings=settings,
        metaflow=metaflow,
        interpreter=interpreter,
        facts=ProjectFacts(str(root), str(folder), dict(environ), interpreter.version, interpreter.site_packages, core),
        requests=RequestFacts(
            python=interpreter.version,
            datastore=settings.datastore or metaflow.datastore,
            conda=conda,
            folders=(folder,),
            mixed_solver=settings.mixed_resolver,
            core=core,
        ),
        targets=ProjectTargets(
            settings,
            metaflow,
            host,
            interpreter.version,
            conda_glibc=environ.get("CONDA_OVERRIDE_GLIBC"),
            conda_cuda=environ.get("CONDA_OVERRIDE_CUDA"),
        ),
        findings=(*said, *metaflow.findings, *conda.findings),
        watched=tuple(dict.fromkeys(watched)),
        launcher=_launcher(root, folder, surroundings, settings=settings, metaflow=metaflow, interpreter=interpreter),
        metaflow_mark=_changed_at(*installed),
        outlives_file=outlives_file,
    )


def _launcher(  # noqa: PLR0913 - all that decides
    root: Path,
    folder: Path,
    surroundings: Surroundings,
    *,
    settings: Settings,
    metaflow: MetaflowConfig,
    interpreter: Interpreter,
) -> Launcher | None:
    executable = interpreter.path or surroundings.interpreter
    if executable is None:
        return None
    return Launcher(
        interpreter=executable,
        python=interpreter.version,
        root=str(root),
        cwd=str(folder),
        environ=dict(surroundings.environ),
        config=metaflow.under(surroundings.environ),
        datastore=settings.datastore,
        attached=tuple(one.decospec.name for one in metaflow.decospecs if one.decospec.is_remote),
        by_project=not is_users_choice(executable, surroundings),
    )


def _installed_metaflow(interpreter: Interpreter) -> tuple[str, ...]:
    """The file that is another one after every installation of Metaflow."""
    packages = interpreter.site_packages
    return (str(Path(packages, "metaflow", "version.py")),) if packages else ()


def _changed_at(*files: str) -> int | None:
    try:
        return max((Path(file).stat().st_mtime_ns for file in files), default=None)
    except OSError:
        return None


def launch_folder(root: Path, surroundings: Surroundings) -> Path:
    """Where the flows are started: the registering shell's folder if that is in the project, else the project's."""
    cwd = Path(surroundings.cwd)
    return cwd if root in cwd.parents else root


def _conda(folder: Path, surroundings: Surroundings, last: ProjectContext | None) -> CondaConfiguration:
    """Conda's configuration. While one of its files cannot be read, what it said before stays in force."""
    conda = read_conda_configuration(surroundings.environ, home_of(surroundings.environ), folder)
    if last is not None and any(finding.code == Code.CONDARC_UNREADABLE for finding in conda.findings):
        return msgspec.structs.replace(last.requests.conda, files=conda.files, findings=conda.findings)
    return conda


def _is_core(interpreter: Interpreter) -> bool | None:
    """Whether the project's Python has Metaflow without the extension that mixes conda and PyPI packages."""
    if interpreter.site_packages is None:
        return None
    packages = Path(interpreter.site_packages)
    if not (packages / "metaflow").is_dir():
        return None
    return not (packages / "metaflow_extensions" / "netflixext").is_dir()
