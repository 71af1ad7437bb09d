"""How metaflow-netflixext is asked what `metaflow environment resolve` would resolve; run by the project's own Python.

A script for Python 3.7 and up that imports nothing of mfenv. The extension's own command is run with the options that
the user gave, up to where it begins to resolve (1.3.17, `cmd/environment/environment_cmd.py`): the answer has its
request ids, its packages and its sources, and the environments that it would have taken as they are.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from typing import Any, Callable

_EXTENSION = "metaflow_extensions.netflixext."
_CONDA = _EXTENSION + "plugins.conda."


def main() -> None:
    """Answers the one question that comes in over stdin."""
    if sys.path[:1] == [os.path.dirname(os.path.abspath(__file__))]:
        del sys.path[0]
    answers = os.fdopen(os.dup(1), "wb", 0)
    opened = _Opened()
    question = json.loads(sys.stdin.buffer.read().decode("utf-8"))
    os.dup2(2, 1)
    try:
        answer = dict(_answer(question), opened=opened.paths())
    except BaseException as error:  # whatever a broken installation does
        answer = {"error": _words(error), "usage": type(error).__name__ in ("BadOptionUsage", "UsageError")}
    answers.write(json.dumps(answer).encode("utf-8"))


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    pip = _Pip()
    version = _version()
    if version not in question["known"]:
        return {"extension": version}
    shared = _loaded(question["shared"])
    conda = importlib.import_module(_CONDA + "conda")
    resolver = importlib.import_module(_CONDA + "envsresolver")
    command = importlib.import_module(_EXTENSION + "cmd.environment.environment_cmd")
    shared.only_ask(conda)
    if question["step"]:
        return {"extension": version, "ids": _of_step(conda, question, shared.quiet)}
    pip.answers_for(conda.Conda)

    class Asked(resolver.EnvsResolver):  # type: ignore[misc, name-defined]
        def non_resolved_environments(self) -> Any:
            raise _Stop(self)

    command.EnvsResolver = Asked  # type: ignore[attr-defined]
    datastore = ["--datastore", question["datastore"]] if question["datastore"] else []
    try:
        command.environment.main(["--quiet", *datastore, "resolve", *question["options"]], standalone_mode=False)
    except _Stop as stop:
        config = importlib.import_module("metaflow.metaflow_config")
        return {"extension": version, "answer": _told(stop.resolver, shared), "latest": config.CONDA_USE_REMOTE_LATEST}
    raise RuntimeError("the extension resolved nothing")


def _loaded(path: str) -> Any:
    """The script at `path` as a module."""
    spec = importlib.util.spec_from_file_location("__mfenv_shared__", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _of_step(conda: Any, question: dict[str, Any], echo: Callable[..., None]) -> list[str]:
    """Request and full id of the environment that a step ran in, as Metaflow's metadata has them."""
    datastore = question["datastore"] or importlib.import_module("metaflow.metaflow_config").DEFAULT_DATASTORE
    id_ = conda.Conda(echo, datastore).env_id_from_alias("step:" + question["step"])
    return [id_.req_id, id_.full_id]


class _Opened:
    """What this process reads from now on, there or not, as Python's own audit says it (3.8 and up)."""

    def __init__(self) -> None:
        self._paths: dict[str, None] = {}
        self._cwd = os.getcwd()
        self._is_told = hasattr(sys, "addaudithook")
        if self._is_told:
            sys.addaudithook(self._hear)

    def paths(self) -> list[str] | None:
        """Absolute paths; None where Python does not tell."""
        if not self._is_told:
            return None
        folders = [folder for folder in sys.path if os.path.isdir(folder)]
        more = [
            os.path.join(folder, name) for folder in folders for name in os.listdir(folder) if name.endswith(".pth")
        ]
        return [os.path.join(self._cwd, path) for path in dict.fromkeys([*self._paths, *folders, *more])]

    def _hear(self, event: str, arguments: Any) -> None:
        if event == "open":
            path, mode, flags = arguments
            is_read = mode in ("r", "rb", None) and not (flags or 0) & (os.O_WRONLY | os.O_RDWR)
        elif event in ("os.listdir", "os.scandir"):
            path, is_read = arguments[0], True
        else:
            return
        if is_read and isinstance(path, (str, bytes)):
            self._paths[os.fsdecode(path)] = None


def _version() -> str | None:
    """None without the extension, or without Metaflow."""
    try:
        importlib.import_module("metaflow")
        return str(importlib.import_module(_EXTENSION + "toplevel.nflxext_version").nflxext_version)
    except ImportError:
        return None


