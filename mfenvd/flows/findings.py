"""What can be wrong with a project as a whole: its configuration, its targets, its named environments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from packaging.utils import canonicalize_name

from mfenvd.domain.alias import BadAliasError
from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Location, Severity
from mfenvd.domain.redact import redact
from mfenvd.domain.target import DEFAULT_CUDA, DEFAULT_GLIBC
from mfenvd.flows.setting_values import nearest


def bad_setting(location: Location, message: str, fix: str | None = None) -> Finding:
    """MFE204: a key that does not exist, or a value that it cannot have."""
    return Finding(Code.BAD_SETTING, Severity.ERROR, message, fix=fix).located(location)


def settings_unused(path: str, root: str) -> Finding:
    """MFE219: a configuration file that lies in the project without being the project's."""
    file = PurePath(path).relative_to(root)
    inner = file.parent.as_posix()
    return Finding(
        Code.SETTINGS_UNUSED, Severity.NOTICE,
        f"What {file.as_posix()} says about mfenv does not count: {inner} is read as a part of {root}.",
        path=path,
        fix=f'Move it to {root}, or put `exclude = ["{inner}/"]` there and run `mfenv up` in {inner}.',
    )  # fmt: skip


def malformed_configuration(location: Location, reason: str) -> Finding:
    """MFE214: a configuration file that is not valid TOML or JSON."""
    return Finding(
        Code.MALFORMED_FILE, Severity.ERROR, f"The configuration cannot be read: {reason}.", fix="Correct this line."
    ).located(location)


def unreadable_file(path: str, reason: str) -> Finding:
    """MFE104: a file that exists and cannot be read."""
    return Finding(
        Code.UNREADABLE_FILE, Severity.WARNING, f"{path} cannot be read: {reason}.", path=path,
        fix="Make it readable, or leave it out with `exclude` in mfenv's configuration.",
    )  # fmt: skip


def illegible_name(path: str) -> Finding:
    """MFE104: a file or folder whose name is no text, which neither an index nor a message could hold."""
    return Finding(
        Code.UNREADABLE_FILE, Severity.WARNING, f"The name of {path} is not UTF-8, so it is not read.", path=path,
        fix="Rename it, or leave it out with `exclude` in mfenv's configuration.",
    )  # fmt: skip


def missing_profile(variable_location: Location, profile: str) -> Finding:
    """MFE203: `METAFLOW_PROFILE` names a profile that has no file; Metaflow itself refuses to start."""
    return Finding(
        Code.MISSING_FILE,
        Severity.ERROR,
        f"METAFLOW_PROFILE is {profile!r}, but {variable_location.path} does not exist.",
        path=variable_location.path,
        fix="Create the profile with `metaflow configure`, or unset METAFLOW_PROFILE.",
    )


def unknown_named_environment(
    name: str, location: Location, defined: Iterable[str], *, manifest: PurePath | None = None
) -> Finding:
    """MFE105: `@named_env` names an environment that at most the datastore knows.

    `manifest` is metaflow-netflixext's, which does not have it; None with Metaflow core.
    """
    known = sorted(defined)
    close = nearest(name, known)
    listed = f" Did you mean {close!r}?" if close else f" Defined here: {', '.join(known)}." if known else ""
    table = f"`[envs.{_toml_key(name)}]`"
    if "/" in name or ":" in name:
        table = f'`[envs.NAME]`, with `alias = "{name}"`'
    fix = f"Say what it holds in mfenv.toml: `requirements` or `packages` under {table}."
    if name.startswith("step:"):
        fix = "Nothing has to be done: Metaflow looks at what that run used."
    elif manifest is not None:
        fix = f"`mfenv env show {name}` looks for it in the datastore. Or say what it holds, under {table}."
    where = f"mfenv's configuration, and not in {manifest}" if manifest is not None else "mfenv's configuration"
    return Finding(
        Code.NAMED_ENVIRONMENT,
        Severity.WARNING,
        f"The named environment {name!r} is not defined in {where}, so it is not checked.{listed}",
        fix=fix,
    ).located(location)


