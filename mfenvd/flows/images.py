"""The GLIBC of a container image, as far as its name and tag say."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from mfenvd.domain.image_table import (
    BASES,
    CODENAMES,
    DISTRIBUTIONS,
    GLIBC,
    LAMBDA_PYTHON,
    LATEST,
    MUSL,
    PYTHON_BASES,
    PYTHON_LATEST,
    ROLLING,
    TITLES,
    VERSIONED,
)

_REFERENCE = re.compile(r"(?P<name>[^@]+?)(?::(?P<tag>[\w][\w.-]{0,127}))?(?P<digest>@[\w+.-]+:[0-9a-fA-F]+)?")
_WORD = re.compile(r"[a-z]+")
_RELEASE = re.compile(r"(?P<release>\d+(?:\.\d+)*)(?P<rest>.*)")
_DISTRIBUTION_WORD = re.compile(
    rf"(?:{'|'.join(sorted(DISTRIBUTIONS, key=len, reverse=True))})(?:-|stream)?(?P<release>\d+(?:\.\d+)*)?"
)
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_UBI = re.compile(r"(?:registry\.access\.redhat\.com/|registry\.redhat\.io/|redhat/)?(?:rhel|ubi)(?P<release>\d+)\b")


class ImageFacts(msgspec.Struct, frozen=True):
    """What an image is built on.

    Attributes:
        system: As `Debian 12`.
        glibc: Its GLIBC as `2.36`; None for a system with musl.
        inferred: Whether it follows from what such a tag means at its time, rather than from a release that the
            name or tag itself states.
    """

    system: str
    glibc: str | None
    inferred: bool = False


class _Name(msgspec.Struct, frozen=True):
    """An image reference: `registry` empty for Docker Hub, `path` without `library/`."""

    registry: str
    path: str
    tag: str
    pinned: bool

    @property
    def last(self) -> str:
        return self.path.rpartition("/")[2]


@lru_cache(maxsize=512)
def image_facts(image: str) -> ImageFacts | None:
    """What `image` (`registry/path:tag@digest`, as Docker writes it) is built on; None when that is not known."""
    name = _parse(image)
    if name is None:
        return None
    for rule in (_stated_in_tag, _distribution, _lambda, _red_hat, _python, _versioned, _rolling, _stated_in_name):
        facts = rule(name)
        if facts is not None:
            return facts
    return None


def _parse(image: str) -> _Name | None:
    match = _REFERENCE.fullmatch(image.strip().removeprefix("docker://").lower())
    if match is None:
        return None
    registry, _, path = match["name"].partition("/")
    if not path or not ("." in registry or ":" in registry or registry == "localhost"):
        registry, path = "", match["name"]
    if registry in _HUB:
        registry = ""
    # A pull-through cache keeps the official images under `…/library/`, Amazon's public copy under `docker/library/`.
    official, separator, rest = path.rpartition("library/")
    if separator and (not official or official.endswith("/")):
        registry, path = "", rest
    return _Name(registry, path, match["tag"] or "", match["digest"] is not None)


def _facts(distribution: str, release: str, *, inferred: bool = False) -> ImageFacts | None:
    """The facts of a release; a longer release (`9.3`, `20.04.6`) counts as the one it belongs to."""
    releases = GLIBC[distribution]
    known = next((key for key in (release, _shorter(release, 2), _shorter(release, 1), "*") if key in releases), None)
    if known is None:
        return None
    glibc = releases[known]
    title = TITLES[distribution] if known == "*" else f"{TITLES[distribution]} {known}"
    return ImageFacts(title, None if glibc == MUSL else glibc, inferred)


def _shorter(release: str, parts: int) -> str:
    return ".".join(release.split(".")[:parts])


def _stated_in_tag(name: _Name) -> ImageFacts | None:
    """A tag with a word for its system: `3.11-slim-bookworm`, `12.2.0-base-ubuntu22.04`, `py310-al2023`."""
    return _stated(name.tag)


def _stated_in_name(name: _Name) -> ImageFacts | None:
    """The same in the last part of the path: `python3-debian12`, `base-ubuntu22.04`."""
    return _stated(name.last)


def _stated(text: str) -> ImageFacts | None:
    words = re.split(r"[-_]", text)
    for index, word in enumerate(words):
        if word in CODENAMES:
            return _facts(*CODENAMES[word])
        if re.fullmatch(r"alpine[\d.]*", word):
            return _facts("alpine", "")
        joined = "-".join(words[index : index + 2])
        for candidate in (word, joined):
            match = _DISTRIBUTION_WORD.fullmatch(candidate)
            letters = _WORD.match(candidate)
            if match and match["release"] and letters:
                distribution = DISTRIBUTIONS[letters[0].removesuffix("stream")]
                return _facts(distribution, match["release"])
    return None


def _distribution(name: _Name) -> ImageFacts | None:
    """A distribution's own image: `ubuntu:22.04`, `public.ecr.aws/amazonlinux/amazonlinux:2`."""
    distribution = BASES.get(name.last)
    namespace = name.path.rpartition("/")[0]
    if distribution is None or namespace not in {"", name.last}:
        return None
    if distribution == "alpine":
        return _facts("alpine", "")
    tag = name.tag.removeprefix("stream").removeprefix("v")
    release = _RELEASE.fullmatch(tag)
    if release and (not release["rest"] or release["rest"].startswith("-")):
        return _facts(distribution, release["release"])
    moving = name.tag in {"", "latest", "slim", "stable", "stable-slim", "minimal"} and not name.pinned
    return _facts(distribution, LATEST[name.last], inferred=True) if moving and name.last in LATEST else None


