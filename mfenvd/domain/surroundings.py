"""What the shell that registered a project had: whatever changes how Metaflow and the tools behave."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mfenvd.domain.redact import is_secret, redact_environ

_PREFIXES = ("METAFLOW_", "CONDA_", "MAMBA_", "PIP_", "UV_", "AWS_")
_NAMES = frozenset(
    {
        "HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL",
        "USER", "USERNAME", "LOGNAME", "SUDO_USER",
        "PATH", "PYTHONPATH", "VIRTUAL_ENV", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_CACHE_HOME",
        "XDG_DATA_HOME", "NETRC", "CONDARC", "MAMBARC", "RATTLER_AUTH_FILE",
        "SSL_CERT_FILE", "SSL_CERT_DIR",
        "SSH_AUTH_SOCK", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GOOGLE_APPLICATION_CREDENTIALS",
        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    }
)  # fmt: skip


class Surroundings(msgspec.Struct, frozen=True):
    """A shell's view of a project.

    Attributes:
        cwd: Absolute working directory.
        interpreter: Absolute path of the Python that runs the flows; None when it is not known.
        python: Its version as `3.11.7`; None when it is not known.
        environ: The variables that matter. Values of secrets stay in memory, see `shown` and `stored`.
    """

    cwd: str
    interpreter: str | None = None
    python: str | None = None
    environ: dict[str, str] = msgspec.field(default_factory=dict)

    @staticmethod
    def relevant(environ: Mapping[str, str]) -> dict[str, str]:
        """The variables of `environ` that are worth keeping, sorted by name."""
        return {name: value for name, value in sorted(environ.items()) if name in _NAMES or name.startswith(_PREFIXES)}

    @property
    def shown(self) -> dict[str, str]:
        """`environ` with the values of secrets hidden."""
        return redact_environ(self.environ)

    @property
    def stored(self) -> Surroundings:
        """What may be written to disk: without secrets, without values that hold credentials."""
        hidden = self.shown
        kept = {k: v for k, v in self.environ.items() if not is_secret(k) and hidden[k] == v}
        return msgspec.structs.replace(self, environ=kept)
