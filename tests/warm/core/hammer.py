"""Metaflow's own reading and writing of a manifest: `hammer.py read|write LOCAL_ROOT NAME COUNT`."""

import importlib
import json
import sys
from types import SimpleNamespace
from typing import Any


def main(what: str, local_root: str, name: str, count: int) -> None:
    conda: Any = importlib.import_module("metaflow.plugins.pypi.conda_environment").CondaEnvironment
    environment = conda.__new__(conda)
    environment.flow = SimpleNamespace(name="Flow")
    environment.set_local_root(local_root)
    torn = 0
    for number in range(count):
        if what == "write":
            # Entries of many lengths, some of them shorter than what was there before.
            lines = [{"url": f"https://host/{name}/{number}/{line}"} for line in range(number % 7 + 1)]
            environment.write_to_environment_manifest([f"{name}-{number % 40}", "linux-64", "conda"], lines)
        else:
            try:
                environment.read_from_environment_manifest(["nothing"])
            except json.JSONDecodeError:
                torn += 1
    print(torn)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
