"""What the shell that registered a project had: whatever changes how Metaflow and the tools behave."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from mfenvd.domain.redact import HIDDEN, is_secret, redact_environ

_PREFIXES = ("METAFLOW_", "CONDA_", "MAMBA_", "PIP_", "UV_", "AWS_", "AZURE_")
_NAMES = frozenset(
    {
        "HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL",
        "USER", "USERNAME", "LOGNAME", "SUDO_USER",
        "PATH", "PYTHONPATH", "VIRTUAL_ENV", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_CACHE_HOME",
        "XDG_DATA_HOME", "NETRC", "CONDARC", "MAMBARC", "RATTLER_AUTH_FILE",
        "SSL_CERT_FILE", "SSL_CERT_DIR",
        "SSH_AUTH_SOCK", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
        "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CONFIG", "STORAGE_EMULATOR_HOST",
        "IDENTITY_ENDPOINT", "IDENTITY_HEADER",
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
        used: Names of further variables, which requirement files of the project use. Most of them are credentials:
            their values are secrets whatever they are called.
    """

    cwd: str
    interpreter: str | None = None
    python: str | None = None
    environ: dict[str, str] = msgspec.field(default_factory=dict)
    used: tuple[str, ...] = ()

    @staticmethod
    def relevant(environ: Mapping[str, str], used: Collection[str] = ()) -> dict[str, str]:
        """The variables of `environ` that are worth keeping, those `used` by files among them, sorted by name."""
        return {
            name: value
            for name, value in sorted(environ.items())
            if name in _NAMES or name.startswith(_PREFIXES) or name in used
        }

    def is_secret(self, name: str) -> bool:
        """Whether the value of variable `name` may be neither shown nor written down."""
        return is_secret(name) or name in self.used

    @property
    def shown(self) -> dict[str, str]:
        """`environ` with the values of secrets hidden."""
        shown = redact_environ(self.environ)
        return {name: HIDDEN if value and name in self.used else value for name, value in shown.items()}

    @property
    def stored(self) -> Surroundings:
        """What may be written to disk: without secrets, without values that hold credentials."""
        hidden = self.shown
        kept = {k: v for k, v in self.environ.items() if not self.is_secret(k) and hidden[k] == v}
        return msgspec.structs.replace(self, environ=kept)
