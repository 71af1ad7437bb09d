"""A requirements file with hashes, for `pip install -r` and `uv pip sync`."""

from __future__ import annotations

from mfenvd.cli.exports.selection import Exported
from mfenvd.cli.exports.wheels import Pin, pins


def requirements(environment: Exported) -> str:
    """The file. Hashes are in it when every package has one: pip wants all or none.

    Raises:
        CannotExportError: There are no wheels.
    """
    every = pins(environment, "a requirements file")
    hashed = all(wheel.sha256 and not wheel.url.startswith("git+") for pin in every for wheel in pin.files)
    python = ".".join(map(str, environment.verdicts[0].target.python_minor))
    lines = [
        f"# {environment.name}, written by mfenv export",
        f"# for Python {python} on {', '.join(environment.archs)}",
        *(_line(pin, hashed=hashed) for pin in every),
    ]
    return "\n".join(lines) + "\n"


def _line(pin: Pin, *, hashed: bool) -> str:
    (first, *_) = pin.files
    what = f"{pin.name} @ {first.url}" if first.built else f"{pin.name}=={pin.version}"
    marker = f" ; {pin.marker}" if pin.marker else ""
    digests = sorted({f"sha256:{wheel.sha256}" for wheel in pin.files}) if hashed else []
    return " \\\n    ".join((f"{what}{marker}", *(f"--hash={digest}" for digest in digests)))
