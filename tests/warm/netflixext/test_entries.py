"""Ids and environments are those that the extension itself makes of the same packages."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.sharing import KINDS, Worded
from mfenvd.domain.target import Target
from mfenvd.warm.lines import NotAnEntryError
from mfenvd.warm.netflixext.entries import Origin, entry, full_id, resolution_of, uncached, with_cache_info
from mfenvd.warm.netflixext.manifest import Entry

REAL = Path(__file__).with_name("real_entries.py")
ARCHS = ("linux-64", "osx-64", "osx-arm64")
NAMES = ("alpha", "beta", "gamma-ray", "Delta.Lake", "zeta_2")
SPECS = ("", "1", "1.0.*", ">=2,<3", "  >=1", "!=1.5", '; python_version < "3.11"', '>=1; sys_platform == "linux"')


def locked(name: str, kind: Kind, arch: str) -> LockedPackage:
    digest = hashlib.sha256(f"{name} {kind}".encode()).hexdigest()
    if kind is Kind.CONDA:
        ending = ".conda" if digest[0] < "8" else ".tar.bz2"
        filename = f"{name.lower()}-1.0-h{digest[:3]}_0{ending}"
        url = f"https://user.example:8080/conda-forge/{arch}/{filename}"
        return LockedPackage(name.lower(), "1.0", filename, url, kind=kind, build="h0", md5=digest[:32], sha256=digest)
    stem = name.lower().replace("-", "_").replace(".", "_")
    filename = f"{stem}-1.0-py3-none-any.whl"
    return LockedPackage(stem.replace("_", "-"), "1.0", filename, f"https://Files.example/p/{filename}", sha256=digest)


def dependency(name: str, spec: str) -> str:
    """In the extension's words (`dict_to_strlist`)."""
    spec = spec.lstrip()
    if not spec:
        return name
    return f"{name}{spec}" if spec.startswith(";") else f"{name}=={spec}"


def url_with_hash(package: LockedPackage) -> str:
    hashed = package.md5 if package.kind is Kind.CONDA else f"sha256={package.sha256}"
    return f"{package.url}#{hashed}"


class Case:
    """One random request with its packages."""

    def __init__(self, seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - nothing secret
        self.env_type = dice.choice(list(KINDS))
        self.deps: dict[str, dict[str, str]] = {}
        for category in dice.sample(("conda", "pypi", "sys", "npconda"), dice.randint(1, 4)):
            self.deps[category] = {name: dice.choice(SPECS) for name in dice.sample(NAMES, dice.randint(0, 4))}
        self.sources = {
            kind: dice.sample(("conda-forge", "https://host/b", "https://host/a"), dice.randint(0, 3))
            for kind in dice.sample(("conda", "pypi"), dice.randint(0, 2))
        }
        self.extras = dice.choice(({}, {"pypi": ["pre"]}))
        archs = dice.sample(ARCHS, dice.randint(1, 3))
        chosen = [(name, dice.choice((Kind.CONDA, Kind.PYPI))) for name in dice.sample(NAMES, dice.randint(1, 5))]
        self.packages = {arch: [locked(name, kind, arch) for name, kind in chosen] for arch in archs}
        self.cached = {p.url for packages in self.packages.values() for p in packages if dice.random() < 0.3}

    @property
    def asked(self) -> Worded:
        deps = {kind: tuple(itertools.starmap(dependency, found.items())) for kind, found in self.deps.items()}
        return Worded(deps, *({k: tuple(v) for k, v in part.items()} for part in (self.sources, self.extras)))

    def entries(self) -> dict[str, Entry]:
        origin = Origin("2026-01-02T03:04:05", "tester", tuple(self.packages))
        return {
            arch: with_cache_info(entry(self.asked, packages, KINDS[self.env_type], origin), self.cached)
            for arch, packages in self.packages.items()
        }

    def question(self, entries: dict[str, Entry]) -> dict[str, Any]:
        by_url = {package.url: package for packages in self.packages.values() for package in packages}
        lines = {
            arch: [
                {"kind": line["_type"], "url": url_with_hash(by_url[line["url"]]), "cached": line["url"] in self.cached}
                for line in one["packages"]
            ]
            for arch, one in entries.items()
        }
        return {
            "deps": self.deps, "sources": self.sources, "extras": self.extras, "env_type": self.env_type,
            "packages": lines,
        }  # fmt: skip


@pytest.mark.metaflow
def test_ids_and_environments_are_the_extensions_own(tmp_path: Path, extension_python: str) -> None:
    cases = [Case(seed) for seed in range(300)]
    entries = [case.entries() for case in cases]
    questions = [case.question(made) for case, made in zip(cases, entries, strict=True)]
    done = subprocess.run(
        [extension_python, str(REAL)], input=json.dumps(questions), env={"HOME": str(tmp_path), "USER": "tester"},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for made, real in zip(entries, json.loads(done.stdout), strict=True):
        assert full_id(made) == real["full"]
        for arch, one in made.items():
            theirs = real["environments"][arch]
            theirs["resolved_on"] = one["resolved_on"]
            assert one == theirs


def test_what_an_entry_holds_can_be_read_back() -> None:
    case = Case(7)
    for arch, one in case.entries().items():
        found = resolution_of(one, Target(Arch(arch), "3.11"), "request")
        expected = {
            (p.name, p.filename, p.url, p.md5 if p.kind is Kind.CONDA else p.sha256) for p in case.packages[arch]
        }
        assert {
            (p.name, p.filename, p.url, p.md5 if p.kind is Kind.CONDA else p.sha256) for p in found.packages
        } == expected
        assert uncached(one) == sum(p.url not in case.cached for p in case.packages[arch])


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        (LockedPackage("demo", "1", "demo-1-py3-none-any.whl", "https://host/demo-1-py3-none-any.whl"), "no sha256"),
        (LockedPackage("demo", "1", "demo-1-0.conda", "https://host/demo-1-0.conda", kind=Kind.CONDA), "no md5"),
        (LockedPackage("demo", "1", "", "git+https://host/demo@0", built=True, sha256="0"), "built here"),
        (LockedPackage("demo", "1", "demo-1.zip", "https://host/demo-1.zip", sha256="0"), "neither"),
    ],
)
def test_what_the_extension_could_not_check_is_refused(package: LockedPackage, reason: str) -> None:
    with pytest.raises(NotAnEntryError, match=reason):
        entry(Worded({}), [package], Kind.PYPI, Origin("", "", ("linux-64",)))


@pytest.mark.parametrize(
    "wrong", [{"hashes": {".whl": "../../x"}}, {"hashes": 1}, {"filename": "six-1-py3-none-any/../x"}]
)
def test_what_an_entry_says_of_a_package_leads_out_of_no_folder(wrong: dict[str, object]) -> None:
    line = {
        "_type": "pypi", "filename": "six-1-py3-none-any", "url": "https://files.example/six-1-py3-none-any.whl",
        "url_format": ".whl", "hashes": {".whl": "d" * 64},
    }  # fmt: skip
    target = Target(Arch.LINUX_64, "3.11")
    assert len(resolution_of({"packages": [line]}, target, "request").packages) == 1
    with pytest.raises(NotAnEntryError):
        resolution_of({"packages": [{**line, **wrong}]}, target, "request")