def _lambda(name: _Name) -> ImageFacts | None:
    """AWS Lambda's Python images."""
    if (name.registry, name.path) not in {("public.ecr.aws", "lambda/python"), ("", "amazon/aws-lambda-python")}:
        return None
    version = _VERSION.match(name.tag)
    release = LAMBDA_PYTHON.get(f"{version[1]}.{version[2]}") if version else None
    return _facts("amazonlinux", release, inferred=True) if release else None


def _red_hat(name: _Name) -> ImageFacts | None:
    """Red Hat's images name the release in their path: `ubi9/python-311`, `registry.access.redhat.com/ubi8`."""
    match = _UBI.match(f"{name.registry}/{name.path}" if name.registry else name.path)
    return _facts("rhel", match["release"]) if match else None


def _python(name: _Name) -> ImageFacts | None:
    """The official Python image without a Debian release in its tag: the one that it was last built on."""
    if name.path != "python" or name.pinned or "windows" in name.tag:
        return None
    version, _, variant = name.tag.partition("-")
    if variant not in {"", "slim"}:
        return None
    if version in {"", "latest", "3", "slim"}:
        return _facts("debian", PYTHON_LATEST, inferred=True)
    match = _VERSION.fullmatch(version)
    if match is None:
        return None
    bases = PYTHON_BASES.get((int(match[1]), int(match[2])))
    if bases is None:
        newer = (int(match[1]), int(match[2])) > max(PYTHON_BASES)
        return _facts("debian", PYTHON_LATEST, inferred=True) if newer else None
    patch = int(match[3]) if match[3] else bases[-1][0]
    release = [base for first, base in bases if first <= patch][-1]
    return _facts("debian", release, inferred=True)


def _versioned(name: _Name) -> ImageFacts | None:
    """Images whose version tells the base, such as `pytorch/pytorch:2.3.0-cuda12.1-cudnn8-runtime`."""
    rows = VERSIONED.get(name.path)
    if rows is None or name.registry not in {"", "ghcr.io"}:
        return None
    match = _VERSION.match(name.tag)
    if match is None:
        moving = re.fullmatch(r"|latest(-.*)?", name.tag) and not name.pinned
        return _facts(*rows[-1][1:], inferred=True) if moving else None
    version = (int(match[1]), int(match[2]))
    matching = [row for row in rows if row[0] <= version]
    return _facts(*matching[-1][1:], inferred=True) if matching else None


def _rolling(name: _Name) -> ImageFacts | None:
    namespace = "/".join(filter(None, (name.registry, name.path.rpartition("/")[0])))
    base = ROLLING.get(namespace)
    return _facts(*base, inferred=True) if base and name.tag in {"", "latest"} and not name.pinned else None
