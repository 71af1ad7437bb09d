"""Where packages are looked for, decided as pip decides it."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

import msgspec

from mfenvd.domain.redact import redact, shown_url, without_credentials
from mfenvd.domain.request import Indexes
from mfenvd.domain.surroundings import Surroundings
from mfenvd.resolve.index.files import package_of
from mfenvd.resolve.index.pip_settings import home, pip_files, pip_variables
from mfenvd.resolve.index.settings import IndexSettings, merged
from mfenvd.resolve.index.urls import as_url, is_loopback, location, names_host, path_of, quoted_for_list, userinfo
from mfenvd.resolve.index.uv_settings import uv_files, uv_variables


def _default_index() -> str:
    """pypi-simple's constant, read off its source: loading it takes longer than a whole resolve from the cache."""
    package = find_spec("pypi_simple")
    if package is not None and package.origin is not None:
        source = Path(package.origin).read_text(encoding="utf-8")
        constant = re.search(r"^PYPI_SIMPLE_ENDPOINT[^=\n]*= ['\"](?P<url>[^'\"]+)['\"]$", source, re.MULTILINE)
        if constant is not None:
            return constant["url"]
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    return PYPI_SIMPLE_ENDPOINT


DEFAULT_INDEX = _default_index().rstrip("/")
"""What pip and uv use when none is given."""

DEFAULT_TIMEOUT = 15.0
"""Seconds, as pip's."""

# Variables by which uv would look elsewhere than an IndexConfiguration says.
_UV_INDEX_VARIABLES = frozenset(
    {
        "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX",
        "UV_INDEX_STRATEGY", "UV_KEYRING_PROVIDER", "UV_INSECURE_HOST", "UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT",
        "UV_CONFIG_FILE",
    }
)  # fmt: skip


class IndexConfiguration(msgspec.Struct, frozen=True):
    """Where to look and how to get there. URLs may hold credentials; its `repr` does not show them.

    Attributes:
        index_url: The primary index.
        extra_index_urls: Further indexes, in order; candidates of all of them are merged.
        find_links: URLs of pages or archives, or absolute paths of folders, pages or archives, in order.
        no_index: Only `find_links` count.
        trusted_hosts: `host` or `host:port` whose certificate is not checked.
        cert: Absolute path of a CA bundle; None means the system's store.
        client_cert: Absolute path of a client certificate with its key, if any.
        proxies: By scheme (`http`, `https`, `all`).
        no_proxy: Comma-separated hosts that are reached directly.
        timeout: Seconds for connecting and for each read.
        netrc: Absolute path of the netrc file, which may not exist; None where there is no home folder.
        keyring: Absolute path of the `keyring` command; None when there is none or it is switched off.
    """

    index_url: str = DEFAULT_INDEX
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    trusted_hosts: tuple[str, ...] = ()
    cert: str | None = None
    client_cert: str | None = None
    proxies: dict[str, str] = msgspec.field(default_factory=dict)
    no_proxy: str = ""
    timeout: float = DEFAULT_TIMEOUT
    netrc: str | None = None
    keyring: str | None = None

    @property
    def index_urls(self) -> tuple[str, ...]:
        """All indexes that are used, in pip's order; none with `no_index`."""
        return () if self.no_index else tuple(url for url in self._all_indexes if self._is_trusted(url))

    @property
    def ignored_urls(self) -> tuple[str, ...]:
        """Indexes that pip passes over because what they send can be forged: http to another machine.

        Naming the host as trusted makes pip use it.
        """
        return () if self.no_index else tuple(url for url in self._all_indexes if not self._is_trusted(url))

    @property
    def _all_indexes(self) -> tuple[str, ...]:
        return (self.index_url, *self.extra_index_urls)

    def _is_trusted(self, url: str) -> bool:
        return not url.startswith("http:") or is_loopback(url) or names_host(self.trusted_hosts, url)

    @property
    def shown(self) -> tuple[str, ...]:
        """All places that are looked in, without credentials."""
        return tuple(map(shown_url, (*self.index_urls, *self.find_links)))

    def __repr__(self) -> str:
        return f"IndexConfiguration({', '.join(self.shown)})"

    @property
    def way(self) -> str:
        """Tells ways to servers apart: by proxies, certificates and patience. Nothing can be read in it."""
        parts = (self.trusted_hosts, self.cert, self.client_cert, self.proxies, self.no_proxy, self.timeout)
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()

    def uv_arguments(self) -> tuple[str, ...]:
        """Options that make `uv pip` look in the same places; none holds a secret, as `ps` would show it.

        To be used with `uv_environ`, which holds the credentials, and with `--no-config` or a configuration file
        without indexes, as what the user's own files say is part of this configuration already.
        """
        arguments = []
        urls = self.index_urls
        if not urls:
            arguments.append("--no-index")
        elif urls[0].rstrip("/") != DEFAULT_INDEX:
            arguments += ["--default-index", f"{_uv_name(0)}={without_credentials(urls[0])}"]
        # Among equal files pip takes the last index's, uv the first one's.
        for number, url in reversed(list(enumerate(urls[1:], start=1))):
            arguments += ["--index", f"{_uv_name(number)}={without_credentials(url)}"]
        if len(urls) > 1:
            arguments += ["--index-strategy", "unsafe-best-match"]
        if not self._secret_links:
            for link in self._existing_links:
                arguments += ["--find-links", link]
        if self.keyring:
            arguments += ["--keyring-provider", "subprocess"]
        return tuple(arguments)

    def uv_environ(self, environ: dict[str, str]) -> dict[str, str]:
        """`environ` with its variables about indexes replaced by what goes with `uv_arguments`."""
        ours = {name: value for name, value in environ.items() if not _is_uv_index_variable(name)}
        for number, url in enumerate(self.index_urls):
            user, password = userinfo(url) or (None, None)
            if user:
                ours[f"UV_INDEX_{_uv_name(number).upper()}_USERNAME"] = user
            if password:
                ours[f"UV_INDEX_{_uv_name(number).upper()}_PASSWORD"] = password
        if self._secret_links:
            ours["UV_FIND_LINKS"] = ",".join(map(quoted_for_list, self._existing_links))
        if self.trusted_hosts:
            ours["UV_INSECURE_HOST"] = " ".join(self.trusted_hosts)
        if self.cert:
            ours["SSL_CERT_FILE"] = self.cert
        else:
            ours["UV_SYSTEM_CERTS"] = "true"
        if self.client_cert:
            ours["SSL_CLIENT_CERT"] = self.client_cert
        for scheme, proxy in self.proxies.items():
            ours[f"{scheme}_proxy"] = ours[f"{scheme}_proxy".upper()] = proxy
        if self.netrc:
            ours["NETRC"] = self.netrc
        ours["UV_HTTP_TIMEOUT"] = str(max(1, round(self.timeout)))
        return ours

    @property
    def _existing_links(self) -> tuple[str, ...]:
        """Folders and pages that are there: pip warns about the others, uv stops. It takes no archives."""
        return tuple(link for link in self.find_links if _is_link_for_uv(link))

    @property
    def _secret_links(self) -> bool:
        return any(redact(link) != link for link in self.find_links)


