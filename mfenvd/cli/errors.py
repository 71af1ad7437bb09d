"""What a command cannot do, in one line with its remedy; a traceback goes to a file, never to the user."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mfenvd.domain.finding import Finding
from mfenvd.domain.redact import redact
from mfenvd.paths import find_paths


class CommandError(Exception):
    """Base of what commands refuse; `fix` may be None. `code` is the command's exit code."""

    code = 3

    def __init__(self, message: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


class UsageError(CommandError):
    """The command line asks for something that makes no sense."""

    code = 2


class NoSuchPathError(UsageError):
    """A file or folder on the command line is not there."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} does not exist.", "Check the spelling; paths are relative to the working directory.")


class NotAFileError(UsageError):
    """A folder or a pipe where a file is to be read, which happens more than once."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is not a file.", "Name one; what comes through a pipe has to be saved first.")


class HomeFolderError(UsageError):
    """The project would be the user's home folder, or one above it."""

    def __init__(self, root: Path) -> None:
        super().__init__(
            f"{root} is no project: everything that you have lies below it, and all of it would be read.",
            "Name the folder of your flows; or if this is it, make an empty mfenv.toml in it.",
        )


class IllegiblePathError(UsageError):
    """The name of a file or folder is no text."""

    def __init__(self, shown: str) -> None:
        super().__init__(f"The name of {shown} is not UTF-8.", "Rename it.")


class NotAFlowError(UsageError):
    """A requirements file where a flow file or a folder is meant."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is not a flow file.", f"To resolve what it asks for: `mfenv resolve -r {path}`.")


class NothingAskedError(UsageError):
    """A command that needs a file or a package got neither."""

    def __init__(self, command: str, example: str) -> None:
        super().__init__(f"`{command}` was not told what to resolve.", f"For example: `{example}`.")


class ChannelsUnusedError(UsageError):
    """Channels are named and no conda packages, which alone they are for."""

    def __init__(self, remedy: str) -> None:
        super().__init__("`--channel` is about conda packages, and none is asked for.", remedy)


class PartsUnusedError(UsageError):
    """Extras or groups are named and no file that could have them."""

    def __init__(self) -> None:
        super().__init__("`--extra` and `--group` are about files, and none is named.", "Add `-r pyproject.toml`.")


class BadPackageError(UsageError):
    """What should be a package's name (and version) is none."""

    def __init__(self, text: str) -> None:
        super().__init__(f"`{text}` is not a package name.", "Write a name, or a name and a version: `torch==2.2.2`.")


class BadPythonError(UsageError):
    """What should be a Python version is none."""

    def __init__(self, text: str) -> None:
        super().__init__(f"`{text}` is not a Python version.", "Write it as `3.11`.")


class BadGlibcError(UsageError):
    """What should be a GLIBC version is none."""

    def __init__(self, text: str) -> None:
        super().__init__(f"`{text}` is not a GLIBC version.", "Write it as `2.28`.")


class BadCudaError(UsageError):
    """What should be a CUDA version is none."""

    def __init__(self, text: str) -> None:
        super().__init__(f"`{text}` is not a CUDA version.", "Write it as `12.4`.")


class CacheUnusableError(CommandError):
    """Nothing can be written to mfenv's cache folder, and resolving needs it."""

    def __init__(self, folder: Path, error: OSError) -> None:
        super().__init__(
            f"{folder} cannot be written to: {error.strerror}.",
            "Set MFENV_HOME to a folder that you may write to: everything that mfenv keeps goes there.",
        )


class NoSuchPackageError(CommandError):
    """The indexes do not have the package or the version."""

    code = 1


class IndexAnswerError(CommandError):
    """An index gives no usable answer."""


class UnknownPackageError(CommandError):
    """A package is in none of the environments that were looked at, or of those that could be.

    Args:
        name: Of the package.
        resolved: How many environments are known to lack it.
        untold: How many could not be resolved for a reason that says nothing of the package.
        near: Names of packages that are there and look like it.
    """

    code = 1

    def __init__(self, name: str, resolved: int, untold: int, near: list[str]) -> None:
        where = {0: "in no environment: none is resolved", 1: "not in the one resolved environment"}
        found = where.get(resolved, f"in none of {resolved} resolved environments")
        fix = f"Did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else None
        if untold and not near:
            self.code, fix = 3, "Others are not resolved: `mfenv check` says why."
        super().__init__(f"{name} is {found}.", fix)


