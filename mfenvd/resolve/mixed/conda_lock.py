"""Runs conda-lock: conda's part is settled before, and the index that it sees is the target's."""

from __future__ import annotations

import itertools
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from mfenvd.domain.redact import redact
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.target import DEFAULT_GLIBC, DEFAULT_MACOS, Target
from mfenvd.resolve.mixed import conda_answer
from mfenvd.resolve.mixed.names import Names
from mfenvd.resolve.pypi.asked import Asked, combined, name_of

# Seconds. Far beyond what solving takes: all that it asks is on this machine.
_TIME_LIMIT = 900.0

_UNSOLVABLE = "version solving failed"

# Variables without which programs do not run.
_NEEDED = ("HOME", "USERPROFILE", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL")


class CondaLockError(Exception):
    """conda-lock gave no answer.

    Attributes:
        unsolvable: There are no such packages, rather than something else having gone wrong.
        output: What it printed, the end of it.
    """

    def __init__(self, output: str, *, unsolvable: bool) -> None:
        self.output = redact(output).strip()
        self.unsolvable = unsolvable
        super().__init__(self.output.splitlines()[-1] if self.output else "no output")


class CondaLock:
    """conda-lock for one target.

    Args:
        folder: For temporary files; created when needed.
        names: What conda packages are called on the index.
        target: Where.
    """

    def __init__(self, folder: Path, names: Names, target: Target) -> None:
        self._folder = folder
        self._names = names
        self._target = target

    def wheels(self, asked: Asked, conda: Sequence[LockedPackage], index_url: str) -> dict[str, Version]:
        """The wheels that it locks beside the packages of `conda`, by canonical name.

        Args:
            asked: What is asked for on the target.
            conda: The packages that conda brings, Python and pip among them.
            index_url: Of the index that has what the target gets.

        Raises:
            CondaLockError: It gave no answer.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="conda-lock-", dir=self._folder) as scratch:
            folder = Path(scratch)
            self._write(folder, asked, conda, index_url)
            self._run(folder)
            try:
                return _locked(yaml.safe_load((folder / "conda-lock.yml").read_text("utf-8")))
            except (OSError, ValueError, yaml.YAMLError) as error:
                raise CondaLockError(f"its lock file is not understood: {error}", unsolvable=False) from error

    def _write(self, folder: Path, asked: Asked, conda: Sequence[LockedPackage], index_url: str) -> None:
        subdir = str(self._target.arch)
        environment = {
            "channels": ["conda-forge"],
            "platforms": [subdir],
            "dependencies": [
                *sorted({"pip", "python", *(package.name for package in conda if package.requested)}),
                {"pip": list(_lines(asked))},
            ],
            "pip-repositories": [index_url],
            "allow-pypi-requests": False,
        }
        _write_yaml(folder / "environment.yml", environment)
        _write_yaml(folder / "virtual-packages.yml", {"subdirs": {subdir: {"packages": _virtual(self._target)}}})
        (folder / "names.json").write_bytes(msgspec.json.encode(_lookup(self._names)))
        (folder / f"{subdir}.json").write_bytes(msgspec.json.encode(_dry_run(conda)))

    def _run(self, folder: Path) -> None:
        command = [
            sys.executable, "-m", "conda_lock", "lock", "--conda", str(_executable(folder)), "--no-mamba",
            "--file", "environment.yml", "--platform", str(self._target.arch), "--lockfile", "conda-lock.yml",
            "--virtual-package-spec", "virtual-packages.yml",
            "--pypi_to_conda_lookup_file", (folder / "names.json").as_posix(),
            "--log-level", "WARNING",
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command,
                check=False,
                cwd=folder,
                env=_environ(folder, os.environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIME_LIMIT,
            )
        except subprocess.TimeoutExpired as error:
            raise CondaLockError(f"not finished within {_TIME_LIMIT:.0f} seconds", unsolvable=False) from error
        if done.returncode != 0:
            output = done.stderr.decode(errors="replace")
            raise CondaLockError(telling(output), unsolvable=_UNSOLVABLE in output)


def _lines(asked: Asked) -> Iterable[str]:
    """One requirement per package: of several conda-lock would take the last."""
    for name in asked.names:
        wanted = [one for one in asked.requirements if name_of(one) == name]
        line = Requirement(name)
        line.extras = {extra for one in wanted for extra in one.extras}
        # What has an address is the only version on the index.
        line.specifier = combined(one.specifier for one in wanted)
        yield str(line)


def _virtual(target: Target) -> dict[str, str]:
    if target.arch.is_windows:
        return {"__win": "0"}
    if target.arch.is_macos:
        return {"__unix": "0", "__osx": target.macos or DEFAULT_MACOS}
    return {"__unix": "0", "__linux": "5.10", "__glibc": target.glibc or DEFAULT_GLIBC}


def _lookup(names: Names) -> dict[str, dict[str, str]]:
    """The table in conda-lock's form, of which only what conda packages are called on the index is asked.

    It is keyed by names on the index, and two conda packages may bring the same: their own names are as good as keys.
    """
    return {
        # What brings nothing would be taken to bring what it is called itself.
        conda: {"conda_name": conda, "pypi_name": brought[0] if brought else f"{conda}-of-conda"}
        for conda, brought in names.table.items()
    }


def _dry_run(conda: Iterable[LockedPackage]) -> dict[str, Any]:
    """As conda answers `create --dry-run --json`."""
    fetch = [
        {
            "name": package.name,
            "version": package.version,
            "url": package.url,
            "fn": package.filename,
            "subdir": package.subdir,
            "md5": package.md5 or "",
            "sha256": package.sha256,
            "depends": list(package.requires),
        }
        for package in conda
    ]
    return {"success": True, "dry_run": True, "actions": {"FETCH": fetch, "LINK": fetch}}


def _executable(folder: Path) -> Path:
    """What conda-lock starts in place of conda: this Python, with the module that has the answer."""
    command = [sys.executable, "-I", "-S", str(Path(conda_answer.__file__))]
    if sys.platform == "win32":
        wrapper = folder / "mfenv-conda.bat"
        wrapper.write_text(f"@{subprocess.list2cmdline(command)} %*\n", encoding="utf-8")
    else:
        wrapper = folder / "mfenv-conda"
        wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
        wrapper.chmod(0o700)
    return wrapper


def _environ(folder: Path, own: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the user's reaches conda-lock or the poetry in it: no configuration, no proxy, no cache."""
    return {
        **{name: own[name] for name in _NEEDED if name in own},
        "PATH": os.defpath,
        "PYTHONHASHSEED": "0",
        "PYTHONIOENCODING": "utf-8",
        "POETRY_CACHE_DIR": str(folder / "poetry-cache"),
        "POETRY_CONFIG_DIR": str(folder / "poetry-config"),
        "POETRY_DATA_DIR": str(folder / "poetry-data"),
        "POETRY_KEYRING_ENABLED": "false",
        "NO_PROXY": "*",
        conda_answer.ANSWERS: str(folder),
    }


def telling(output: str) -> str:
    """The end of the output: of an exception what it says, without the calls that led there."""
    lines = [line for line in output.splitlines() if line.strip()]
    frames = max((number for number, line in enumerate(lines) if line.startswith("Traceback (")), default=None)
    if frames is not None:
        lines = list(itertools.dropwhile(lambda line: line.startswith(" "), lines[frames + 1 :]))
    return "\n".join(lines[-30:])


def _locked(document: Any) -> dict[str, Version]:
    try:
        return {
            canonicalize_name(package["name"]): Version(package["version"])
            for package in document["package"]
            if package["manager"] == "pip"
        }
    except (KeyError, TypeError, InvalidVersion) as error:
        raise ValueError(error) from error


def _write_yaml(path: Path, content: Any) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
