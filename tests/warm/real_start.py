"""A real start of a flow, up to the point where the environments are there: `real_start.py FLOW ARGUMENTS…`.

What Metaflow would upload to the datastore is printed instead of sent, as a list of paths.
"""

import importlib
import json
import os
import runpy
import sys
from typing import Any


def main() -> None:
    conda: Any = importlib.import_module("metaflow.plugins.pypi.conda_environment").CondaEnvironment
    storage: Any = importlib.import_module("metaflow.plugins.datastores.s3_storage").S3Storage
    uploaded: list[str] = []

    def save_bytes(_: Any, paths: Any, **__: Any) -> None:
        uploaded.extend(path for path, _ in paths)

    bootstrap = conda.init_environment

    def init_environment(self: Any, *arguments: Any, **options: Any) -> None:
        bootstrap(self, *arguments, **options)
        os.write(1, b"\n" + json.dumps(sorted(uploaded)).encode())
        os._exit(0)

    storage.save_bytes = save_bytes
    conda.init_environment = init_environment
    sys.argv = sys.argv[1:]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))  # noqa: PTH100, PTH120 - as Python itself does
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