class UnknownEnvironmentError(CommandError):
    """No environment is called so."""

    code = 1

    def __init__(self, name: str, near: list[str]) -> None:
        fix = f"Did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else "`mfenv plan` lists them."
        super().__init__(f"There is no environment or step {name} here.", fix)


class AmbiguousEnvironmentError(UsageError):
    """Several environments are meant."""

    def __init__(self, name: str, names: list[str]) -> None:
        super().__init__(f"{name} is more than one environment.", f"Say which: {', '.join(names)}.")


class NotResolvedError(CommandError):
    """An environment has no packages to write down; `why` is a finding's message, None while it is being resolved."""

    code = 1

    def __init__(self, name: str, arch: str, why: str | None) -> None:
        fix = why or "Wait until it is: `mfenv up` shows how far it is."
        super().__init__(f"{name} is not resolved for {arch}.", fix)


class OtherArchError(UsageError):
    """An environment does not have the arch that is asked for."""

    def __init__(self, name: str, arch: str, archs: list[str]) -> None:
        fix = f"It has {', '.join(archs)}; `archs` in the configuration adds others."
        super().__init__(f"{name} has no target {arch}.", fix)


class CannotExportError(UsageError):
    """A format cannot hold what an environment has."""


class NotAnAliasError(UsageError):
    """What should name a shared environment cannot."""


class NotSharedError(CommandError):
    """No shared environment is called so."""

    code = 1

    def __init__(self, name: str, path: str, near: list[str]) -> None:
        fix = f"Did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else "`mfenv env list` lists them."
        super().__init__(f"{path} has no environment {name}.", fix)


class NoStepEnvironmentError(CommandError):
    """Which environment a step ran in cannot be said; `reason` continues "because"."""

    code = 1

    def __init__(self, name: str, reason: str) -> None:
        fix = "Write `step:` and flow, run and step of a run in an environment of metaflow-netflixext."
        super().__init__(f"No environment of {name} is known: {reason.rstrip('.')}.", fix)


class OtherSharedArchError(CommandError):
    """A shared environment is not there for an arch."""

    code = 1

    def __init__(self, name: str, arch: str, archs: list[str]) -> None:
        super().__init__(f"{name} is not available for {arch}.", f"It is for {', '.join(archs)}.")


class NoBucketError(UsageError):
    """The project's packages go to no bucket."""

    def __init__(self, root: str, *, trusted: bool) -> None:
        fix = "Set METAFLOW_DEFAULT_DATASTORE and METAFLOW_DATASTORE_SYSROOT_S3 (_AZURE, _GS), as for `run`."
        if not trusted:
            fix += " What stands in the project's own files counts once a daemon watches it and it is trusted."
        super().__init__(f"{root} has no bucket that mfenv mirrors to.", fix)


class NotInBucketError(CommandError):
    """Nothing says what an environment is made of."""

    code = 1

    def __init__(self, name: str, why: str) -> None:
        fix = "Write an id, FLOW/STEP in the folder where the flow is started, or an alias (`mfenv env list`)."
        super().__init__(f"{name} cannot be made of what the bucket holds: {why}.", fix)


class SeveralEnvironmentsError(CommandError):
    """A name stands for more than one environment."""

    code = 1

    def __init__(self, name: str, ids: Sequence[str]) -> None:
        super().__init__(f"{name} has {len(ids)} environments.", f"Write one of their ids: {', '.join(ids)}.")


class FindingError(CommandError):
    """What a command was stopped by is a finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.code}: {finding.message}", finding.fix)


class AliasIsTakenError(CommandError):
    """An alias that is given once is another environment's."""

    code = 1

    def __init__(self, alias: str) -> None:
        fix = "Choose another tag; only `latest`, `candidate` and `stable` may move."
        super().__init__(f"{alias} is another environment's.", fix)