def configuration(
    indexes: Indexes, surroundings: Surroundings, root: Path, *, of_project: bool = True
) -> IndexConfiguration:
    """What pip would do in `surroundings` with a requirements file that says `indexes`.

    Each setting comes from the first that has it: `PIP_*` variables, `UV_*` variables, pip's configuration files, uv's
    configuration files, the default. As in pip, an `--index-url` of the requirements file replaces all configured
    indexes, the rest of what it says is added to them.

    Args:
        indexes: What the requirements file or the project's configuration says.
        surroundings: The shell that registered the project.
        root: What relative paths in `indexes` are relative to.
        of_project: Whether uv's configuration in the project's own folders counts, besides the user's.
    """
    environ = surroundings.environ
    of_uv = uv_files(environ, root, of_project=of_project)
    settings = merged((pip_variables(environ), uv_variables(environ), pip_files(surroundings), of_uv))
    index_url, extra = settings.index_url or DEFAULT_INDEX, settings.extra_index_urls
    if indexes.index_url:
        index_url, extra = indexes.index_url, ()
    cwd = Path(surroundings.cwd)
    return IndexConfiguration(
        index_url=as_url(index_url, root),
        extra_index_urls=_unique(as_url(url, root) for url in (*extra, *indexes.extra_index_urls)),
        find_links=_unique(
            (
                *(location(link, cwd) for link in settings.find_links),
                *(location(link, root) for link in indexes.find_links),
            )
        ),
        no_index=indexes.no_index or bool(settings.no_index),
        trusted_hosts=settings.trusted_hosts,
        cert=_absolute(settings.cert or _first(environ, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"), cwd),
        client_cert=_absolute(settings.client_cert, cwd),
        proxies=_proxies(settings, environ),
        no_proxy=_first(environ, "no_proxy", "NO_PROXY") or "",
        timeout=settings.timeout or DEFAULT_TIMEOUT,
        netrc=_netrc(environ),
        keyring=_keyring(settings, environ),
    )


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _first(environ: Mapping[str, str], *names: str) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)


def _absolute(path: str | None, base: Path) -> str | None:
    return str(base / path) if path else None


def _proxies(settings: IndexSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """By scheme: pip's own proxy for all of them, else the variables that every tool knows."""
    if settings.proxy:
        proxy = settings.proxy if "://" in settings.proxy else f"http://{settings.proxy}"
        return {"http": proxy, "https": proxy}
    found = {}
    for scheme in ("http", "https", "all"):
        value = _first(environ, f"{scheme}_proxy", f"{scheme}_proxy".upper())
        if value:
            found[scheme] = value
    return found


def _netrc(environ: Mapping[str, str]) -> str | None:
    if environ.get("NETRC"):
        return environ["NETRC"]
    own = home(environ)
    if own is None:
        return None
    return str(next((own / name for name in (".netrc", "_netrc") if (own / name).is_file()), own / ".netrc"))


def _keyring(settings: IndexSettings, environ: Mapping[str, str]) -> str | None:
    """The command, if it is installed: it is the one way that asks no code of ours to load a user's back end."""
    if settings.keyring == "disabled" or "PATH" not in environ:
        return None
    return shutil.which("keyring", path=environ["PATH"])


def _is_link_for_uv(link: str) -> bool:
    path = path_of(link)
    if path is None:
        return package_of(link.partition("#")[0].rpartition("/")[2]) is None
    return path.is_dir() or (path.is_file() and package_of(path.name) is None)


def _uv_name(number: int) -> str:
    """A name by which uv finds an index's credentials among its variables."""
    return f"mfenv{number}"


def _is_uv_index_variable(name: str) -> bool:
    return name in _UV_INDEX_VARIABLES or (name.startswith("UV_INDEX_") and name.endswith(("_USERNAME", "_PASSWORD")))
