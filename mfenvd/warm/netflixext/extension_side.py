"""How metaflow-netflixext is asked for request ids; loaded by `core/metaflow_side.py` in the project's own Python.

`resolve_side.py` loads it for what both have to do to the extension. Like these it is a script for Python 3.7 and up
that imports nothing of mfenv. The functions asked are those that `run` goes through before it resolves anything
(1.3.17, `CondaEnvironment.extract_merged_reqs_for_step`). They start the conda binary and pip to learn their channels
and indexes, as the extension itself does.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import signal
from typing import Any
from urllib.parse import urlsplit, urlunsplit

_CONDA = "metaflow_extensions.netflixext.plugins.conda."
_DECORATORS = ("conda", "pypi")
_PATIENCE = 20.0
"""Seconds for a datastore."""


class Dialect:
    """What `metaflow_side` asks of an environment, in the extension's words.

    Args:
        side: The module `metaflow_side`, for what both dialects need.
    """

    environment = "conda"

    def __init__(self, side: Any) -> None:
        self._side = side
        self._conda = importlib.import_module(_CONDA + "conda")
        self._utils = importlib.import_module(_CONDA + "utils")
        self._environments = importlib.import_module(_CONDA + "conda_environment").CondaEnvironment
        self._configured: dict[str, Any] = {}
        self._is_read_only = False
        only_ask(self._conda)

    def place(self, environment: Any) -> dict[str, Any]:
        """Where things are kept."""
        storage = environment.conda.storage
        return {
            "datastore": environment._datastore_type,
            "root": str(storage.datastore_root) if storage is not None else None,
            "manifest": os.path.abspath(self._utils.get_conda_manifest_path(environment._local_root)),
            "local_platform": self._utils.arch_id(),
            "latest": importlib.import_module("metaflow.metaflow_config").CONDA_USE_REMOTE_LATEST,
            **self._folders(environment.conda),
        }

    def step(self, environment: Any, step: Any) -> dict[str, Any]:
        """What a step asks for; without an id for one that runs in the plain Python."""
        said: dict[str, Any] = {"step": step.name, "id": None, "kinds": self._kinds(step), "remote": self._remote(step)}
        try:
            env_type, arch, wanted, _ = environment.extract_merged_reqs_for_step(
                environment.conda, environment._flow, environment._datastore_type, step, local_only=self._is_read_only
            )
            made = environment._result_for_step[step.name][2]
            if made is None:
                found = self._fetched_later(environment.conda, arch, wanted)
            elif made[2] is not None:
                found = self._based(environment.conda, arch, wanted, made[2])
            else:
                found = self._request(environment.conda, env_type, wanted.packages_as_str, wanted.sources)
                found = {"id": made[0].req_id, "request": found}
            if found:
                found["request"]["arch"] = arch
                found["request"]["named"]["sys"] = self._system(environment, step)
        except Exception as error:
            failure = self._side._failure(error, "metaflow")
            return {"step": step.name, "error": dict(failure, refused=self._is_refused(environment, step))}
        return dict(said, **found)

    def _is_refused(self, environment: Any, step: Any) -> bool:
        """Whether a step is refused as it is written, before anything is asked of the machine or a datastore."""
        # What the flow's decorators came to before one of them was refused.
        self._environments._flow_req = None
        try:
            environment.extract_merged_reqs_for_step(
                _Unasked(), environment._flow, environment._datastore_type, step, local_only=True
            )
        except _Asked:
            return False
        except Exception:
            return True
        finally:
            self._environments._flow_req = None
        return False

    def _request(self, conda: Any, env_type: Any, deps: Any, sources: Any) -> dict[str, Any]:
        """A request in the extension's words."""
        return {
            "env_type": env_type.value,
            "deps": {category: sorted(found) for category, found in deps.items()},
            "sources": {kind: [bare(url) for url in urls] for kind, urls in sources.items()},
            "named": {kind: self._named(conda, kind, urls) for kind, urls in sources.items()},
            "builder": builder(env_type.value, deps),
        }

    def _based(self, conda: Any, arch: Any, wanted: Any, base: Any) -> dict[str, Any]:
        """A step of a named environment: it takes that as it is, or extends it where that lacks what is asked for.

        Metaflow's pins are asked for, too.
        """
        resolver = importlib.import_module(_CONDA + "envsresolver").EnvsResolver
        found = resolver.find_resolved_environment(
            conda, arch, wanted.packages_as_str, wanted.sources, {}, base_env=base, local_only=True
        )
        env_type, id_, sources, deps, resolves, extras, is_compatible, resolved = found
        is_same = (id_.req_id, id_.arch) == (base.env_id.req_id, base.env_id.arch)
        request = dict(
            self._request(conda, env_type, deps, sources),
            base=[base.env_id.req_id, base.env_id.full_id],
            full=resolved.env_id.full_id if is_same or is_compatible else None,
            extras=extras,
            resolves=resolves,
        )
        return {"id": id_.req_id, "request": request}

    def _fetched_later(self, conda: Any, arch: Any, wanted: Any) -> dict[str, Any]:
        """A step whose task looks its environment up: what it would find now; nothing where it finds nothing yet."""
        resolver = importlib.import_module(_CONDA + "envsresolver").EnvsResolver
        name = wanted.from_env_name or ""
        if not wanted.is_fetch_at_exec or wanted.is_disabled or "@{" in name:
            return {}
        try:
            id_ = conda.env_id_from_alias(name, arch, local_only=self._is_read_only)
            base = id_ and conda.environment(id_, local_only=self._is_read_only)
        except SilentDatastoreError:
            raise
        except Exception:  # a name that is given, or a step that runs, before the task does
            return {}
        if not base:
            return {}
        env_type, _, sources, deps, resolves, extras, _ = resolver.extract_info_from_base(conda, base, {}, {}, {}, arch)
        request = dict(
            self._request(conda, env_type, deps, sources),
            base=[base.env_id.req_id, base.env_id.full_id],
            full=base.env_id.full_id,
            extras=extras,
            resolves=resolves,
        )
        return {"id": base.env_id.req_id, "request": request}

    def _folders(self, conda: Any) -> dict[str, Any]:
        """Where its environments and packages are; nothing where there is no conda binary."""
        try:
            return {"envs_dir": conda._info["envs_dirs"][0], "pkgs_dirs": conda._info["pkgs_dirs"]}
        except Exception:
            return {"envs_dir": None, "pkgs_dirs": []}

    def _system(self, environment: Any, step: Any) -> list[str]:
        """The virtual packages that the flow gives, not the machine."""
        written = environment.extract_reqs_for_flow(environment._flow)
        written.override_update(environment.extract_reqs_for_step(step))
        return sorted(written.packages_as_str.get("sys", ()))

    def _named(self, conda: Any, kind: str, urls: Any) -> list[str]:
        """What the flow names itself, not the configuration."""
        if kind not in self._configured:
            configured = conda.default_pypi_sources if kind == "pypi" else conda.default_conda_channels
            self._configured[kind] = {self._utils.channel_or_url(url) for url in configured}
        return [bare(url) for url in urls if self._utils.channel_or_url(url) not in self._configured[kind]]

    def bare(self, datastore: str | None) -> Any:
        """An environment for steps that were only read."""
        config = importlib.import_module("metaflow.metaflow_config")
        storage = importlib.import_module("metaflow.plugins.datastores.local_storage").LocalStorage
        environment = self._environments.__new__(self._environments)
        environment._datastore_type = datastore or config.DEFAULT_DATASTORE
        environment._local_root = storage.get_datastore_root_from_config(quiet)
        environment._flow = _Flow()
        environment.conda = self._conda.Conda(quiet, environment._datastore_type)
        return environment

    def knows(self, step: Any) -> bool:
        """Whether all is known that was written of a step."""
        return step["decorators"] is not None

    def read(self, environment: Any, classes: Any, step: Any) -> dict[str, Any]:
        """As `step`, of one that was only read: its decorators are made anew, and merged by the extension.

        The project may itself say where the datastore and Metaflow's metadata are, so neither is asked.
        """
        self._is_read_only = True
        if any(one["attributes"].get("pathspec") for one in step["decorators"]):
            unasked = "Metaflow's metadata is asked for the environment of a step only if the project is trusted"
            return {"step": step["step"], "error": {"text": unasked, "needs_trust": True}}
        # What is kept of a step before, which may have the same name in another flow.
        self._environments._flow_req = None
        self._environments._result_for_step = {}
        of_flow = {one.name: one for one in importlib.import_module("metaflow.plugins").FLOW_DECORATORS}
        try:
            flow: dict[str, Any] = {}
            own = []
            for one in step["decorators"]:
                name = one["name"]
                made = (of_flow if name in of_flow else classes)[name](attributes=one["attributes"])
                made.init()
                if name in of_flow:
                    flow.setdefault(name, []).append(made)
                else:
                    own.append(made)
        except Exception as error:
            return {"step": step["step"], "error": dict(self._side._failure(error, "metaflow"), refused=True)}
        own += [self._side.other(classes.get(name), name) for name in step["remote"]]
        environment._flow._flow_decorators = flow
        said = self.step(environment, self._side.Step(step["step"], own))
        if "error" in said and said["error"]["text"].startswith("Base environment"):
            said["error"]["text"] += "; the datastore is asked only if the project is trusted"
            said["error"]["needs_trust"] = True
        return said

    def _kinds(self, step: Any) -> list[str]:
        return sorted({one.name for one in step.decorators if one.name in _DECORATORS and hasattr(one, "packages")})

    def _remote(self, step: Any) -> list[str]:
        remote = importlib.import_module("metaflow.metaflow_config").CONDA_REMOTE_COMMANDS
        return [one.name for one in step.decorators if one.name in remote]


