"""A micromamba for tests that run the real Metaflow: a stand-in over py-rattler, or the real one where there is one.

    calls = install_micromamba(tmp_path / "bin")      # put that folder on PATH
    …
    assert calls.of("create") == []

The stand-in answers what Metaflow 2.12 to 2.19 asks (`plugins/pypi/micromamba.py`, `pip.py`, `bootstrap.py`) and what
metaflow-netflixext 1.3 asks (`plugins/conda/conda.py`, `conda_resolver.py`), in the order in which micromamba 2 does
things: an environment is registered before anything is linked. As a program it
imports nothing but the standard library until it solves or links, as the real one starts within milliseconds too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

VERSION = "2.8.1"
DIES = "MICROMAMBA_STAND_IN_DIES"
"""Set to `registered` or `linked`: `create` is killed there, as by a user who lost patience."""

_LAUNCHER = """\
#!{python} -IS
import sys
sys.path[:0] = {path!r}
from tests.support.micromamba import logged_main
logged_main({log!r})
"""
_REAL_LAUNCHER = """\
#!{python} -IS
import os, sys
sys.path[:0] = {path!r}
from tests.support.micromamba import log_call
log_call({log!r}, sys.argv[1:], 0.0)
os.execv({real!r}, ["micromamba", *sys.argv[1:]])
"""
_SCOPES = ("config", "env")
_WITH_VALUE = frozenset({"-c", "--channel", "-r", "--root-prefix", "-p", "--prefix", "-n", "--name", "-f", "--file"})


class Calls:
    """What was asked of a micromamba, oldest first."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def __iter__(self) -> Iterator[list[str]]:
        return iter([json.loads(line)["argv"] for line in self._lines()])

    def clear(self) -> None:
        self.log.unlink(missing_ok=True)

    def of(self, *commands: str) -> list[list[str]]:
        """Calls of these commands: `create`, `config list`, `env list`, `list`, `run`, `solve`, `download`, …

        `create` with `--dry-run` is a `solve`, with `--download-only` a `download`; `run … pip3 … install` is a
        `pip install`, or a `pip solve` with `--dry-run`; likewise `pip download` and `pip wheel`.
        """
        return [argv for argv in self if command_of(argv) in commands]

    def summary(self) -> list[str]:
        """The command of each call."""
        return [command_of(argv) for argv in self]

    def seconds(self) -> float:
        """Time spent in the stand-in."""
        return sum(float(json.loads(line)["seconds"]) for line in self._lines())

    def _lines(self) -> list[str]:
        return self.log.read_text("utf-8").splitlines() if self.log.exists() else []


def install_micromamba(folder: Path) -> Calls:
    """Puts an executable `micromamba` into `folder`, which logs its calls; the real one behind it if there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "micromamba.log"
    root = str(Path(__file__).parents[2])
    site_packages = next(path for path in sys.path if path.endswith("site-packages"))
    real = shutil.which("micromamba")
    template = _REAL_LAUNCHER if real else _LAUNCHER
    launcher = folder / "micromamba"
    launcher.write_text(template.format(python=sys.executable, path=[root, site_packages], log=str(log), real=real))
    launcher.chmod(0o755)
    return Calls(log)


def command_of(argv: Sequence[str]) -> str:
    """What a call is about, see `Calls.of`."""
    command = argv[0] if argv else ""
    if command in _SCOPES:
        return f"{command} {argv[1]}"
    if command == "create":
        return "solve" if "--dry-run" in argv else "download" if "--download-only" in argv else "create"
    if command == "run":
        return f"pip {_pip_command(argv)}" if "pip3" in argv else "run"
    return command


def _pip_command(argv: Sequence[str]) -> str:
    command = next((word for word in argv[argv.index("pip3") + 1 :] if not word.startswith("-")), "")
    return "solve" if command == "install" and "--dry-run" in argv else command


def log_call(log: str, argv: Sequence[str], seconds: float) -> None:
    """Appends one call to the log, whole or not at all."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, json.dumps({"argv": list(argv), "seconds": seconds}).encode() + b"\n")
    finally:
        os.close(descriptor)


