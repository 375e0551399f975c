"""The API page: signatures and docstrings as Markdown, and an example for every public name."""

import importlib.util
import inspect
from pathlib import Path
from types import ModuleType
from typing import Literal, Optional

import pytest

import alexnet

PAGE = Path(__file__).parents[3] / "docs" / "api_page.py"
PUBLIC = sorted(alexnet.__all__)


@pytest.fixture(scope="module")
def page() -> ModuleType:
    """docs/api_page.py as a module."""
    spec = importlib.util.spec_from_file_location("api_page", PAGE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_public_name_has_an_example() -> None:
    """The rule about docstrings runs them. Constants have none."""
    callable_names = {name for name in PUBLIC if callable(getattr(alexnet, name))}
    assert len(callable_names) > 20
    assert {name for name in callable_names if ">>>" not in (inspect.getdoc(getattr(alexnet, name)) or "")} == set()


def test_a_signature_is_that_of_the_source(page: ModuleType) -> None:
    def measure(
        first: "Path | str", *rest: int, unit: Literal["px", "cm"] = "px", most: Optional["int"] = None
    ) -> str:
        """Nothing."""
        return f"{first}{rest}{unit}{most}"

    assert page.signature_of(measure, "size").splitlines() == [
        "size(",
        "    first: Path | str,",
        "    *rest: int,",
        '    unit: Literal["px", "cm"] = "px",',
        "    most: Optional[int] = None,",
        ") -> str",
    ]


def test_a_short_signature_stays_on_one_line(page: ModuleType) -> None:
    assert page.signature_of(alexnet.open_run, "open") == "open(path: Path | str) -> Run"


def test_sections_become_lists_and_examples_code(page: ModuleType) -> None:
    docstring = """Length in px.

    out = size / 2

    Args:
        size: input length,
            px.

    Raises:
        ValueError: below 1.

    >>> 4 / 2
    2.0

    >>> 2 / 2
    1.0
    """
    assert page.docstring_to_markdown(docstring) == [
        "Length in px.", "", "out = size / 2", "", "**Args**", "", "- `size`: input length,", "  px.", "",
        "**Raises**", "", "- `ValueError`: below 1.", "",
        "```python", ">>> 4 / 2", "2.0", "", ">>> 2 / 2", "1.0", "```",
    ]  # fmt: skip


def test_the_page_has_a_heading_for_every_public_name(page: ModuleType) -> None:
    lines = page.api_page().splitlines()
    assert [name for name in PUBLIC if f"## {name}" not in lines] == []
