"""What the extension makes of the same packages: `real_entries.py` reads cases from stdin, prints ids and dicts."""

import importlib
import json
import sys
from typing import Any


def main() -> None:
    importlib.import_module("metaflow")
    described: Any = importlib.import_module("metaflow_extensions.netflixext.plugins.conda.env_descr")
    utils: Any = importlib.import_module("metaflow_extensions.netflixext.plugins.conda.utils")
    answers = []
    for case in json.load(sys.stdin):
        deps = {category: utils.dict_to_strlist(packages) for category, packages in case["deps"].items()}
        environments = {}
        for arch, lines in case["packages"].items():
            packages = []
            for line in lines:
                kind = described.CondaPackageSpecification
                parse = utils.parse_explicit_url_conda
                if line["kind"] == "pypi":
                    kind, parse = described.PypiPackageSpecification, utils.parse_explicit_url_pypi
                found = parse(line["url"])
                package = kind(
                    found.filename, found.url, url_format=found.url_format, hashes={found.url_format: found.hash}
                )
                if line["cached"]:
                    cache = kind.cache_pkg_type()
                    url = cache.make_cache_url(found.url, found.filename, found.url_format, found.hash)
                    package.add_cached_version(found.url_format, cache(url))
                packages.append(package)
            environments[arch] = described.ResolvedEnvironment(
                deps, case["sources"], case["extras"], arch, all_packages=packages,
                env_type=described.EnvType(case["env_type"]), resolved_by="tester",
            )  # fmt: skip
        if len(environments) > 1:
            described.ResolvedEnvironment.set_coresolved_full_id(list(environments.values()))
        first = next(iter(environments.values()))
        answers.append(
            {
                "full": first.env_id.full_id,
                "environments": {arch: one.to_dict() for arch, one in environments.items()},
            }
        )
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
