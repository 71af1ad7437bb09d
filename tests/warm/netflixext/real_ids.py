"""The request ids that a real `run` has resolved: starts a flow's file as its user does, and stops before resolving.

Run as a script by a Python that has the extension: `real_ids.py FLOW ARGUMENTS…` prints `{step: [arch, request id]}`.
"""

import importlib
import json
import os
import runpy
import sys
from typing import Any


def main() -> None:
    importlib.import_module("metaflow")
    resolver: Any = importlib.import_module("metaflow_extensions.netflixext.plugins.conda.envsresolver").EnvsResolver

    def tell(self: Any, *_: Any, **__: Any) -> None:
        found = {step: [id_.arch, id_.req_id] for id_, asked in self._requested_envs.items() for step in asked["steps"]}
        os.write(1, json.dumps(found).encode())
        os._exit(0)

    resolver.resolve_environments = tell
    sys.argv = sys.argv[1:]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))  # noqa: PTH100, PTH120 - as Python itself does
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