class NotForExtensionError(UsageError):
    """Something that `metaflow environment resolve` does not take, with an option that only it has."""

    def __init__(self, reason: str) -> None:
        fix = "Use one file each of requirements.txt (-r), environment.yml (-f) and pyproject.toml (-p)."
        super().__init__(f"metaflow-netflixext cannot be asked for this: {reason}.", fix)


class NotSharedHereError(CommandError):
    """An environment cannot be resolved to be shared."""

    def __init__(self, reason: str) -> None:
        fix = "Run it in the environment that has metaflow-netflixext, or set `interpreter` in mfenv's configuration."
        super().__init__(f"Nothing can be shared here: {reason}.", fix)


class ExtensionRefusesError(CommandError):
    """metaflow-netflixext refuses what it is asked; `is_usage` where the options do not go together."""

    def __init__(self, reason: str, *, is_usage: bool) -> None:
        super().__init__(f"metaflow-netflixext refuses: {reason.strip()}")
        self.code = 2 if is_usage else 1


class KernelNeedsNameError(UsageError):
    """A kernel is asked for, and the environment has no lasting name."""

    def __init__(self) -> None:
        super().__init__(
            "`--install-notebook` needs `--name`.", "Jupyter starts the environment at the same place later."
        )


class BadNameError(UsageError):
    """What should be the name of an environment's folder is none."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"`{name}` is no name for a folder of an environment.", "Use letters, digits, `_`, `-` and `.`."
        )


class FolderNotEmptyError(UsageError):
    """A folder that something is to be put into holds something."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} is not an empty folder.", "`--force` removes what is there.")


class NameIsTakenError(CommandError):
    """An environment of that name is there."""

    code = 1

    def __init__(self, name: str, place: str) -> None:
        fix = "`--exist-ok` takes it if it is the same environment, `--force` makes it anew."
        super().__init__(f"There is an environment {name} already, at {place}.", fix)


class NotMadeHereError(CommandError):
    """An environment cannot be made; the finding says why."""

    code = 1

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.code}: {finding.message}", finding.fix)


class NoKernelError(CommandError):
    """An environment cannot be extended by ipykernel; `why` are the findings' messages."""

    code = 1

    def __init__(self, name: str, why: list[str]) -> None:
        super().__init__(f"{name} cannot have ipykernel: {'; '.join(why) or 'it is not resolved'}.")


class ManifestUnusableError(CommandError):
    """metaflow-netflixext's manifest cannot be used."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} cannot be used: {reason}.", "Metaflow makes a new one once it is moved away.")


class NotWatchedError(CommandError):
    """A folder is not registered with the daemon."""

    code = 2

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is not watched.", "Run `mfenv up` in it, or name one that `mfenv status` lists.")


class DaemonStoppedError(CommandError):
    """The daemon was stopped while a command waited for it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"mfenvd is stopping: {reason}", "Run `mfenv up` again.")


class NoLogError(CommandError):
    """There is no log yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"There is no log at {path}.", "The daemon writes it once it runs: `mfenv up`.")


def print_error(message: str, fix: str | None) -> None:
    """Two lines on standard error. Plain text: also where rich itself may be what failed."""
    sys.stderr.write(f"error: {redact(message)}\n")
    if fix:
        sys.stderr.write(f"fix: {redact(fix)}\n")


def record_crash(error: BaseException) -> Path | None:
    """Writes the traceback to the log folder, credentials hidden; None when it cannot be written."""
    import tempfile
    import traceback  # a quarter of what `mfenv status` would take to start

    folder = Path(find_paths().log)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=folder, prefix=time.strftime("crash-%Y%m%d-%H%M%S-"), suffix=".txt", delete=False
        ) as file:
            file.write(redact("".join(traceback.format_exception(error))))
    except OSError:
        return None
    return Path(file.name)


def print_crash(error: BaseException) -> None:
    """Says that mfenv failed and where the details are."""
    file = record_crash(error)
    message = f"mfenv failed: {type(error).__name__}: {error}"
    print_error(message, f"This is a bug in mfenv; please report it with {file}." if file else None)


def print_refusal(error: OSError) -> None:
    """Says what the operating system refused, as a full disk or a folder that may not be read."""
    file = record_crash(error)
    place = f": {error.filename}" if error.filename else ""
    print_error(f"{error.strerror or error}{place}", f"The details are in {file}." if file else None)
