"""Gets sources: a git commit, an archive, a folder."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote, urldefrag, urlsplit, urlunsplit

import msgspec

from mfenvd.domain.redact import redact, shown_url, without_credentials
from mfenvd.resolve.index.errors import IndexProblem
from mfenvd.resolve.index.transport import Transport
from mfenvd.resolve.index.urls import path_of

# Seconds for one git command.
_TIME_LIMIT = 600.0


class CheckoutError(Exception):
    """The sources cannot be had. The message holds no credentials; `output` is what the tool printed, if one ran."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(redact(message))
        self.output = tuple(redact(output).splitlines())


class Checkout(msgspec.Struct, frozen=True):
    """Sources on this machine.

    Attributes:
        path: A folder with a project, or an archive of one.
        url: Where they are from, exactly, without credentials: for git with the commit.
        sha256: Of the archive; None for a folder.
    """

    path: Path
    url: str
    sha256: str | None = None


def from_git(url: str, folder: Path, environ: Mapping[str, str]) -> Checkout:
    """Checks out what a `git+…@REF#subdirectory=…` URL means, the default branch without a REF.

    Args:
        url: As in a requirement.
        folder: Existing and empty; the sources go there.
        environ: For git; the URL is handed over in it, as the command line could be read by others.

    Raises:
        CheckoutError: It cannot be had.
    """
    bare, fragment = urldefrag(url)
    parts = urlsplit(bare.removeprefix("git+"))
    path, at, ref = parts.path.rpartition("@")
    if not at:
        path, ref = parts.path, "HEAD"
    remote = urlunsplit(parts._replace(path=path))
    git = _Git(folder, {**environ, **_remote(remote)})
    git("init", "--quiet")
    try:
        git("fetch", "--quiet", "--depth", "1", "origin", ref)
    except CheckoutError:
        # A server may not hand out a commit that no branch ends in; a short commit is no name at all.
        git("fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*")
        git("checkout", "--quiet", "--detach", _resolved(git, ref))
    else:
        git("checkout", "--quiet", "--detach", "FETCH_HEAD")
    git("submodule", "--quiet", "update", "--init", "--recursive", "--depth", "1")
    commit = git("rev-parse", "HEAD").strip()
    subdirectory = parse_qs(fragment).get("subdirectory", [""])[0]
    pinned = f"git+{without_credentials(remote)}@{commit}" + (f"#subdirectory={subdirectory}" if subdirectory else "")
    return Checkout(_inside(folder, subdirectory), pinned)


def from_archive(url: str, folder: Path, transport: Transport, sha256: str | None = None) -> Checkout:
    """Downloads an archive.

    Args:
        url: http(s) or `file:`; a `#sha256=…` is checked.
        folder: Existing; the archive goes there.
        transport: Fetches it.
        sha256: Another hash that it must have.

    Raises:
        CheckoutError: It cannot be had, or is not what it should be.
    """
    address, fragment = urldefrag(url)
    expected = {sha256, parse_qs(fragment).get("sha256", [None])[0]} - {None}
    local = path_of(address)
    target = local or folder / (unquote(urlsplit(address).path).rpartition("/")[2] or "archive")
    try:
        if local is None:
            response = transport.get(without_credentials(address), index=without_credentials(address))
            if response.status_code != 200:
                raise CheckoutError(f"{address} answers with HTTP status {response.status_code}")
            target.write_bytes(response.content)
        digest = hashlib.sha256(target.read_bytes()).hexdigest()
    except IndexProblem as error:
        raise CheckoutError(str(error)) from error
    except OSError as error:
        raise CheckoutError(f"{address} cannot be read: {error.strerror}") from error
    if expected - {digest}:
        raise CheckoutError(f"{address} does not have the sha256 that is given for it")
    return Checkout(target, shown_url(address), digest)


def from_folder(url: str, root: Path) -> Checkout:
    """A folder or archive of this machine: a `file:` URL, or a path relative to `root`.

    Raises:
        CheckoutError: There is nothing.
    """
    address, fragment = urldefrag(url)
    path = root / (path_of(address) or address)
    if not path.exists():
        raise CheckoutError(f"{path} does not exist")
    subdirectory = parse_qs(fragment).get("subdirectory", [""])[0]
    return Checkout(_inside(path, subdirectory), path.as_uri())


class _Git:
    """Runs git in one folder."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = {"PATH": os.defpath, **environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}

    def __call__(self, *arguments: str) -> str:
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=self._folder,
                env=self._environ,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=_TIME_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CheckoutError(f"git {arguments[0]} does not end") from error
        except OSError as error:
            raise CheckoutError(f"git cannot be run ({error.strerror})") from error
        if done.returncode != 0:
            raise CheckoutError(f"git {arguments[0]} failed", done.stderr)
        return done.stdout


def _remote(url: str) -> dict[str, str]:
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "remote.origin.url", "GIT_CONFIG_VALUE_0": url}


def _resolved(git: _Git, ref: str) -> str:
    """The commit that `ref` names among what was fetched: a branch of the remote, a tag, or a commit."""
    for name in (f"refs/remotes/origin/{ref}", f"refs/tags/{ref}", ref):
        try:
            return git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
        except CheckoutError:
            continue
    raise CheckoutError(f"there is no {ref} in the repository")


def _inside(folder: Path, subdirectory: str) -> Path:
    path = (folder / subdirectory).resolve()
    if subdirectory and not (path.is_dir() and path.is_relative_to(folder.resolve())):
        raise CheckoutError(f"there is no folder {subdirectory} in it")
    return folder / subdirectory