def logged_main(log: str) -> NoReturn:
    """The stand-in as a program."""
    argv = sys.argv[1:]
    if argv[:1] == ["run"]:  # does not come back
        log_call(log, argv, 0.0)
        sys.exit(main(argv))
    started = time.perf_counter()
    try:
        code = main(argv)
    finally:
        log_call(log, argv, time.perf_counter() - started)
    sys.stdout.flush()
    # py-rattler's threads may still hold the interpreter, which is not taken apart then.
    os._exit(code)


def main(argv: Sequence[str]) -> int:
    """One call; the exit code."""
    command = command_of([word for word in argv if word != "--json"])
    if command == "--version":
        print(VERSION)
    elif command == "config list":
        _print(settings())
    elif command == "info":
        _print(info())
    elif command == "env remove":
        shutil.rmtree(_prefix(argv), ignore_errors=True)
    elif command == "env list":
        _print({"envs": known_environments()})
    elif command == "list":
        _print(list_packages(Path(_value(argv, "--prefix"))))
    elif argv[0] == "create":
        return create(argv)
    elif argv[0] == "run":
        _run(argv)
    else:
        sys.stderr.write(f"The stand-in for micromamba does not know `{' '.join(argv)}`.\n")
        return 2
    return 0


def settings() -> dict[str, Any]:
    """`config list -a`: from the variables that Metaflow's users set."""
    home = Path.home()
    root = Path(os.environ.get("MAMBA_ROOT_PREFIX") or home / ".local" / "share" / "mamba")
    channels = os.environ.get("CONDA_CHANNELS", "")
    return {
        "channels": [channel for channel in channels.split(",") if channel],
        "envs_dirs": _folders("CONDA_ENVS_DIRS") or [str(root / "envs")],
        "pkgs_dirs": _folders("CONDA_PKGS_DIRS") or [str(root / "pkgs"), str(home / ".mamba" / "pkgs")],
        "platform": os.environ.get("CONDA_SUBDIR") or _platform(),
        "root_prefix": str(root),
    }


def info() -> dict[str, Any]:
    """`info`: the same in other words, and what the machine offers."""
    config = settings()
    glibc = os.environ.get("CONDA_OVERRIDE_GLIBC") or (os.confstr("CS_GNU_LIBC_VERSION") or "glibc 2.36").split()[-1]
    return {
        "base environment": config["root_prefix"],
        "envs directories": config["envs_dirs"],
        "package cache": config["pkgs_dirs"],
        "channels": config["channels"],
        "virtual packages": ["__unix=0=0", f"__glibc={glibc}=0", "__archspec=1=x86_64"],
        "platform": config["platform"],
        "micromamba version": VERSION,
    }


def _folders(variable: str) -> list[str]:
    """As micromamba takes them: separated by commas."""
    return [str(Path(folder).expanduser().resolve()) for folder in os.environ.get(variable, "").split(",") if folder]


def known_environments() -> list[str]:
    """`env list`: what is registered, cleaned of what is gone, and what lies one level below the `envs_dirs`."""
    file = _environments_file()
    lines = file.read_text().splitlines() if file.exists() else []
    registered = {line for line in lines if _is_environment(Path(line))}
    if len(registered) != len(lines):
        file.write_text("".join(f"{line}\n" for line in sorted(registered)))
    config = settings()
    folders = [Path(folder) for folder in config["envs_dirs"] if Path(folder).is_dir()]
    found = {str(path) for folder in folders for path in folder.iterdir() if _is_environment(path)}
    return sorted(registered | found | {config["root_prefix"]})


