"""Facts: which GLIBC the releases of the distributions have, and which release a known image is built on.

A distribution keeps one GLIBC version for the life of a release, so these do not change. Where an image's tag
moves between releases, the table holds the oldest that the tag can mean today: what runs there runs on a newer one.
"""

from __future__ import annotations

MUSL = "musl"
"""Stands where a GLIBC version would, for systems that have musl instead."""

GLIBC = {
    "alpine": {"*": MUSL},
    "amazonlinux": {"1": "2.17", "2018.03": "2.17", "2": "2.26", "2023": "2.34"},
    "debian": {"8": "2.19", "9": "2.24", "10": "2.28", "11": "2.31", "12": "2.36", "13": "2.41"},
    "ubuntu": {
        "14.04": "2.19", "16.04": "2.23", "18.04": "2.27", "18.10": "2.28", "19.04": "2.29", "19.10": "2.30",
        "20.04": "2.31", "20.10": "2.32", "21.04": "2.33", "21.10": "2.34", "22.04": "2.35", "22.10": "2.36",
        "23.04": "2.37", "23.10": "2.38", "24.04": "2.39", "24.10": "2.40", "25.04": "2.41", "25.10": "2.42",
        "26.04": "2.43",
    },
    "rhel": {"6": "2.12", "7": "2.17", "8": "2.28", "9": "2.34", "10": "2.39"},
    "fedora": {
        "30": "2.29", "31": "2.30", "32": "2.31", "33": "2.32", "34": "2.33", "35": "2.34", "36": "2.35",
        "37": "2.36", "38": "2.37", "39": "2.38", "40": "2.39", "41": "2.40", "42": "2.41", "43": "2.42",
    },
}  # fmt: skip
"""`{distribution: {release: GLIBC}}`. The rebuilds of RHEL (CentOS, Rocky, Alma, Oracle, UBI) count as `rhel`."""

TITLES = {
    "alpine": "Alpine", "amazonlinux": "Amazon Linux", "debian": "Debian", "ubuntu": "Ubuntu", "rhel": "RHEL",
    "fedora": "Fedora",
}  # fmt: skip

CODENAMES = {
    "jessie": ("debian", "8"), "stretch": ("debian", "9"), "buster": ("debian", "10"),
    "bullseye": ("debian", "11"), "bookworm": ("debian", "12"), "trixie": ("debian", "13"),
    "trusty": ("ubuntu", "14.04"), "xenial": ("ubuntu", "16.04"), "bionic": ("ubuntu", "18.04"),
    "focal": ("ubuntu", "20.04"), "jammy": ("ubuntu", "22.04"), "kinetic": ("ubuntu", "22.10"),
    "lunar": ("ubuntu", "23.04"), "mantic": ("ubuntu", "23.10"), "noble": ("ubuntu", "24.04"),
    "oracular": ("ubuntu", "24.10"), "plucky": ("ubuntu", "25.04"), "questing": ("ubuntu", "25.10"),
    "resolute": ("ubuntu", "26.04"),
}  # fmt: skip

DISTRIBUTIONS = {
    "alpine": "alpine",
    "amazonlinux": "amazonlinux", "amzn": "amazonlinux", "al": "amazonlinux",
    "debian": "debian",
    "ubuntu": "ubuntu",
    "rhel": "rhel", "ubi": "rhel", "centos": "rhel", "rockylinux": "rhel", "rocky": "rhel", "almalinux": "rhel",
    "alma": "rhel", "oraclelinux": "rhel", "ol": "rhel", "el": "rhel",
    "fedora": "fedora", "fc": "fedora",
}  # fmt: skip
"""How tags and names write a distribution before its release: `ubuntu22.04`, `ubi8`, `al2023`."""

BASES = {
    "alpine": "alpine", "amazonlinux": "amazonlinux", "debian": "debian", "ubuntu": "ubuntu", "fedora": "fedora",
    "centos": "rhel", "rockylinux": "rhel", "almalinux": "rhel", "oraclelinux": "rhel",
}  # fmt: skip
"""Images that are a distribution, their tag beginning with the release, by their name on Docker Hub."""

LATEST = {"debian": "13", "ubuntu": "24.04", "amazonlinux": "2023", "fedora": "42", "centos": "8", "almalinux": "9"}
"""What `latest` or no tag means at least (August 2026), by image."""

PYTHON_BASES = {
    (3, 6): ((0, "8"), (2, "9"), (9, "10"), (14, "11")),
    (3, 7): ((0, "9"), (4, "10"), (11, "11"), (17, "12")),
    (3, 8): ((0, "10"), (11, "11"), (17, "12")),
    (3, 9): ((0, "10"), (6, "11"), (17, "12"), (23, "13")),
    (3, 10): ((0, "11"), (12, "12"), (18, "13")),
    (3, 11): ((0, "11"), (4, "12"), (13, "13")),
    (3, 12): ((0, "12"), (11, "13")),
    (3, 13): ((0, "12"), (7, "13")),
    (3, 14): ((0, "13"),),
}
"""Debian release of the official `python:X.Y.Z` image, by the first patch release that was built on it last.

The default moved in July 2019 (10), August 2021 (11), June 2023 (12) and August 2025 (13); the tag of a patch release
is rebuilt until the next one, the tag of a minor release until its end of life.
"""

PYTHON_LATEST = "13"
"""Debian release of `python:3`, `python:latest` and of minor releases that are not in the table."""

LAMBDA_PYTHON = {
    "3.6": "1", "3.7": "1", "3.8": "2", "3.9": "2", "3.10": "2", "3.11": "2", "3.12": "2023", "3.13": "2023",
    "3.14": "2023",
}  # fmt: skip
"""Amazon Linux release of `public.ecr.aws/lambda/python:X.Y`."""

VERSIONED = {
    "pytorch/pytorch": (
        ((1, 4), "ubuntu", "18.04"), ((2, 1), "ubuntu", "20.04"), ((2, 2), "ubuntu", "22.04"),
    ),
    "tensorflow/tensorflow": (
        ((1, 14), "ubuntu", "18.04"), ((2, 7), "ubuntu", "20.04"), ((2, 14), "ubuntu", "22.04"),
    ),
    "mambaorg/micromamba": (((0, 16), "debian", "11"), ((1, 5), "debian", "12")),
    "continuumio/miniconda3": (((4, 11), "debian", "11"),),
    "continuumio/anaconda3": (((2021, 11), "debian", "11"),),
}  # fmt: skip
"""Images whose tag begins with their own version: the base from that version on. `latest` means the last row."""

ROLLING = {
    "jupyter": ("ubuntu", "22.04"),
    "quay.io/jupyter": ("ubuntu", "24.04"),
}
"""Namespaces whose `latest` has at least this base: Jupyter's images, on Docker Hub (no longer built) and on Quay."""
