"""What is public is described, and every example in a docstring runs."""

import ast
import doctest
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import alexnet
from tests.rules.source import Module, module, modules


def undescribed(holder: Module) -> list[str]:
    """Public functions, classes and methods without a docstring, and the file itself."""
    bare = [] if ast.get_docstring(holder.tree) else [holder.path]
    classes = [node for node in holder.tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for place in [holder.tree, *classes]:
        for node in place.body:
            is_definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if is_definition and not node.name.startswith("_") and not ast.get_docstring(node):
                bare.append(f"{holder.path}:{node.lineno} {node.name}")
    return bare


def test_public_functions_and_classes_are_described() -> None:
    assert [name for holder in modules() for name in undescribed(holder)] == []


def test_a_missing_docstring_is_seen() -> None:
    text = "def shown():\n  'One.'\nclass Kept:\n  'One.'\n  def run(self): ...\n  def _own(self): ...\n"
    assert undescribed(module("a.py", text)) == ["a.py", "a.py:5 run"]


def test_every_public_name_is_there_and_described() -> None:
    for name in alexnet.__all__:
        value = getattr(alexnet, name)
        assert name.isupper() or value.__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = alexnet.nothing


def undescribed_arguments(function: Any) -> set[str]:
    """Arguments that the docstring's list of arguments leaves out; none where it has no such list."""
    _, _, listed = (inspect.getdoc(function) or "").partition("Args:\n")
    entries = re.findall(r"^    ([\w, ]+):", listed, re.MULTILINE)
    named = {name.strip() for names in entries for name in names.split(",")}
    return set(inspect.signature(function).parameters) - named - {"self", "cls"} if listed else set()


def test_a_list_of_arguments_is_complete() -> None:
    values = [getattr(alexnet, name) for name in alexnet.__all__]
    functions = [value for value in values if inspect.isfunction(value)]
    functions += [each for value in values if inspect.isclass(value) for each in vars(value).values()]
    lists = {each.__qualname__: undescribed_arguments(each) for each in functions if inspect.isfunction(each)}
    assert len(lists) > 100
    assert {name: missing for name, missing in lists.items() if missing} == {}

    def crop(image: object, *, size: int, place: int) -> object:
        """Cut an image.

        Args:
            image, size: what to cut, and to what.
        """
        return image, size, place

    assert undescribed_arguments(crop) == {"place"}


def examples(holder: Module) -> Iterator[tuple[int, str]]:
    """Line and text of every docstring with an example: of files, classes, functions and constants."""
    for node in ast.walk(holder.tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            text = ast.get_docstring(ast.Module([node], [])) or ""
            if ">>>" in text:
                yield node.lineno, text


def needs_a_workspace(text: str) -> bool:
    """Whether an example names the images, the photo or the run that `workspace` has."""
    return any(f'"{name}' in text for name in ("images", "photo.jpg", "runs/first"))


EXAMPLES = [(holder, line, text) for holder in modules() for line, text in examples(holder)]


@pytest.mark.parametrize(
    ("holder", "line", "text"),
    [
        pytest.param(*example, marks=pytest.mark.slow if needs_a_workspace(example[2]) else (), id=f"{path}:{line}")
        for example in EXAMPLES
        for path, line in [(example[0].path, example[1])]
    ],
)
def test_examples_in_docstrings_run(
    holder: Module,
    line: int,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """Parsed from the source, so that no decorator, import or private name hides one.

    An example that names `images`, `photo.jpg` or `runs/first` runs in a folder that has them.
    """
    monkeypatch.chdir(tmp_path)
    if needs_a_workspace(text):
        request.getfixturevalue("workspace")
    names = {"alexnet": alexnet, **vars(import_module(holder.dotted))}
    test = doctest.DocTestParser().get_doctest(text, names, holder.dotted, holder.path, line)
    assert test.examples
    told: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).run(test, out=told.append)
    assert told == []


def test_examples_are_found_wherever_they_stand() -> None:
    text = "'>>> 1'\ndef _own():\n  '>>> 2'\nLIMIT = 3\n'>>> 3'\nclass Kept:\n  x = 1\n  '>>> 4'\n"
    assert [line for line, _ in examples(module("a.py", text))] == [1, 5, 3, 8]
    assert len(EXAMPLES) > 15