def not_shared_for_arch(  # noqa: PLR0913 - all that is said
    name: str, arch: Arch, archs: Sequence[Arch], location: Location, origin: Location | None, *, late: bool
) -> Finding:
    """MFE111: Metaflow refuses the step, or with `fetch_at_exec` the task fails.

    `origin` is where the configuration says so; None where metaflow-netflixext's manifest does.
    """
    available = ", ".join(archs)
    fix = f"Resolve it for {arch}, too: `mfenv resolve --from {name} --arch {arch} --alias` with another tag."
    return Finding(
        Code.NOT_SHARED_FOR_ARCH,
        Severity.WARNING if late else Severity.ERROR,
        f"The named environment {name!r} is not available for {arch}; it is for {available}.",
        fix=f'Add "{arch}" to its `archs` in {origin.path}.' if origin else fix,
        data={"name": name, "arch": str(arch), "archs": list(map(str, archs))},
    ).located(location)


def named_at_run_time(name: str, location: Location) -> Finding:
    """MFE112: `@{…}` is filled in by the task."""
    return Finding(
        Code.NAMED_AT_RUN_TIME,
        Severity.NOTICE,
        f"The named environment {name!r} depends on values that are known when the step runs, so it is not checked.",
        fix="Nothing has to be done; a fixed name would be checked.",
    ).located(location)


def bad_alias(error: BadAliasError, location: Location) -> Finding:
    """MFE113: Metaflow refuses the name."""
    return Finding(Code.BAD_ALIAS, Severity.ERROR, str(error), fix=error.fix).located(location)


def mixed_in_core(step: str, location: Location, conda: Iterable[str], pypi: Iterable[str], certain: bool) -> Finding:
    """MFE107: core refuses a step with packages of both kinds; the netflixext extension does not."""
    return Finding(
        Code.MIXED_IN_CORE,
        Severity.ERROR if certain else Severity.WARNING,
        f"Step {step!r} has both @conda ({_some(conda)}) and @pypi ({_some(pypi)}); "
        "Metaflow refuses that unless metaflow-netflixext is installed.",
        fix="Use one of @pypi and @conda for this step, or install metaflow-netflixext.",
    ).located(location)


def bad_requirement(text: str, reason: str, location: Location | None, fix: str | None = None) -> Finding:
    """MFE201: a package and version that pip would not understand."""
    return Finding(
        Code.BAD_REQUIREMENT, Severity.ERROR, f"`{redact(text)}` is not a valid requirement: {reason}.",
        fix=fix or 'Write the version as in `{"pandas": "2.2.2"}` or `{"pandas": ">=2,<3"}`.',
    ).located(location)  # fmt: skip


def extension_refuses(step: str, location: Location | None, reason: str) -> Finding:
    """MFE612: what is written of a step is nothing that the extension makes an environment of."""
    return Finding(
        Code.EXTENSION_NOT_WARMED,
        Severity.ERROR,
        f"metaflow-netflixext refuses the environment of {step}: {_sentence(reason)}.",
        fix="Mend what it says: `run` ends with it, too.",
    ).located(location)


def extension_silent(
    step: str, location: Location | None, reason: str, *, only_named: bool, needs_trust: bool
) -> Finding:
    """MFE612: without what the extension calls an environment, nothing can be made ready for it.

    Of a step that has no more than a name, nothing is known then: `only_named`.
    """
    said = _sentence(reason)
    trusting = "`mfenv trust`, once you trust the project." if needs_trust else None
    return Finding(
        Code.EXTENSION_NOT_WARMED,
        Severity.WARNING if only_named else Severity.NOTICE,
        f"metaflow-netflixext does not say what it calls the environment of {step} ({said}), "
        "so mfenv cannot make it ready for `run`.",
        fix=trusting or ("Mend what the extension says: `run` ends with it, too." if only_named else None),
    ).located(location)


