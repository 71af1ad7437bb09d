import subprocess
import sys

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import CondaPart, Indexes, Kind, PypiPart, Request

REQUEST = Request(
    Kind.PYPI,
    "3.11",
    PypiPart(
        requirements=("numpy>=1", "requests>=2.21.0"),
        hashes={"numpy": ("sha256:aa",), "requests": ("sha256:bb",)},
        indexes=Indexes(index_url="https://me:hush@index.example/simple"),
    ),
)


def test_the_key_does_not_depend_on_the_hash_seed() -> None:
    code = "from tests.domain.test_request import REQUEST; print(REQUEST.key)"
    keys = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout.strip()
        for seed in ("1", "2", "3")
    }
    assert keys == {REQUEST.key}


def test_the_key_is_the_same_with_other_credentials() -> None:
    def with_index(url: str) -> Request:
        return Request(Kind.PYPI, "3.11", PypiPart(indexes=Indexes(index_url=url)))

    first, second = with_index("https://me:hush@index.example/simple"), with_index("https://index.example/simple")
    assert first.key == second.key
    assert first.key != with_index("https://other.example/simple").key


def test_the_order_of_hashes_by_name_does_not_count() -> None:
    reordered = Request(
        Kind.PYPI,
        "3.11",
        PypiPart(
            requirements=REQUEST.pypi.requirements,
            hashes=dict(reversed(REQUEST.pypi.hashes.items())),
            indexes=REQUEST.pypi.indexes,
        ),
    )
    assert reordered.key == REQUEST.key


def test_credentials_of_channels_do_not_count_and_their_order_does() -> None:
    def with_channels(*channels: str) -> Request:
        return Request(Kind.CONDA, "3.11", conda=CondaPart((("numpy", ""),), channels))

    bare = with_channels("https://one.example/x", "conda-forge")
    assert with_channels("https://me:hush@one.example/x", "conda-forge").key == bare.key
    assert with_channels("https://one.example/t/tk-hush/x", "conda-forge").key == bare.key
    assert with_channels("conda-forge", "https://one.example/x").key != bare.key


def test_what_is_asked_for_on_one_arch_counts() -> None:
    def asked(*archs: Arch) -> Request:
        return Request(Kind.CONDA, "3.11", conda=CondaPart(arch_packages=dict.fromkeys(archs, (("x", ""),))))

    assert len({asked().key, asked(Arch.WIN_64).key, asked(Arch.OSX_64).key}) == 3
    assert asked(Arch.WIN_64, Arch.OSX_64).key == asked(Arch.OSX_64, Arch.WIN_64).key


def test_what_gives_access_to_a_file_is_no_part_of_the_key() -> None:
    def asking(url: str) -> Request:
        return Request(Kind.PYPI, "3.11", PypiPart((f"demo @ {url}",)))

    url = "https://files.example/demo-1.0-py3-none-any.whl"
    assert asking(f"{url}?v=1&token=old").key == asking(f"{url}?v=1&token=new").key
    assert asking(f"{url}?v=1&token=old").key != asking(f"{url}?v=2&token=old").key
