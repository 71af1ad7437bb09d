"""Holds mfenv's answers against pip's with the target's full tag list, on real packages.

Run it by hand: `python -m tests.bench.compare_with_pip [SET…]`. It takes minutes and some gigabytes of downloads,
as pip downloads whole wheels to read what they need. docs/resolving.md has the table of a run and explains it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

import msgspec
from packaging.utils import parse_wheel_filename

from mfenvd.domain.arch import Arch
from mfenvd.domain.tags import platform_tags
from mfenvd.domain.target import Target
from mfenvd.resolve.pypi.resolver import PypiResolver
from tests.bench.surroundings import PYTHON, context, request, surroundings

GLIBCS = ("2.17", "2.26", "2.28", "2.35")

SETS: dict[str, tuple[str, ...]] = {
    "dataframes": ("pandas", "pyarrow", "polars"),
    "learning": ("scikit-learn", "xgboost==2.1.4", "lightgbm"),
    "statistics": ("statsmodels", "seaborn", "scipy<1.15"),
    "notebook": ("ipykernel", "matplotlib", "ipywidgets"),
    "web": ("fastapi", "uvicorn[standard]", "sqlalchemy", "psycopg2-binary"),
    "aws": ("boto3>=1.14.0", "s3fs", "requests>=2.21.0"),
    "google": ("google-cloud-storage>=2.5.0", "google-cloud-bigquery", "google-auth>=2.11.0"),
    "azure": ("azure-identity>=1.10.0", "azure-storage-blob>=12.12.0", "azure-keyvault-secrets>=4.7.0"),
    "language": ("spacy", "nltk", "tokenizers", "sentencepiece"),
    "images": ("opencv-python-headless", "pillow", "scikit-image", "imageio[ffmpeg]"),
    "tracking": ("mlflow-skinny", "optuna", "hydra-core"),
    "old pins": ("pandas==1.5.3", "numpy==1.24.4", "requests==2.28.2", "grpcio"),
    "telemetry": ("opentelemetry-sdk", "opentelemetry-instrumentation-requests", "structlog"),
    "numba": ("numba", "shap", "umap-learn"),
}


class Answer(msgspec.Struct, frozen=True):
    """Filenames by canonical name, or why there are none; seconds that it took."""

    files: dict[str, str]
    error: str
    seconds: float


def ask_mfenv(requirements: Sequence[str], target: Target, folder: Path) -> Answer:
    start = time.perf_counter()
    outcome = PypiResolver().resolve(request(tuple(requirements)), target, context(folder), lambda _: None)
    seconds = time.perf_counter() - start
    packages = outcome.resolution.packages if outcome.resolution else ()
    error = "; ".join(finding.message for finding in outcome.findings) if not outcome.resolution else ""
    return Answer({package.name: package.filename for package in packages}, error, seconds)


def ask_pip(requirements: Sequence[str], target: Target, folder: Path) -> Answer:
    """What pip takes for exactly the tags of `target`, in their order."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command = [
            sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--progress-bar=off",
            "--only-binary=:all:", "--upgrade-strategy=only-if-needed", f"--target={scratch}/target",
            f"--report={report}", "--python-version", target.python, "--implementation", "cp",
            *(f"--platform={tag}" for tag in platform_tags(target)), *sorted(requirements),
        ]  # fmt: skip
        environ = {**os.environ, **surroundings(folder).environ, "PIP_CACHE_DIR": str(folder / "pip")}
        environ.pop("PIP_FIND_LINKS", None)
        done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
        seconds = time.perf_counter() - start
        if done.returncode != 0:
            return Answer({}, done.stderr.strip().splitlines()[-1], seconds)
        installed = json.loads(report.read_text())["install"]
    names = [unquote(item["download_info"]["url"].rpartition("/")[2]) for item in installed]
    return Answer({parse_wheel_filename(name)[0]: name for name in names}, "", seconds)


def differences(ours: Answer, pips: Answer) -> list[str]:
    """One line per package that is not the same file in both."""
    if bool(ours.files) != bool(pips.files):
        return [f"mfenv: {ours.error or 'resolves'}", f"pip: {pips.error or 'resolves'}"]
    return [
        f"{name}: mfenv {ours.files.get(name, 'none')}, pip {pips.files.get(name, 'none')}"
        for name in sorted(ours.files.keys() | pips.files.keys())
        if ours.files.get(name) != pips.files.get(name)
    ]


def main(chosen: Sequence[str]) -> None:
    print(f"Python {PYTHON}\n\n| set | GLIBC | packages | same | mfenv s | pip s |\n|---|---|---|---|---|---|")
    details = []
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen or SETS:
            for glibc in GLIBCS:
                target = Target(Arch.LINUX_64, PYTHON, glibc=glibc)
                ours = ask_mfenv(SETS[name], target, Path(folder))
                pips = ask_pip(SETS[name], target, Path(folder))
                found = differences(ours, pips)
                verdict = "yes" if not found else f"{len(found)} differ"
                row = f"| {name} | {glibc} | {len(ours.files)} | {verdict} | {ours.seconds:.1f} | {pips.seconds:.1f} |"
                print(row, flush=True)
                details += [f"{name}, GLIBC {glibc}: {line}" for line in found]
    print("\n" + "\n".join(details or ["no differences"]))


if __name__ == "__main__":
    main(sys.argv[1:])
