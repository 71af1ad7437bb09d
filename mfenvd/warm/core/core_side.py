"""How Metaflow core is asked for environment ids; loaded by `metaflow_side.py` in the project's own Python.

Like that one a script for Python 3.7 and up that imports nothing of mfenv.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

_ENVIRONMENTS = ("conda", "pypi")


class Dialect:
    """What `metaflow_side` asks of an environment.

    Args:
        side: The module `metaflow_side`, for what both dialects need.
    """

    environment = "pypi"

    def __init__(self, side: Any) -> None:
        self._side = side

    def place(self, environment: Any) -> dict[str, Any]:
        """Where things are kept."""
        pypi = importlib.import_module("metaflow.plugins.pypi")
        storage = importlib.import_module("metaflow.plugins.datastores.local_storage").LocalStorage
        utils = importlib.import_module("metaflow.plugins.pypi.utils")
        return {
            "datastore": environment.datastore_type,
            "package_root": str(pypi._datastore_packageroot(environment.datastore, _quiet)),
            "local_root": os.path.abspath(storage.get_datastore_root_from_config(_quiet)),
            "local_platform": utils.conda_platform(),
        }

    def step(self, environment: Any, step: Any) -> dict[str, Any]:
        """The id of a step and what it is made of; without an id for a step that runs in the plain Python."""
        try:
            found = dict(environment.get_environment(step))
        except Exception as error:
            return {"step": step.name, "error": self._side._failure(error, "metaflow")}
        id_ = found.pop("id_", None)
        remote = [one.name for one in step.decorators if getattr(one, "supports_conda_environment", False)]
        kinds = [one.name for one in step.decorators if one.name in _ENVIRONMENTS]
        declared = sorted(kind for kind in kinds if _is_declared(step, kind))
        return {"step": step.name, "id": id_, "content": found, "remote": remote, "kinds": declared}

    def bare(self, datastore: str | None) -> Any:
        """An environment for steps that were only read."""
        plugins = importlib.import_module("metaflow.plugins")
        config = importlib.import_module("metaflow.metaflow_config")
        conda = importlib.import_module("metaflow.plugins.pypi.conda_environment").CondaEnvironment
        environment = conda.__new__(conda)
        environment.datastore_type = datastore or config.DEFAULT_DATASTORE
        environment.datastore = next(one for one in plugins.DATASTORES if environment.datastore_type == one.TYPE)
        environment.logger = _quiet
        return environment

    def knows(self, step: Any) -> bool:
        """Whether core has all that was read of a step."""
        return step["core"] is not None

    def read(self, environment: Any, classes: Any, step: Any) -> dict[str, Any]:
        """As `step`, of one that was only read."""
        made = [self._made(classes, name, attributes) for name, attributes in step["core"].items()]
        made += [self._side.other(classes.get(name), name) for name in step["remote"]]
        return self.step(environment, self._side.Step(step["step"], made))

    def _made(self, classes: Any, name: str, attributes: Any) -> Any:
        """A step decorator with all its attributes set, as `step_init` leaves those that are hashed."""
        made = classes[name](attributes=dict(attributes))
        made.init()
        made.attributes["disabled"] = made.attributes.get("disabled") or False
        if name == "conda" and not made.attributes.get("python"):
            made.attributes["python"] = self._side._python()
        return made


def _is_declared(step: Any, kind: Any) -> bool:
    return any(
        decorator.name == kind and getattr(decorator, "_attributes_with_user_values", None)
        for decorator in step.decorators
    )


def _quiet(*_: Any, **__: Any) -> None:
    pass