def list_packages(prefix: Path) -> list[dict[str, Any]]:
    """`list`: conda's packages, and as of 2.0.4 also what pip says of the prefix."""
    found = {}
    for file in (prefix / "conda-meta").glob("*.json"):
        record = json.loads(file.read_text())
        found[record["name"]] = {
            "name": record["name"], "version": record["version"], "build_string": record["build"],
            "channel": record.get("channel", ""), "platform": record["subdir"],
        }  # fmt: skip
    python = prefix / "bin" / "python"
    if "pip" in found and python.exists():
        command = [str(python), "-q", "-m", "pip", "inspect", "--local"]
        answer = subprocess.run(command, capture_output=True, check=False)
        for each in json.loads(answer.stdout or b"{}").get("installed", []):
            name, version = each["metadata"]["name"], each["metadata"]["version"]
            found.setdefault(name, {"name": name, "version": version, "channel": "pypi", "build_string": "pypi_0"})
    return [found[name] for name in sorted(found)]


def create(argv: Sequence[str]) -> int:
    """`create`: solves specs, downloads URLs, or makes an environment of them."""
    config = settings()
    urls = [word for word in _words(argv) if "://" in word] + _explicit(argv)
    if "--dry-run" in argv:
        return _solve(argv, config)
    packages = Path(config["pkgs_dirs"][0])
    packages.mkdir(parents=True, exist_ok=True)
    archives = [_downloaded(url, packages) for url in urls]
    if "--download-only" not in argv:
        prefix = _prefix(argv)
        _register(prefix)
        _die_if("registered")
        _link(archives, prefix, packages, compiles="--no-pyc" not in argv)
    _print({"success": True, "actions": {"LINK": [{"url": url} for url in urls]}})
    return 0


def _prefix(argv: Sequence[str]) -> Path:
    """Of `--prefix PATH`, or of `--name NAME`."""
    name = _value(argv, "--name", "")
    return Path(settings()["envs_dirs"][0], name) if name else Path(_value(argv, "--prefix"))


def _explicit(argv: Sequence[str]) -> list[str]:
    """What the file of `--file` lists below `@EXPLICIT`."""
    file = _value(argv, "--file", "")
    lines = Path(file).read_text().splitlines() if file else []
    return [line.partition("#")[0] for line in lines if line and not line.startswith(("@", "#"))]


def _solve(argv: Sequence[str], config: dict[str, Any]) -> int:
    import asyncio

    from rattler import (
        BuildString,
        Channel,
        ChannelConfig,
        Gateway,
        GenericVirtualPackage,
        MatchSpec,
        PackageName,
        Subdir,
        Version,
    )
    from rattler import solve as rattler_solve
    from rattler.exceptions import SolverError

    subdir = config["platform"]
    specs = [MatchSpec(word) for word in _words(argv[1:])]
    channels = [*_values(argv, "-c"), *(_values(argv, "--channel") or config["channels"])]
    with_python = any(spec.name and spec.name.normalized == "python" for spec in specs)
    if with_python and os.environ.get("MAMBA_ADD_PIP_AS_PYTHON_DEPENDENCY", "true") == "true":
        specs.append(MatchSpec("pip"))
    virtual = {"__unix": "0", "__linux": "6.0"} if subdir.startswith("linux") else {"__unix": "0", "__osx": "14.0"}
    if subdir.startswith("linux") and "CONDA_OVERRIDE_GLIBC" in os.environ:
        virtual["__glibc"] = os.environ["CONDA_OVERRIDE_GLIBC"]
    cache = Path(config["pkgs_dirs"][0]) / "cache"
    try:
        records = asyncio.run(
            rattler_solve(
                [Channel(url, ChannelConfig()) for url in channels],
                specs,
                gateway=Gateway(cache_dir=cache),
                platforms=[Subdir(subdir), Subdir("noarch")],
                virtual_packages=[
                    GenericVirtualPackage(PackageName(name), Version(version), BuildString("0"))
                    for name, version in virtual.items()
                ],
            )
        )
    except SolverError as error:
        _print({"success": False, "solver_problems": str(error).splitlines()})
        return 1
    link = [
        {
            "url": record.url, "name": record.name.normalized, "version": str(record.version),
            "md5": record.md5.hex() if record.md5 else None,
        }
        for record in records
    ]  # fmt: skip
    _print({"success": True, "dry_run": True, "actions": {"LINK": link}})
    return 0


