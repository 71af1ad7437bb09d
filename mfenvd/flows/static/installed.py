"""Which modules the project's Python can import, as far as its folder of packages tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_WITHOUT_PATHS = frozenset({"distutils-precedence.pth", "_virtualenv.pth"})


def has_module(site_packages: str, name: str) -> bool | None:
    """Whether `import name` finds a file; None when that cannot be told.

    Args:
        site_packages: Absolute path of the folder of installed packages.
        name: A module outside the standard library, dotted.
    """
    folder = Path(site_packages)
    others = list(_other_folders(folder))
    known = [place for place in (folder, *others) if place is not None]
    if any(_holds(place, name) for place in known):
        return True
    if any(_holds(place, name.partition(".")[0]) for place in known):
        return None  # a package may make its modules in its own ways
    return False if None not in others and _searches_nothing_else(folder) else None


def _holds(folder: Path, name: str) -> bool:
    base = Path(folder, *name.split("."))
    if base.with_name(f"{base.name}.py").is_file() or (base.is_dir() and next(base.glob("*.py"), None) is not None):
        return True
    return any(next(base.parent.glob(f"{base.name}{suffix}"), None) for suffix in (".*.so", ".so", ".*.pyd", ".pyd"))


def _other_folders(folder: Path) -> Iterator[Path | None]:
    """The folders that `.pth` files add; None for what they add in ways of their own (site.addsitedir)."""
    for file in sorted(folder.glob("*.pth")):
        if file.name in _WITHOUT_PATHS:
            continue
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            lines = ["import"]
        for line in lines:
            if line.startswith("import"):
                yield None
            elif line.strip() and not line.startswith("#"):
                yield folder / line.strip()


def _searches_nothing_else(folder: Path) -> bool:
    """Whether only `folder` and the standard library are searched: in a virtual environment that is closed."""
    for prefix in folder.parents[1:4]:
        try:
            text = (prefix / "pyvenv.cfg").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        values = dict(line.partition("=")[::2] for line in text.lower().replace(" ", "").splitlines())
        return values.get("include-system-site-packages") == "false"
    return False