def empty_version(name: str, location: Location | None) -> Finding:
    """MFE222: Metaflow core puts `==` behind every name."""
    return Finding(
        Code.BAD_MATCH_SPEC,
        Severity.WARNING,
        f"{name} has an empty version: Metaflow asks micromamba for `{name}==`, which micromamba 2 refuses.",
        package=canonicalize_name(name.rpartition("::")[2]),
        fix=f'Write `{{"{name}": "*"}}` for any version.',
    ).located(location)


def exact_python(version: str, location: Location | None) -> Finding:
    """MFE223: Metaflow core puts `==` before the Python of @conda."""
    return Finding(
        Code.EXACT_PYTHON,
        Severity.NOTICE,
        f'Metaflow asks conda for exactly the Python that is written: `python="{version}"` is {version}.0.',
        fix=f'Write `python="{version}.*"` for the newest {version}, or all three numbers.',
    ).located(location)


def bad_python(value: str, location: Location | None) -> Finding:
    """MFE108: a Python that is no version."""
    return Finding(
        Code.BAD_ARGUMENT, Severity.ERROR, f"`python={value!r}` is not a version of Python.",
        fix='Write it as in `python="3.11"` or `python="3.11.7"`.',
    ).located(location)  # fmt: skip


def glibc_assumed(arch: Arch, location: Location | None) -> Finding:
    """MFE401: nothing says what the target runs on."""
    return Finding(
        Code.GLIBC_ASSUMED,
        Severity.NOTICE,
        f"Nothing says which GLIBC {arch} has; {DEFAULT_GLIBC} (Amazon Linux 2) is assumed.",
        fix=f'Set `glibc` or `image` under `[targets.{arch}]` in mfenv.toml, as in `image = "amazonlinux:2023"`.',
        data={"arch": str(arch), "glibc": DEFAULT_GLIBC},
    ).located(location)


def unknown_image(image: str, arch: Arch, location: Location | None) -> Finding:
    """MFE402: an image that is not in the table of known bases."""
    return Finding(
        Code.UNKNOWN_IMAGE,
        Severity.WARNING,
        f"The GLIBC of the image {redact(image)} is not known; {DEFAULT_GLIBC} is assumed for {arch}.",
        fix=f"See what `docker run --rm {redact(image)} ldd --version` says, and set that as `glibc` under "
        f"`[targets.{arch}]` in mfenv.toml.",
        data={"image": redact(image), "arch": str(arch), "glibc": DEFAULT_GLIBC},
    ).located(location)


def image_of_run_time(decorator: str, arch: Arch, location: Location | None) -> Finding:
    """MFE402: an image whose name is only known when the flow is launched."""
    return Finding(
        Code.UNKNOWN_IMAGE,
        Severity.WARNING,
        f"The image of @{decorator} is only known at launch; GLIBC {DEFAULT_GLIBC} is assumed for {arch}.",
        fix=f"Set `image` or `glibc` under `[targets.{arch}]` in mfenv.toml.",
        data={"arch": str(arch), "glibc": DEFAULT_GLIBC},
    ).located(location)


def image_without_glibc(image: str, system: str, arch: Arch, location: Location | None) -> Finding:
    """MFE405: an image with another libc. Metaflow takes manylinux wheels and conda's Python, which need GLIBC."""
    return Finding(
        Code.NO_GLIBC,
        Severity.ERROR,
        f"The image {redact(image)} is {system}: it has musl instead of GLIBC, and neither manylinux wheels nor the "
        "Python that Metaflow installs run there.",
        fix="Use an image based on Debian or Ubuntu, such as `python:3.12-slim`; if the image does have a GLIBC, set "
        f"`glibc` under `[targets.{arch}]` in mfenv.toml.",
        data={"image": redact(image), "arch": str(arch)},
    ).located(location)


