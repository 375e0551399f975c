"""The API page: signatures and docstrings as Markdown, and an example for every public name."""

import importlib.util
import inspect
import re
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


@pytest.mark.slow
def test_types_in_signatures_and_fields_are_explained_on_the_page(page: ModuleType) -> None:
    """Names of this library, that is: Python's, NumPy's and the letters of shapes are not."""
    text = page.api_page()
    code = "\n".join(re.findall(r"```python\n(?!>>>)(.*?)```", text, re.DOTALL))
    types = set(re.findall(r"(?<![\w.])[A-Z][a-z]\w*", re.sub(r'"[^"\n]*"|= .*', "", code)))
    python = {"None", "Any", "Path", "Sequence", "Mapping", "Callable", "Iterable", "Iterator", "Counter", "Figure"}
    arrays = {"Float", "Float32", "UInt8", "Int", "Bool"}
    explained = set(re.findall(r"^## (\w+)$", text, re.MULTILINE)) | set(", ".join(page.ARGUMENTS).split(", "))
    assert len(types) > 30
    assert types - python - arrays - explained == set()


@pytest.mark.slow
def test_the_page_has_a_heading_for_every_public_name(page: ModuleType) -> None:
    lines = page.api_page().splitlines()
    assert [name for name in PUBLIC if f"## {name}" not in lines] == []
