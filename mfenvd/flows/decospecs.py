"""Decorators as `--with` takes them: `batch:image=amazonlinux:2,cpu=4`."""

from __future__ import annotations

import re

import msgspec

from mfenvd.domain.arch import Arch
from mfenvd.flows.decorator_names import REMOTE

IMAGE_DEFAULTS = frozenset({"batch", "kubernetes"})
"""The remote decorators that run in `python:X.Y` unless an image is configured (Metaflow 2.19.39)."""

_ATTRIBUTES = re.compile(r",(?=[\s\w]+=)")


class Decospec(msgspec.Struct, frozen=True):
    """A decorator that a launch attaches to every step that does not have it yet.

    Attributes:
        name: As Metaflow names it.
        image: Its `image`; None when it has none or it cannot be known.
        image_known: Whether `image` is the whole truth: False when it has one that cannot be known.
        gpu: How many GPUs it asks for; None when it does not say.
    """

    name: str
    image: str | None = None
    image_known: bool = True
    gpu: int | None = None

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
    gpu = values.get("gpu", "")
    return Decospec(name, values.get("image") or None, gpu=int(gpu) if gpu.isdecimal() else None)


def remote_arch(name: str, kubernetes_arch: str | None) -> Arch:
    """Where a decorator runs: linux-64, but for Kubernetes what `METAFLOW_KUBERNETES_CONDA_ARCH` says."""
    if name == "kubernetes" and kubernetes_arch in set(Arch):
        return Arch(kubernetes_arch)
    return Arch.LINUX_64
