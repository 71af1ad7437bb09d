"""Which CUDA driver a target has (`__cuda`), and on what evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Finding
from mfenvd.domain.request import Kind
from mfenvd.domain.target import DEFAULT_CUDA
from mfenvd.flows import findings
from mfenvd.flows.floors import ProjectTargets, Want

_VERSION = re.compile(r"\d+(\.\d+)*")


class Cuda(msgspec.Struct, frozen=True):
    """A driver's version, how it was chosen as a phrase, and what is to be said about it."""

    version: str | None = None
    reason: str | None = None
    findings: tuple[Finding, ...] = ()


def cuda_of(arch: Arch, kind: str | None, wants: Sequence[Want], project: ProjectTargets) -> Cuda:
    """The driver of the one target that all of `wants` are about.

    What is configured for the arch; else, where conda packages are asked for, what `CONDA_OVERRIDE_CUDA` says, as
    Metaflow hands it to micromamba; else a default where a step asks for a GPU.
    """
    configured = project.target_settings(arch).cuda
    if kind not in {Kind.CONDA, Kind.MIXED} or arch.is_macos:
        return Cuda(configured)
    override = project.conda_cuda
    gpu = next((want for want in wants if want.remote is not None and (want.remote.gpu or 0) > 0), None)
    if configured:
        without = findings.metaflow_without_cuda(arch, configured, gpu.location if gpu else None)
        return Cuda(configured, f"CUDA {configured} as configured", (without,) if override is None else ())
    if override is not None:
        if not _VERSION.fullmatch(override):
            return Cuda()
        return Cuda(override, f"CUDA {override} by CONDA_OVERRIDE_CUDA")
    if gpu is None or gpu.remote is None:
        return Cuda()
    assumed = findings.cuda_assumed(gpu.remote.name, arch, gpu.location)
    without = findings.metaflow_without_cuda(arch, DEFAULT_CUDA, gpu.location)
    reason = f"CUDA {DEFAULT_CUDA} assumed: @{gpu.remote.name} asks for a GPU"
    return Cuda(DEFAULT_CUDA, reason, (assumed, without))
