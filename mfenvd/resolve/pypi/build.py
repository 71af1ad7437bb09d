"""Packages that are not wheels, built into wheels for this machine. Building runs their code."""

from __future__ import annotations

import glob
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.resolver import Context
from mfenvd.domain.target import Target
from mfenvd.resolve.index.configuration import IndexConfiguration
from mfenvd.resolve.index.pages import from_url
from mfenvd.resolve.index.transport import LateTransport
from mfenvd.resolve.pypi.checkout import Checkout, CheckoutError, from_archive, from_folder, from_git
from mfenvd.resolve.pypi.sources import Source, SourceKind
from mfenvd.resolve.pypi.uv import Uv, UvError

# Of a build's output, so many of its last lines are shown.
_TAIL = 30

# Beside a built wheel: what it was made of.
_ORIGIN = "origin"


class BuildFailedError(Exception):
    """There is no wheel; `output` is the end of what the build printed, without credentials."""

    def __init__(self, reason: str, output: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.output = output[-_TAIL:]


class Built(msgspec.Struct, frozen=True):
    """A wheel that was made here, or was here before.

    Attributes:
        source: What it was made for.
        wheel: The wheel, alone in its folder.
        url: What it was made of, exactly.
        sha256: Of the source archive; None when it was none.
    """

    source: Source
    wheel: Path
    url: str
    sha256: str | None = None


class Builder:
    """Builds for one target, which is of this machine's arch.

    Args:
        target: Its Python is the one to build with.
        context: Whose project this is.
        config: For what builds need, and for downloading.
        uv: Runs the builds.
    """

    def __init__(self, target: Target, context: Context, config: IndexConfiguration, uv: Uv) -> None:
        self._target = target
        self._context = context
        self._config = config
        self._uv = uv
        self._folder = Path(context.cache_dir) / "built"

    def build(self, source: Source) -> Built:
        """The wheel of `source`, made earlier or now.

        Raises:
            BuildFailedError: The sources cannot be had, or do not build.
            UvMissingError: There is no uv.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with _scratch(self._folder) as scratch:
            try:
                checkout = self._checkout(source, scratch)
            except CheckoutError as error:
                raise BuildFailedError(str(error), error.output) from error
            wheel = checkout.path if checkout.path.suffix == ".whl" else self._made(checkout, source, scratch)
        _check_name(wheel, source)
        return Built(source, wheel, checkout.url, checkout.sha256)

    def _checkout(self, source: Source, scratch: Path) -> Checkout:
        folder = scratch / "source"
        folder.mkdir()
        environ = self._context.surroundings.environ
        url = source.file.url if source.file is not None else source.requirement.url or ""
        if source.kind is SourceKind.VCS:
            if not url.startswith("git+"):
                raise CheckoutError(f"mfenv gets sources with git, not with {url.partition('+')[0]}")
            return from_git(url, folder, environ)
        if source.kind is SourceKind.LOCAL:
            return from_folder(url, Path(self._context.root))
        transport = LateTransport(self._config, environ)
        try:
            return from_archive(url, folder, transport, source.file.sha256 if source.file is not None else None)
        finally:
            transport.close()

    def _made(self, checkout: Checkout, source: Source, scratch: Path) -> Path:
        """The wheel. That of a local folder is made anew each time, as its files may have changed."""
        origin = _origin(checkout.url, checkout.sha256)
        home = self._folder / hashlib.sha256(f"{origin} {self._target.python}".encode()).hexdigest()[:24]
        wheel = None if source.kind is SourceKind.LOCAL else _wheel_in(home)
        if wheel is not None:
            return wheel
        output = scratch / "wheel"
        arguments = [
            "build", "--wheel", "--no-sources", "--no-create-gitignore", "--out-dir", str(output),
            "--python", self._python(), str(checkout.path),
        ]  # fmt: skip
        try:
            self._uv.run(arguments, scratch)
        except UvError as error:
            lines = tuple(error.output.splitlines()) or ("no output",)
            reason = next((line for line in lines if line.startswith("error: ")), lines[-1])
            raise BuildFailedError(reason.removeprefix("error: "), lines) from error
        wheel = _wheel_in(output)
        if wheel is None:
            raise BuildFailedError("the build ended well, but left no wheel")
        (output / _ORIGIN).write_text(origin, "utf-8")
        if home.exists():
            shutil.rmtree(home, ignore_errors=True)
        try:
            output.rename(home)
        except OSError as error:
            # Another process was faster; its wheel is as good.
            other = _wheel_in(home)
            if other is None:
                raise BuildFailedError(f"the wheel cannot be kept: {error.strerror}") from error
            return other
        return home / wheel.name

    def _python(self) -> str:
        """The project's interpreter where it is of the right version, else whichever uv finds."""
        own = self._context.surroundings
        wanted = ".".join(map(str, self._target.python_minor))
        if own.interpreter and own.python and own.python.split(".")[:2] == wanted.split("."):
            return own.interpreter
        return wanted


def kept_wheel(package: LockedPackage, cache_dir: Path) -> Path | None:
    """The wheel that was built of `package` on this machine; None when it is gone."""
    for wheel in (cache_dir / "built").glob(f"*/{glob.escape(package.filename)}"):
        origin = wheel.parent / _ORIGIN
        if origin.is_file() and origin.read_text("utf-8") == _origin(package.url, package.sha256):
            return wheel
    return None


def _origin(url: str, sha256: str | None) -> str:
    """What a wheel was made of, exactly."""
    return f"{url} {sha256}"


def _check_name(wheel: Path, source: Source) -> None:
    """A wheel of another package or version would never be chosen, and be built again and again."""
    file = from_url(wheel.as_uri(), source.name, "")
    if file is None:
        raise BuildFailedError(f"{wheel.name} is not a wheel of {source.name}")
    if source.file is not None and file.parsed_version != source.file.parsed_version:
        raise BuildFailedError(f"{wheel.name} is not of version {source.file.version}")


def _wheel_in(folder: Path) -> Path | None:
    """The one wheel in `folder`, if there is one with a proper name."""
    for path in sorted(folder.glob("*.whl")):
        try:
            parse_wheel_filename(path.name)
        except InvalidWheelFilename:
            continue
        return path
    return None


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder for the time of a build, on the same disk as its result."""
    path = Path(tempfile.mkdtemp(prefix="tmp-", dir=folder))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