def only_ask(conda: Any) -> None:
    """Has the extension's module `conda` wait for no lock, as nothing is changed, and not for long for a datastore.

    A lock that a killed run left would be waited for for an hour.
    """
    conda.CondaLock = _Unlocked
    patience = Patience(_PATIENCE)
    for name in ("environments", "_remote_env_fetch", "_remote_fetch_alias"):
        setattr(conda.Conda, name, patience.limit(getattr(conda.Conda, name)))


def builder(env_type: str, deps: Any) -> list[str]:
    """The conda packages that wheels go into (`EnvsResolver._resolve_environments`)."""
    if env_type != "pypi-only":
        return []
    conda = deps.get("conda", ())
    python = next((dep for dep in conda if dep.startswith("python==")), None)
    others = [dep for dep in conda if not dep.startswith("python==")]
    if python is not None and python.count(".") == 1:
        python += ".*"
    utils = importlib.import_module(_CONDA + "utils")
    return [*([python] if python else ()), *utils.get_builder_envs_dep(others), *deps.get("npconda", ())]


def bare(url: str) -> str:
    """Without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.netloc else url


def quiet(*_: Any, **__: Any) -> None:
    """In the place of the extension's `echo`."""


class Patience:
    """A limit of time for calls that ask a datastore; when one has had it, the next ones fail at once.

    The clients of datastores try again for many minutes, whether something does not answer or nothing is there.

    Args:
        seconds: For each call.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_over = False

    def limit(self, ask: Any) -> Any:
        """The function `ask` with this limit, for the main thread.

        It raises SilentDatastoreError when the limit is reached, or was before.
        """

        @functools.wraps(ask)
        def asked(*args: Any, **named: Any) -> Any:
            if self._is_over:
                raise SilentDatastoreError(self._seconds)
            before = signal.signal(signal.SIGALRM, _end)
            signal.setitimer(signal.ITIMER_REAL, self._seconds)
            try:
                return ask(*args, **named)
            except _Over:
                self._is_over = True
                raise SilentDatastoreError(self._seconds) from None
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)

        return asked


class SilentDatastoreError(Exception):
    """A datastore does not answer in time; with what Metaflow's own errors say of themselves."""

    headline = "Datastore"
    passes = True

    def __init__(self, seconds: float) -> None:
        self.message = f"the datastore does not answer within {seconds:g} seconds"
        super().__init__(self.message)


class _Unasked:
    """In the place of the extension's `Conda`, whose every part says something of the machine."""

    def __getattr__(self, name: str) -> Any:
        raise _Asked(name)


class _Asked(BaseException):
    """No `Exception`, which somebody may expect."""


class _Over(BaseException):
    """No `Exception`, which a client would take for one of its own and try again."""


def _end(*_: Any) -> None:
    raise _Over


class _Flow:
    def __init__(self) -> None:
        self._flow_decorators: dict[str, Any] = {}


class _Unlocked(contextlib.nullcontext):  # type: ignore[type-arg]
    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()
