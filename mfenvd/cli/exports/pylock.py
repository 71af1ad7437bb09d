"""pylock.toml (PEP 751), for `uv pip sync` and pip."""

from __future__ import annotations

from typing import Any

from mfenvd.cli.errors import CannotExportError
from mfenvd.cli.exports.selection import Exported
from mfenvd.cli.exports.wheels import Pin, pins
from mfenvd.domain.markers import marker_of_archs


def pylock(environment: Exported) -> str:
    """The file, for all archs of the environment, checked by `packaging`'s own model of it.

    Raises:
        CannotExportError: There are no wheels, or a file that the format has no room for.
    """
    import tomlkit
    from packaging.markers import Marker
    from packaging.pylock import Package, Pylock
    from packaging.specifiers import SpecifierSet
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    minors = {verdict.target.python_minor for verdict in environment.verdicts}
    if len(minors) > 1:
        raise CannotExportError("A lock is for one Python, and the archs have several.", "Name one with `--arch`.")
    major, minor = minors.pop()
    made = Pylock(
        lock_version=Version("1.0"),
        environments=[Marker(marker_of_archs([arch])) for arch in environment.archs],
        requires_python=SpecifierSet(f"=={major}.{minor}.*"),
        created_by="mfenv",
        packages=[
            Package(
                name=canonicalize_name(pin.name),
                version=Version(pin.version),
                marker=Marker(pin.marker) if pin.marker else None,
                **_files(pin),
            )
            for pin in pins(environment, "pylock.toml")
        ],
    )
    made.validate()
    return f"# {environment.name}, written by mfenv export\n" + tomlkit.dumps(made.to_dict())


def _files(pin: Pin) -> dict[str, Any]:
    from packaging.pylock import PackageVcs, PackageWheel

    (first, *_) = pin.files
    if first.url.startswith("git+"):
        url, _, commit = first.url.removeprefix("git+").rpartition("@")
        return {"vcs": PackageVcs(type="git", url=url, commit_id=commit.partition("#")[0])}
    missing = next((wheel for wheel in pin.files if not wheel.sha256), None)
    if missing is not None or first.built:
        what = "is built from source" if first.built else "has no hash on its index"
        raise CannotExportError(
            f"{pin.name} {pin.version} {what}, and pylock.toml has to have one.", "Use `--format requirements`."
        )
    return {
        "wheels": [
            PackageWheel(name=wheel.filename, url=wheel.url, size=wheel.size, hashes={"sha256": str(wheel.sha256)})
            for wheel in pin.files
        ]
    }
