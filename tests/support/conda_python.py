"""The running interpreter as conda packages: python with its standard library, pip, and installed distributions."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import marshal
import sys
import sysconfig
from collections.abc import Iterator
from importlib.machinery import SOURCE_SUFFIXES
from pathlib import Path

from tests.support.conda_archives import CondaArchive, Member, conda_archive
from tests.support.wheels import Archive, wheel_of_files

PYTHON_VERSION = "{}.{}.{}".format(*sys.version_info[:3])
_MINOR = "{}.{}".format(*sys.version_info[:2])
_LEFT_OUT = frozenset(
    {"__pycache__", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages", "test", "tests", "tkinter",
     "turtledemo"}
)  # fmt: skip
LINKED_TIME = 315_532_800
"""Seconds since the epoch: how old files are that py-rattler linked from archives that do not say it, as ours."""
_UNCHECKED_HASH = (1).to_bytes(4, "little")


@functools.cache
def python_archive(subdir: str) -> CondaArchive:
    """A conda package `python` of the interpreter that runs the tests, without what no test imports.

    Its executable is the interpreter's own, which finds its shared library next to itself or where it was built.
    """
    lib = f"lib/python{_MINOR}"
    executable = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    files = {
        f"bin/python{_MINOR}": Member(executable.read_bytes(), executable=True),
        "bin/python3": Member(link_to=f"python{_MINOR}"),
        "bin/python": Member(link_to=f"python{_MINOR}"),
        f"{lib}/site-packages/README.txt": Member(b"What is installed goes here.\n"),
        **{f"{lib}/{path}": member for path, member in _standard_library()},
        **{f"lib/{path.name}": Member(path.read_bytes()) for path in _shared_libraries()},
    }
    return conda_archive(
        "python", PYTHON_VERSION, files, build="packed_0", subdir=subdir, site_packages=f"{lib}/site-packages"
    )


@functools.cache
def installed_as_conda(name: str, *depends: str, compiled: bool = False) -> CondaArchive:
    """A noarch package of the distribution `name`, as it is installed here, with its commands.

    Args:
        name: Of the distribution.
        depends: Match specs besides python.
        compiled: With bytecode, which channels do not have: what links the package need not compile it then.
    """
    distribution = importlib.metadata.distribution(name)
    files = {f"site-packages/{path}": content for path, content in _files(distribution).items()}
    if compiled:
        files |= {f"site-packages/{path}": code for path, code in _compiled(distribution)}
    commands = [
        f"{entry.name} = {entry.value}" for entry in distribution.entry_points if entry.group == "console_scripts"
    ]
    return conda_archive(
        name,
        distribution.version,
        files,
        build="py_0",
        depends=["python", *depends],
        noarch="python",
        entry_points=commands,
    )


@functools.cache
def installed_as_wheel(name: str) -> Archive:
    """A wheel of the distribution `name`, as it is installed here."""
    distribution = importlib.metadata.distribution(name)
    lines = (distribution.read_text("WHEEL") or "").splitlines()
    tags = [line.partition(": ")[2].split("-") for line in lines if line.startswith("Tag: ")]
    compressed = "-".join(".".join(dict.fromkeys(parts)) for parts in zip(*tags, strict=True))
    return wheel_of_files(distribution.metadata["Name"], distribution.version, compressed, _files(distribution))


def _files(distribution: importlib.metadata.Distribution) -> dict[str, bytes]:
    """What lies in `site-packages`, by path below it, without what the installer added."""
    added = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"}
    return {
        str(path): Path(str(path.locate())).read_bytes()
        for path in distribution.files or ()
        if ".." not in path.parts and "__pycache__" not in path.parts and path.name not in added
    }


def _compiled(distribution: importlib.metadata.Distribution) -> Iterator[tuple[str, bytes]]:
    """The bytecode of modules, by path, as it is made where they are linked."""
    for path, source in _files(distribution).items():
        if path.endswith(".py"):
            here = Path(str(distribution.locate_file(path)))
            code = _bytecode(here, source, Path(importlib.util.cache_from_source(str(here))))[16:]
            header = b"".join(number.to_bytes(4, "little") for number in (0, LINKED_TIME, len(source)))
            yield importlib.util.cache_from_source(path), importlib.util.MAGIC_NUMBER + header + code


def _standard_library() -> Iterator[tuple[str, Member]]:
    """Modules with their bytecode, extensions and data, by path below `lib/pythonX.Y`."""
    root = Path(sysconfig.get_path("stdlib"))
    for path in _files_below(root):
        inside = path.relative_to(root)
        content = path.read_bytes()
        yield str(inside), Member(content)
        if path.suffix in SOURCE_SUFFIXES:
            cached = Path(importlib.util.cache_from_source(str(path)))
            yield str(inside.parent / "__pycache__" / cached.name), Member(_bytecode(path, content, cached))


def _files_below(folder: Path) -> Iterator[Path]:
    """In a fixed order; does not even look into folders that are left out, of which `site-packages` may be huge."""
    for path in sorted(folder.iterdir()):
        if path.name in _LEFT_OUT or path.name.startswith("config-"):
            continue
        if path.is_dir():
            yield from _files_below(path)
        else:
            yield path


def _bytecode(path: Path, source: bytes, cached: Path) -> bytes:
    """The module's bytecode, made valid whatever modification time its source will have."""
    if cached.exists():
        code = cached.read_bytes()[16:]
    else:
        code = marshal.dumps(compile(source, str(path), "exec", dont_inherit=True))
    return importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source) + code


def _shared_libraries() -> list[Path]:
    folder, name = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")
    found = Path(folder or "", name or "")
    return [found] if name and found.suffix != ".a" and found.is_file() else []