def _downloaded(url: str, packages: Path) -> Path:
    """The archive in the package folder; a path is taken where it is."""
    from urllib.request import url2pathname, urlopen

    if "://" not in url:
        return Path(url)
    archive = packages / url.rpartition("/")[2]
    if not archive.exists():
        partial = archive.with_name(f"{archive.name}.{os.getpid()}.part")
        if url.startswith("file://"):
            shutil.copyfile(url2pathname(url.removeprefix("file://")), partial)
        else:
            with urlopen(url) as answer, partial.open("wb") as file:  # noqa: S310 - a URL of the test's own channel
                shutil.copyfileobj(answer, file)
        partial.replace(archive)
    return archive


def _link(archives: Sequence[Path], prefix: Path, packages: Path, *, compiles: bool) -> None:
    import asyncio

    from rattler import RepoDataRecord, install

    async def link() -> None:
        records = [await RepoDataRecord.from_package_archive(archive) for archive in archives]
        await install(records, prefix, cache_dir=packages / "extracted", show_progress=False)

    asyncio.run(link())
    _die_if("linked")
    python = prefix / "bin" / "python"
    if compiles and python.exists():
        # micromamba does so for noarch packages: all that lies in site-packages at this point
        site_packages = next((prefix / "lib").glob("python*/site-packages"))
        command = [str(python), "-m", "compileall", "-q", str(site_packages)]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)


def _register(prefix: Path) -> None:
    history = prefix / "conda-meta" / "history"
    history.parent.mkdir(parents=True, exist_ok=True)
    history.touch()
    file = _environments_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = file.read_text().splitlines() if file.exists() else []
    if str(prefix) not in lines:
        with file.open("a") as out:
            out.write(f"{prefix}\n")


def _die_if(point: str) -> None:
    if os.environ.get(DIES) == point:
        os._exit(137)


def _run(argv: Sequence[str]) -> None:
    prefix = Path(_value(argv, "--prefix"))
    command = list(argv[argv.index(str(prefix)) + 1 :])
    environ = {**os.environ, "CONDA_PREFIX": str(prefix), "PATH": f"{prefix / 'bin'}:{os.environ.get('PATH', '')}"}
    os.execvpe(command[0], command, environ)  # noqa: S606 - this is what `run` does


def _words(argv: Sequence[str]) -> list[str]:
    """What is neither an option nor the value of one."""
    pairs = zip(["", *argv], argv, strict=False)
    return [word for before, word in pairs if not word.startswith("-") and before not in _WITH_VALUE]


def _value(argv: Sequence[str], option: str, default: str | None = None) -> str:
    found = _values(argv, option)
    if not found and default is None:
        raise SystemExit(f"{option} is missing")
    return found[0] if found else default or ""


def _values(argv: Sequence[str], option: str) -> list[str]:
    """Of `--option=value` and `--option value`."""
    joined = [word.partition("=")[2] for word in argv if word.startswith(f"{option}=")]
    return joined + [argv[index + 1] for index, word in enumerate(argv[:-1]) if word == option]


def _environments_file() -> Path:
    return Path.home() / ".conda" / "environments.txt"


def _is_environment(path: Path) -> bool:
    return (path / "conda-meta" / "history").exists()


def _platform() -> str:
    import platform

    system, machine = platform.system(), platform.machine()
    if system == "Darwin":
        return "osx-arm64" if machine == "arm64" else "osx-64"
    return "linux-aarch64" if machine == "aarch64" else "linux-64"


def _print(answer: Any) -> None:
    print(json.dumps(answer, indent=4))