def lowest_glibc(arch: Arch, glibc: str, places: Iterable[str], location: Location | None) -> Finding:
    """MFE404: one environment, several GLIBC versions."""
    return Finding(
        Code.LOWEST_GLIBC,
        Severity.NOTICE,
        f"This environment runs on {arch} with different GLIBC versions ({', '.join(places)}); "
        f"it is resolved for the lowest, {glibc}.",
        fix=f"Set `glibc` under `[targets.{arch}]` in mfenv.toml to resolve for another one.",
        data={"arch": str(arch), "glibc": glibc},
    ).located(location)


def lowest_cuda(arch: Arch, cuda: str | None, own: str, places: Iterable[str]) -> Finding:
    """MFE406: one environment, with a GPU and without, or with several drivers; `own` is the driver of this step."""
    outcome = f"for the lowest driver, {cuda}" if cuda else "without CUDA, so that it works in all of them"
    return Finding(
        Code.LOWEST_CUDA,
        Severity.NOTICE,
        f"This environment runs on {arch} with different CUDA drivers ({', '.join(places)}); it is resolved {outcome}.",
        fix=f'Add a package such as `"cuda-version": "{own}"` to the steps with a GPU: that makes their environment '
        "one of its own.",
        data={"arch": str(arch), "cuda": cuda},
    )


def cuda_assumed(decorator: str, arch: Arch, location: Location | None) -> Finding:
    """MFE224: a GPU is asked for, and nothing says which driver is there."""
    return Finding(
        Code.CUDA_ASSUMED,
        Severity.NOTICE,
        f"@{decorator} asks for a GPU; a driver for CUDA {DEFAULT_CUDA} is assumed on {arch}.",
        fix=f"Set `cuda` under `[targets.{arch}]` in mfenv.toml to what `nvidia-smi` says there.",
        data={"arch": str(arch), "cuda": DEFAULT_CUDA},
    ).located(location)


def metaflow_without_cuda(arch: Arch, cuda: str, location: Location | None) -> Finding:
    """MFE225: Metaflow 2.19.39 sets no `__cuda`, and micromamba looks for a driver on the workstation."""
    return Finding(
        Code.METAFLOW_WITHOUT_CUDA,
        Severity.NOTICE,
        f"Metaflow itself would resolve {arch} without CUDA, and get packages for the CPU, unless this machine has a "
        "driver.",
        fix=f"Set CONDA_OVERRIDE_CUDA={cuda} in the shell, and run `mfenv up` again.",
        data={"arch": str(arch), "cuda": cuda},
    ).located(location)


def python_assumed(version: str, why: str) -> Finding:
    """MFE403: the project's interpreter was not found."""
    return Finding(
        Code.PYTHON_ASSUMED,
        Severity.NOTICE,
        f"The project's Python is not known; {version} is assumed ({why}).",
        fix=f'Set `python = "{version}"` or `interpreter` in mfenv.toml, or run `mfenv up` with the environment of the '
        "flows activated.",
        data={"python": version},
    )


def loaded_differs(flow: str, step: str, location: Location | None, differences: Sequence[str]) -> Finding:
    """MFE601: what was loaded counts."""
    return Finding(
        Code.LOADED_DIFFERS,
        Severity.NOTICE,
        f"Loading {flow} gives step {step!r} another environment than reading it does ({differences[0]}). What was "
        "loaded counts.",
        detail=tuple(differences),
        data={"flow": flow, "step": step},
    ).located(location)


def _toml_key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'


def _sentence(reason: str) -> str:
    """What somebody else said, on one line, without credentials and without the last dot."""
    return " ".join(redact(reason).split()).rstrip(".")


def _some(names: Iterable[str]) -> str:
    listed = list(names) or ["no packages"]
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return ", ".join(listed[:3]) + more
