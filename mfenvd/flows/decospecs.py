"""Decorators as `--with` takes them: `batch:image=amazonlinux:2,cpu=4`."""

from __future__ import annotations

import re

import msgspec

from mfenvd.domain.arch import Arch

REMOTE = frozenset({"batch", "kubernetes", "nvidia", "snowpark", "slurm", "nvct", "skypilot_step"})
"""Step decorators that run a step on other machines (Metaflow 2.19.39, `conda_environment.py`)."""

IMAGE_DEFAULTS = frozenset({"batch", "kubernetes"})
"""Those of them that run in `python:X.Y` unless an image is configured."""

_ATTRIBUTES = re.compile(r",(?=[\s\w]+=)")


class Decospec(msgspec.Struct, frozen=True):
    """A decorator that a launch attaches to every step that does not have it yet.

    Attributes:
        name: As Metaflow names it.
        image: Its `image`; None when it has none or it cannot be known.
    """

    name: str
    image: str | None = None

    @property
    def is_remote(self) -> bool:
        return self.name in REMOTE


def parse_decospec(text: str) -> Decospec:
    """Split like `StepDecorator.extract_args_kwargs_from_decorator_spec`: at commas before a `name=`."""
    name, _, attributes = text.strip().partition(":")
    values = {}
    for attribute in filter(None, _ATTRIBUTES.split(attributes)):
        key, _, value = attribute.partition("=")
        values[key.strip()] = value.strip().strip('"')
    return Decospec(name, values.get("image") or None)


def remote_arch(name: str, kubernetes_arch: str | None) -> Arch:
    """Where a decorator runs: linux-64, but for Kubernetes what `METAFLOW_KUBERNETES_CONDA_ARCH` says."""
    if name == "kubernetes" and kubernetes_arch in set(Arch):
        return Arch(kubernetes_arch)
    return Arch.LINUX_64
