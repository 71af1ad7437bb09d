"""Metaflow's own configuration, read as Metaflow 2.19.39 reads it, without importing it.

A variable's value is, in this order: the environment's, that of the first `.metaflow/config.json` from the working
directory up, that of the profile (`~/.metaflowconfig/config[_PROFILE].json`), Metaflow's default.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mfenvd.domain.finding import Finding, Location
from mfenvd.domain.pins import DATASTORES
from mfenvd.flows.decospecs import Decospec, parse_decospec
from mfenvd.flows.findings import malformed_configuration, missing_profile, unreadable_file

# The first three are command-line options by Metaflow's `auto_envvar_prefix`; versions before 2.12 read the first
# from the configuration files as well, so all of them are taken from wherever they are set.
_DECOSPECS = (
    "METAFLOW_DECOSPECS", "METAFLOW_RUN_DECOSPECS", "METAFLOW_RESUME_DECOSPECS", "METAFLOW_DEFAULT_DECOSPECS"
)  # fmt: skip

_LOCAL_ROOT = ".metaflow"

# plugins/aws/aws_utils.py get_docker_registry: a first part with a dot or a colon before the slash.
_HAS_REGISTRY = re.compile(r".+?[:.].+?/")


class Setting(msgspec.Struct, frozen=True):
    """A value with the file that it comes from; None for the environment."""

    value: str
    file: str | None = None


class AttachedDecospec(msgspec.Struct, frozen=True):
    """A decorator that the configuration attaches, and the phrase that says so."""

    decospec: Decospec
    phrase: str


class MetaflowConfig(msgspec.Struct, frozen=True):
    """What Metaflow's configuration says that concerns environments.

    Attributes:
        values: `METAFLOW_*` by name.
        watched: Files whose appearance or change would change this, absolute.
        findings: Files that Metaflow itself would stumble over.
    """

    values: dict[str, Setting] = msgspec.field(default_factory=dict)
    watched: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def get(self, name: str) -> str | None:
        """The value of `METAFLOW_<name>`; None when it is not set or empty."""
        setting = self.values.get(f"METAFLOW_{name}")
        return setting.value if setting and setting.value else None

    def under(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables of a shell, with what the configuration sets besides."""
        return {**{name: setting.value for name, setting in self.values.items()}, **environ}

    @property
    def datastore(self) -> str:
        """Where Metaflow keeps its data, one of `pins.DATASTORES`; what is none of them pins like `local`."""
        name = self.get("DATASTORE") or self.get("DEFAULT_DATASTORE") or "local"
        return name if name in DATASTORES else "local"

    @property
    def kubernetes_arch(self) -> str | None:
        return self.get("KUBERNETES_CONDA_ARCH")

    @property
    def decospecs(self) -> tuple[AttachedDecospec, ...]:
        """What every launch attaches to every step."""
        found = []
        for variable in _DECOSPECS:
            setting = self.values.get(variable)
            for text in setting.value.split() if setting else ():
                spec = parse_decospec(text)
                file = f" in {setting.file}" if setting and setting.file else ""
                found.append(AttachedDecospec(spec, f"--with {spec.name} by {variable}{file}"))
        return tuple(found)

    def default_image(self, decorator: str) -> str | None:
        """The image that is configured for `batch` or `kubernetes`, registry included; None without one."""
        image = self._first(f"{decorator.upper()}_CONTAINER_IMAGE", "DEFAULT_CONTAINER_IMAGE")
        return self.with_registry(decorator, image) if image else None

    def with_registry(self, decorator: str, image: str) -> str:
        """`image` with the configured registry before it, unless it names one."""
        registry = self._first(f"{decorator.upper()}_CONTAINER_REGISTRY", "DEFAULT_CONTAINER_REGISTRY")
        return image if not registry or _HAS_REGISTRY.match(image) else f"{registry.rstrip('/')}/{image}"

    def _first(self, *names: str) -> str | None:
        """The first of these variables that is set at all: an empty one switches the later ones off."""
        return next((self.get(name) for name in names if f"METAFLOW_{name}" in self.values), None)


def read_metaflow_config(cwd: Path, environ: Mapping[str, str]) -> MetaflowConfig:
    """The configuration for a launch in `cwd` by a shell with the variables `environ`."""
    watched: list[str] = []
    findings: list[Finding] = []
    values: dict[str, Setting] = {}
    for file in (_profile_file(environ, findings), _local_file(cwd, watched)):
        if file is not None:
            watched.append(str(file))
            values |= {name: Setting(value, str(file)) for name, value in _read(file, findings)}
    values |= {name: Setting(value) for name, value in environ.items() if name.startswith("METAFLOW_")}
    return MetaflowConfig(values, tuple(watched), tuple(findings))


def extension_manifest(folder: Path, config: Mapping[str, str]) -> Path:
    """The manifest that metaflow-netflixext would use for what is started in `folder`, there or not.

    Args:
        folder: Absolute.
        config: The environment with Metaflow's configuration below it.
    """
    sysroot = config.get("METAFLOW_DATASTORE_SYSROOT_LOCAL")
    folders = [Path(folder, sysroot)] if sysroot else [folder, *folder.parents]
    roots = (each / _LOCAL_ROOT for each in folders)
    root = next((root for root in roots if root.is_dir()), folders[0] / _LOCAL_ROOT)
    return root / (config.get("METAFLOW_CONDA_MAGIC_FILE_V2") or "conda_v2.cnd")


def _profile_file(environ: Mapping[str, str], findings: list[Finding]) -> Path:
    profile = environ.get("METAFLOW_PROFILE")
    name = f"config_{profile}.json" if profile else "config.json"
    home = environ.get("METAFLOW_HOME", "~/.metaflowconfig")
    file = Path(_expanded(home, environ), name)
    if profile and not file.exists():
        findings.append(missing_profile(Location(str(file)), profile))
    return file


def _expanded(path: str, environ: Mapping[str, str]) -> str:
    """`path` with the `~` of the shell whose variables these are."""
    home = environ.get("HOME") or environ.get("USERPROFILE")
    if home and (path == "~" or path.startswith(("~/", "~\\"))):
        return home + path[1:]
    return os.path.expanduser(path)  # noqa: PTH111 - Path.expanduser raises where there is no home


def _local_file(cwd: Path, watched: list[str]) -> Path | None:
    """`config.json` of the first `.metaflow` folder from `cwd` up, as `init_local_config` looks for it."""
    for folder in (cwd, *cwd.parents):
        file = folder / _LOCAL_ROOT / "config.json"
        if file.parent.is_dir():
            return file
        if folder == cwd:
            watched.append(str(file))
    return None


def _read(file: Path, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        findings.append(unreadable_file(str(file), error.strerror or str(error)))
        return
    except UnicodeDecodeError:
        findings.append(malformed_configuration(Location(str(file)), "it is not UTF-8"))
        return
    except json.JSONDecodeError as error:
        findings.append(malformed_configuration(Location(str(file), error.lineno, error.colno), error.msg.lower()))
        return
    if not isinstance(content, dict):
        findings.append(malformed_configuration(Location(str(file), 1), "it is not a JSON object"))
        return
    for name, value in content.items():
        if name.startswith("METAFLOW_") and value is not None:
            yield name, _text(value)


def _text(value: Any) -> str:
    """A value as the same setting would be written in the environment."""
    return value if isinstance(value, str) else json.dumps(value)
