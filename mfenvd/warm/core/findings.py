"""What can be wrong between a flow and Metaflow: one function per cause."""

from __future__ import annotations

from collections.abc import Sequence

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Location, Severity
from mfenvd.domain.redact import redact

_LONGEST = 400


def not_loaded(path: str, reason: str, location: Location | None) -> Finding:
    """MFE602: the file raised an error, ended the process or took too long when it was loaded."""
    return Finding(
        Code.NOT_LOADED,
        Severity.WARNING,
        f"Loading {path} the way Metaflow does failed: {_short(reason)}. What was read without loading it counts "
        "instead.",
        fix="Start it with `python FILE show` to see the same error.",
    ).located(location or Location(path))


def loading_took_too_long(path: str, seconds: float) -> Finding:
    """MFE602: loading was ended after a while."""
    return Finding(
        Code.NOT_LOADED,
        Severity.WARNING,
        f"Loading {path} the way Metaflow does took more than {seconds:.0f} seconds and was ended. What was read "
        "without loading it counts instead.",
        path=path,
        fix="Move what takes long from the module into a step.",
    )


def metaflow_missing(interpreter: str, reason: str) -> Finding:
    """MFE603: ids are computed by mfenv's own rules, which are those of one release of Metaflow."""
    return Finding(
        Code.METAFLOW_MISSING,
        Severity.WARNING,
        f"{interpreter} cannot import Metaflow ({_short(reason)}). Environment ids are computed as Metaflow 2.19.39 "
        "does; another release may have others.",
        path=interpreter,
        fix="Say which Python starts the flows: `interpreter` in mfenv's configuration, or `mfenv up` in its shell.",
    )


def extension_unknown(interpreter: str, version: str, known: Sequence[str]) -> Finding:
    """MFE613: another version may have other ids and another manifest."""
    return Finding(
        Code.EXTENSION_UNKNOWN,
        Severity.WARNING,
        f"{interpreter} has metaflow-netflixext {version}, and mfenv knows {', '.join(known)}. It leaves the "
        "extension's environments alone.",
        path=interpreter,
        fix=f"Install metaflow-netflixext {known[-1]}, or an mfenv that knows {version}.",
    )


def interpreter_not_started(interpreter: str, root: str) -> Finding:
    """MFE615: asking Metaflow would run a program that the project names."""
    return Finding(
        Code.INTERPRETER_NOT_STARTED,
        Severity.NOTICE,
        f"{interpreter} is the word of {root} alone, which is not trusted, so it is not started. Environment ids are "
        "computed as Metaflow 2.19.39 does; another release may have others.",
        path=interpreter,
        fix="Run `mfenv trust`, or activate the environment and run `mfenv up` in that shell.",
    )


def interpreter_unknown(root: str) -> Finding:
    """MFE604: nothing says which Python starts the flows, so no id can be known."""
    return Finding(
        Code.INTERPRETER_UNKNOWN,
        Severity.WARNING,
        f"Nothing says which Python starts the flows of {root}, so nothing can be made ready for `run`.",
        path=root,
        fix='Run `mfenv up` in the shell that starts them, or write `interpreter = "/path/to/python"` in mfenv.toml.',
    )


def launch_refused(path: str, flow: str, launch: str, reason: str) -> Finding:
    """MFE605: Metaflow ends with an error before it looks at environments."""
    return Finding(
        Code.LAUNCH_REFUSED,
        Severity.NOTICE,
        f"Metaflow refuses to start {flow} ({launch}): {_short(reason)}",
        path=path,
        data={"flow": flow, "launch": launch},
    )


def micromamba_missing(looked_in: Sequence[str]) -> Finding:
    """MFE606: Metaflow would download one in the foreground of the next run."""
    return Finding(
        Code.MICROMAMBA_MISSING,
        Severity.WARNING,
        "Metaflow would not find micromamba: its next run downloads one, which needs the network, curl and bzip2.",
        fix="Install micromamba on PATH (any package manager has it), or name it in METAFLOW_PATH_TO_MICROMAMBA.",
        detail=tuple(f"looked for {place}" for place in looked_in),
    )


def manifest_unreadable(path: str, reason: str) -> Finding:
    """MFE607: what stands in the manifest is not what Metaflow writes."""
    return Finding(
        Code.MANIFEST,
        Severity.WARNING,
        f"{path} cannot be understood ({reason}), so Metaflow cannot start the flow either.",
        path=path,
        fix=f"Delete {path}: mfenv and Metaflow write it anew.",
    )


def manifest_unwritable(path: str, reason: str) -> Finding:
    """MFE607: the manifest's folder or file does not let us write."""
    return Finding(
        Code.MANIFEST,
        Severity.WARNING,
        f"{path} cannot be written ({reason}), so Metaflow resolves by itself.",
        path=path,
        fix=f"Make {path} writable.",
    )


def other_packages(id_: str, path: str, platforms: Sequence[str], packages: Sequence[str]) -> Finding:
    """MFE608: an entry that was there is kept: Metaflow's own, or one that mfenv wrote earlier."""
    return Finding(
        Code.OTHER_PACKAGES,
        Severity.NOTICE,
        f"The manifest's entry {id_} for {', '.join(platforms)} holds other packages than a resolve finds now. `run` "
        "uses the entry as it is.",
        path=path,
        fix="Run `mfenv refresh` on the flow to have the packages found now instead.",
        detail=tuple(packages),
        data={"id": id_, "platforms": list(platforms)},
    )


def not_in_datastore(datastore: str, count: int, *, queued: bool) -> Finding:
    """MFE609: `path` is left out of the manifest until the object is known to be there."""
    who = "mfenv is about to upload them" if queued else "the first `run` uploads them"
    return Finding(
        Code.NOT_IN_DATASTORE,
        Severity.NOTICE,
        f"{count} packages are not known to be in the {datastore} datastore: {who}. Everything else is ready.",
        data={"datastore": datastore, "packages": count},
    )


def not_for_metaflow(reason: str) -> Finding:
    """MFE610: an entry could not be read by Metaflow."""
    return Finding(
        Code.NOT_FOR_METAFLOW,
        Severity.WARNING,
        f"Metaflow has no way to take over what was resolved ({redact(reason)}), so it resolves by itself.",
        fix="Publish a wheel of the package, or name it by its git URL.",
    )


def _short(text: str) -> str:
    """One line of bounded length, without credentials."""
    line = " ".join(redact(text).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
