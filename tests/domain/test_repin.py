from __future__ import annotations

import pytest

from mfenvd.domain.repin import NotPinnedError, Pin, read_pin, repinned

TORCH = Pin("torch", "2.2.2")


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ('@pypi(packages={"torch": "2.6.0", "a": "2.2.3"})', '@pypi(packages={"torch": "2.2.2", "a": "2.2.3"})'),
        ("@conda(libraries={'torch': '>=2'})  # torch", "@conda(libraries={'torch': '==2.2.2'})  # torch"),
        ('    "torch" : "",', '    "torch" : "2.2.2",'),
        ("torch", "torch==2.2.2"),
        ("torch==2.6.0", "torch==2.2.2"),
        ("Torch[opt] >=2.0, <3 ; python_version < '3.12'  # why", "Torch[opt]==2.2.2 ; python_version < '3.12'  # why"),
        ("torch~=2.6", "torch==2.2.2"),
        ('  "torch>=2.6",', '  "torch==2.2.2",'),
        ('needs = ["pandas", "torch>=2.6", "torchvision"]', 'needs = ["pandas", "torch==2.2.2", "torchvision"]'),
        ('torch = "^2.6"', 'torch = "2.2.2"'),
        ("  - torch=2.6.0", "  - torch=2.2.2"),
        ("  - torch", "  - torch==2.2.2"),
    ],
)  # fmt: skip
def test_a_pin_takes_the_place_of_what_was_asked_for_and_of_nothing_else(line: str, after: str) -> None:
    text = f"first\r\n{line}\nlast"
    assert repinned(text, 2, TORCH) == f"first\r\n{after}\nlast"


def test_the_end_of_the_line_stays_what_it_was() -> None:
    assert repinned("torch\r\nnumpy", 1, TORCH) == "torch==2.2.2\r\nnumpy"
    assert repinned("torch", 1, TORCH) == "torch==2.2.2"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("pandas==2.2.3", "does not name torch"),
        ("# torch==2.6.0", "does not name torch"),
        ("torchvision==0.2", "does not name torch"),
        ("torch @ git+https://host.example/torch", "does not name torch"),
        ('{"torch": VERSION}', "does not name torch"),
        ('a = {"torch": "1"}; b = {"torch": "2"}', "more than once"),
        ("torch==2.2.2", "already"),
    ],
)
def test_what_is_not_understood_is_left_alone_and_said(line: str, why: str) -> None:
    with pytest.raises(NotPinnedError, match=why):
        repinned(line, 1, TORCH)


def test_a_line_that_is_gone_is_said() -> None:
    with pytest.raises(NotPinnedError, match="no line 3"):
        repinned("torch\n", 3, TORCH)


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        ("torch==2.2.2", TORCH),
        ("numpy ==1.26.4", Pin("numpy", "1.26.4")),
        ("ruamel.yaml=0.18", Pin("ruamel.yaml", "0.18")),
        ("torch==2.2.2+cu121", Pin("torch", "2.2.2+cu121")),
        ("mfenv trust", None),
        ("torch>=2", None),
        ("torch==2.2.2 and more", None),
    ],
)
def test_a_pin_is_told_from_other_fixes(text: str, pin: Pin | None) -> None:
    assert read_pin(text) == pin
