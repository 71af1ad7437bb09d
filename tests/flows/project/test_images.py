from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfenvd.domain.image_table import BASES, CODENAMES, GLIBC, LATEST, MUSL, PYTHON_BASES, VERSIONED
from mfenvd.domain.target import version_pair
from mfenvd.flows.images import image_facts

KNOWN = {
    "amazonlinux:1": "2.17",
    "amazonlinux:2": "2.26",
    "amazonlinux:2.0.20240306.2": "2.26",
    "amazonlinux:2023": "2.34",
    "public.ecr.aws/amazonlinux/amazonlinux:2": "2.26",
    "public.ecr.aws/amazonlinux/amazonlinux:2023-minimal": "2.34",
    "public.ecr.aws/lambda/python:3.11": "2.26",
    "public.ecr.aws/lambda/python:3.12-arm64": "2.34",
    "ubuntu:16.04": "2.23",
    "ubuntu:18.04": "2.27",
    "ubuntu:20.04": "2.31",
    "ubuntu:22.04": "2.35",
    "ubuntu:jammy-20240808": "2.35",
    "ubuntu:24.04@sha256:0123abcd": "2.39",
    "docker.io/library/ubuntu:24.04": "2.39",
    "localhost:5000/ubuntu:20.04": "2.31",
    "debian:stretch": "2.24",
    "debian:10": "2.28",
    "debian:11-slim": "2.31",
    "debian:bookworm-20240812-slim": "2.36",
    "debian:13.1": "2.41",
    "python:3.11-bookworm": "2.36",
    "python:3.11-slim-bullseye": "2.31",
    "python:3.11": "2.41",
    "python:3.12-slim": "2.41",
    "python:3.6": "2.31",
    "python:3.7": "2.36",
    "python:3.8-slim": "2.36",
    "python:3.8.10": "2.28",
    "python:3.10.4-slim": "2.31",
    "python:3.11.4": "2.36",
    "public.ecr.aws/docker/library/python:3.11-bullseye": "2.31",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/docker-hub/library/python:3.9-buster": "2.28",
    "rockylinux:8": "2.28",
    "rockylinux/rockylinux:9.4-minimal": "2.34",
    "almalinux:9": "2.34",
    "centos:7": "2.17",
    "centos:centos7.9.2009": "2.17",
    "quay.io/centos/centos:stream9": "2.34",
    "oraclelinux:8-slim": "2.28",
    "registry.access.redhat.com/ubi8/ubi-minimal:8.9": "2.28",
    "registry.access.redhat.com/ubi9/python-311": "2.34",
    "redhat/ubi10": "2.39",
    "fedora:40": "2.39",
    "nvidia/cuda:12.2.0-base-ubuntu22.04": "2.35",
    "nvcr.io/nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu20.04": "2.31",
    "nvidia/cuda:12.2.0-runtime-ubi8": "2.28",
    "nvidia/cuda:12.4.1-devel-rockylinux9": "2.34",
    "pytorch/pytorch:1.13.1-cuda11.6-cudnn8-runtime": "2.27",
    "pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime": "2.31",
    "pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime": "2.35",
    "763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.0.0-gpu-py310-cu118-ubuntu20.04-sagemaker": "2.31",
    "mambaorg/micromamba:1.5.8": "2.36",
    "mambaorg/micromamba:1.5.8-jammy": "2.35",
    "ghcr.io/astral-sh/uv:python3.12-bookworm-slim": "2.36",
    "gcr.io/distroless/python3-debian12": "2.36",
    "mycorp.example/team/trainer:4-al2023": "2.34",
    "mycorp.example/team/trainer:4-ubuntu-22.04": "2.35",
}

UNKNOWN = (
    "mycorp/trainer:1.0",
    "mycorp/python:3.11",
    "mycorp/ubuntu:22.04",
    "mycorp.example/trainer",
    "amazonlinux:2022",
    "nvidia/cuda:12.2",
    "python@sha256:0123abcd",
    "python:3.11@sha256:0123abcd",
    "python:3.11-windowsservercore",
    "python:3.5",
    "tensorflow/tensorflow:1.2",
    "ubuntu:nosuchname",
    "scratch",
    "",
    "::::",
    "UPPER CASE WITH SPACES",
)


@pytest.mark.parametrize(("image", "glibc"), KNOWN.items())
def test_known_images(image: str, glibc: str) -> None:
    facts = image_facts(image)
    assert facts is not None
    assert facts.glibc == glibc


@pytest.mark.parametrize("image", UNKNOWN)
def test_what_is_not_known_is_not_guessed(image: str) -> None:
    assert image_facts(image) is None


@pytest.mark.parametrize("image", ["alpine", "alpine:3.20", "python:3.11-alpine", "python:3.12-alpine3.20",
                                   "ghcr.io/astral-sh/uv:python3.12-alpine"])  # fmt: skip
def test_musl_is_told_from_the_unknown(image: str) -> None:
    facts = image_facts(image)
    assert facts is not None
    assert (facts.system, facts.glibc) == ("Alpine", None)


def test_a_release_in_the_tag_is_certain_and_a_moving_tag_is_inferred() -> None:
    stated, moving = image_facts("python:3.11-bookworm"), image_facts("python:3.11")
    assert stated is not None
    assert moving is not None
    assert not stated.inferred
    assert moving.inferred


def test_the_tables_are_consistent() -> None:
    for releases in GLIBC.values():
        for glibc in releases.values():
            assert glibc == MUSL or version_pair(glibc) >= (2, 12)
    assert all(release in GLIBC[name] for name, release in CODENAMES.values())
    assert all(release in GLIBC[BASES[image]] for image, release in LATEST.items())
    for bases in PYTHON_BASES.values():
        assert bases[0][0] == 0
        assert list(bases) == sorted(bases, key=lambda base: (base[0], int(base[1])))
        assert all(release in GLIBC["debian"] for _, release in bases)
    for rows in VERSIONED.values():
        assert list(rows) == sorted(rows, key=lambda row: row[0])
        assert all(release in GLIBC[name] for _, name, release in rows)


# A few characters of each kind that images have or should not have: of all of Unicode a table would be made first.
@given(st.text("aZ09.:/@-_ubntpyho \t\n\0é中\u202e\ud800", max_size=40))
@settings(max_examples=200)
def test_no_text_is_too_strange(text: str) -> None:
    facts = image_facts(text)
    assert facts is None or facts.glibc is None or facts.glibc.startswith("2.")
