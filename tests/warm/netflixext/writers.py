"""The extension's own writers: `writers.py LOCAL_ROOT NAME COUNT` writes COUNT environments, each in a process.

Their processes are copies of one that has loaded Metaflow, so that they come close upon each other.
"""

import importlib
import os
import sys
from typing import Any


def main(local_root: str, name: str, count: int) -> None:
    importlib.import_module("metaflow")
    described: Any = importlib.import_module("metaflow_extensions.netflixext.plugins.conda.env_descr")
    children = []
    for number in range(count):
        child = os.fork()
        if not child:
            package = described.PypiPackageSpecification(
                f"demo-{number}-py3-none-any", f"https://host/demo-{number}-py3-none-any.whl", hashes={".whl": "0"}
            )
            environment = described.ResolvedEnvironment(
                {"pypi": [f"{name}=={number}"]}, {}, {}, arch="linux-64", all_packages=[package]
            )
            info = described.CachedEnvironmentInfo()
            info.add_resolved_env(environment)
            info.set_default(environment.env_id)
            described.write_to_conda_manifest(local_root, info)
            os._exit(0)
        children.append(child)
    print(sum(os.waitpid(child, 0)[1] == 0 for child in children))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
