"""The ids that a real `run` computes: starts a flow's file as its user does, and stops where environments are made.

Run as a script by a Python that has Metaflow: `real_ids.py FLOW ARGUMENTS…` prints `{step: id}`, null without one.
"""

import importlib
import json
import os
import runpy
import sys
from typing import Any


def main() -> None:
    conda: Any = importlib.import_module("metaflow.plugins.pypi.conda_environment").CondaEnvironment

    def tell(self: Any, *_: Any, **__: Any) -> None:
        ids = {step.name: self.get_environment(step).get("id_") for step in self.flow}
        os.write(1, json.dumps(ids).encode())
        os._exit(0)

    conda.init_environment = tell
    sys.argv = sys.argv[1:]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))  # noqa: PTH100, PTH120 - as Python itself does
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