class _Pip:
    """What pip answers to the extension, asked while Metaflow is being imported: it takes a third of a second."""

    def __init__(self) -> None:
        self._binary = shutil.which("pip")
        self._asked = {
            question: subprocess.Popen(
                [self._binary, *question],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )
            for question in (("--version",), ("config", "list"))
            if self._binary is not None
        }  # fmt: skip
        self._known: dict[Any, bytes] = {}

    def answers_for(self, conda: Any) -> None:
        """Lets the extension have these answers, where it would ask the same pip."""
        ask = conda.call_binary

        def answered(this: Any, args: Any, binary: Any, *others: Any, **more: Any) -> Any:
            same = binary == "pip" and this._bins.get("pip") == self._binary
            said = self._answer(tuple(args)) if same else None
            return ask(this, args, binary, *others, **more) if said is None else said

        conda.call_binary = answered

    def _answer(self, question: Any) -> bytes | None:
        """None where pip was not asked, or failed."""
        process = self._asked.pop(question, None)
        if process is not None:
            said = process.communicate()[0]
            if process.returncode == 0:
                self._known[question] = said.strip()
        return self._known.get(question)


class _Stop(BaseException):
    def __init__(self, resolver: Any) -> None:
        super().__init__()
        self.resolver = resolver


def _told(resolver: Any, shared: Any) -> dict[str, Any]:
    conda = resolver._conda
    manifest = importlib.import_module("metaflow.metaflow_config").CONDA_MAGIC_FILE_V2
    environments = list(resolver._requested_envs.items())
    name_of = importlib.import_module(_CONDA + "utils").channel_or_url
    configured = list(conda.default_conda_channels)
    if any(asked["env_type"].value != "conda-only" for _, asked in environments):
        configured += conda.default_pypi_sources
    known = {name_of(url) for url in configured}

    def is_named(url: str) -> bool:
        return name_of(url) not in known

    return {
        "user": importlib.import_module("metaflow.util").get_username() or "",
        "datastore": conda._datastore_type,
        "root": str(conda.storage.datastore_root) if conda.storage is not None else None,
        "manifest": os.path.join(os.path.abspath(conda._local_root), manifest),
        "environments": [_environment(id_, asked, is_named, shared) for id_, asked in environments],
        "envs_dir": next(iter(conda._info.get("envs_dirs", ())), None),
        "extended": [_extended(conda, base) for base in _bases(conda, environments)],
    }


def _bases(conda: Any, environments: Any) -> list[Any]:
    """What is extended: the extension writes it down, too, if the datastore had it alone."""
    bases = [asked["base"] for _, asked in environments if asked["base"] is not None]
    found = {base.env_id: base for base in bases}
    for base in bases:
        for arch in base.co_resolved_archs:
            id_ = base.env_id._replace(arch=arch)
            found.setdefault(id_, conda.environment(id_, local_only=True))
    return [base for base in found.values() if base is not None]


def _extended(conda: Any, base: Any) -> dict[str, Any]:
    id_, (given_once, mutable) = base.env_id, conda.aliases_for_env_id(base.env_id)
    return {
        "arch": id_.arch,
        "request": id_.req_id,
        "full_id": id_.full_id,
        "entry": base.to_dict(),
        "aliases": [name for name in (*given_once, *mutable) if name != id_.full_id],
    }


def _environment(id_: Any, asked: dict[str, Any], is_named: Callable[[str], bool], shared: Any) -> dict[str, Any]:
    kind, sources, resolved = asked["env_type"].value, asked["sources"], asked["resolved"]
    return {
        "arch": id_.arch,
        "request": id_.req_id,
        "env_type": kind,
        "asked": {
            "deps": asked["user_deps"],
            "sources": {name: [shared.bare(url) for url in urls] for name, urls in sources.items()},
            "extras": asked["extras"],
        },
        "deps": asked["deps"],
        "named": {name: [url for url in urls if is_named(url)] for name, urls in sources.items()},
        "builder": shared.builder(kind, asked["user_deps"]),
        "extends": asked["base"] is not None,
        "full_id": resolved.env_id.full_id if resolved is not None else None,
        "entry": resolved.to_dict() if resolved is not None else None,
    }


def _words(error: BaseException) -> str:
    message = getattr(error, "message", None)
    return str(message or error or type(error).__name__)


if __name__ == "__main__":
    main()
