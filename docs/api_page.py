"""docs/api.md: every public name of the library with its signature, its docstring and its example."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import jaxtyping

import alexnet

Node = TypeVar("Node", bound=ast.AST)

__all__ = ["api_page", "docstring_to_markdown", "signature_of"]

LISTS = ("Args", "Raises", "Attributes")
"""Sections of a docstring whose entries become a list."""

WIDTH = 100
"""Characters above which a signature gets one line for each argument."""


TOPICS = {
    "Training": ("training",),
    "Results of a run": ("runs", "report", "evaluation", "export", "figures"),
    "Looking inside a network": ("inspection",),
    "Convolution": ("convolution",),
    "Images": ("data", "practice"),
    "Networks and recipes": ("model", "recipe", "presets"),
}
"""Heading of the table → rooms whose names stand there; all other names stand under "More"."""


def api_page() -> str:
    """The page as Markdown."""
    names = sorted(alexnet.__all__, key=str.lower)
    lines = [
        "# Python API",
        "",
        "Every public name of `alexnet`. Whatever a command does is one of these calls. Figures are matplotlib's.",
        "The examples run as printed in a folder with `images/` (class folders), `photo.jpg` and a finished run",
        "`runs/first`. (Written by `make docs`.)",
        "",
    ]
    for topic in (*TOPICS, "More"):
        chosen = [name for name in names if _topic(name) == topic]
        lines += [f"| {topic} | |", "|---|---|"]
        lines += [f"| [`{name}`](#{name.lower()}) | {_summary(getattr(alexnet, name))} |" for name in chosen]
        lines.append("")
    for name in names:
        lines += [f"## {name}", "", *_entry(name, getattr(alexnet, name))]
    lines += [
        "# Result types",
        "",
        "What the calls above return. They are frozen: their values cannot be changed.",
        "",
    ]
    for cls in _result_types(names):
        lines += [f"## {cls.__name__}", "", *_entry(cls.__name__, cls)]
    return "\n".join(lines).rstrip() + "\n"


def _topic(name: str) -> str:
    room = _module_of(name).split(".")[1]
    return next((topic for topic, rooms in TOPICS.items() if room in rooms), "More")


def _module_of(name: str) -> str:
    """The module that a public name comes from, by the package's list of names."""
    stub = (Path(alexnet.__file__).with_suffix(".pyi")).read_text(encoding="utf-8")
    match = re.search(rf"^from (\S+) import {name} ", stub, re.MULTILINE)
    assert match, name
    return match[1]


def _summary(value: Any) -> str:
    """One line for the table: a docstring's first paragraph, or what a constant holds."""
    if isinstance(value, dict | tuple):
        return f"A {type(value).__name__}: {', '.join(value)}."
    return " ".join((inspect.getdoc(value) or "").split("\n\n", 1)[0].split()).replace("|", "\\|")


def _entry(name: str, value: Any) -> Iterator[str]:
    """The lines below a name's heading."""
    if inspect.isclass(value):
        if fields := list(_fields(value)):
            yield from ("```python", *fields, "```", "")
        yield from (*docstring_to_markdown(inspect.getdoc(value) or ""), "")
        yield from _members(value)
    elif inspect.isroutine(value):
        yield from ("```python", signature_of(value, name), "```", "")
        yield from (*docstring_to_markdown(inspect.getdoc(value) or ""), "")
    else:
        yield from (_summary(value), "")


def _fields(cls: type) -> Iterator[str]:
    """Fields of a dataclass, as its source has them."""
    if hasattr(cls, "__dataclass_fields__"):
        for node in _parsed(cls, ast.ClassDef).body:
            if isinstance(node, ast.AnnAssign) and not ast.unparse(node.target).startswith("_"):
                yield f"{ast.unparse(node.target)}: {_type(node.annotation)}"


def _members(cls: type) -> Iterator[str]:
    """Methods and properties that the class itself defines and describes."""
    for name, member in list(vars(cls).items()):  # asking a record of pydantic may add to them
        function, is_value = _function_of(member)
        if name.startswith(("_", "model_")) or not inspect.isfunction(function) or not inspect.getdoc(function):
            continue
        signature = signature_of(function, name)
        shown = f"{name}: {signature.rpartition(' -> ')[2]}" if is_value else signature
        yield from (f"### {cls.__name__}.{name}", "", "```python", shown, "```", "")
        yield from (*docstring_to_markdown(inspect.getdoc(function) or ""), "")


def _function_of(member: Any) -> tuple[Any, bool]:
    """The function behind a member of a class, and whether it is read like a value."""
    for attribute, is_value in (("fget", True), ("func", True), ("__func__", False)):
        if hasattr(member, attribute) and not inspect.isfunction(member):
            return getattr(member, attribute), is_value
    return member, False


def _parsed(value: Any, kind: type[Node]) -> Node:
    """The definition of a function or class, from its source."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(value)))
    node = ast.parse(source).body[0]
    assert isinstance(node, kind)
    return node


class _Unquoted(ast.NodeTransformer):
    """Forward references without their quotes; the words of a `Literal` and jaxtyping's shapes keep theirs."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        name = ast.unparse(node.value)
        return node if name in ("Literal", "Annotated") or hasattr(jaxtyping, name) else self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.parse(node.value, mode="eval").body if isinstance(node.value, str) else node


def _type(annotation: ast.expr) -> str:
    return ast.unparse(_Unquoted().visit(annotation)).replace("'", '"')


def signature_of(function: Any, name: str) -> str:
    """A function's signature as its source has it, with its public name."""
    node = _parsed(function, ast.FunctionDef)
    parts = [part for part in _arguments(node.args) if part not in ("self", "cls")]
    returns = f" -> {_type(node.returns)}" if node.returns else ""
    line = f"{name}({', '.join(parts)}){returns}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){returns}"])


def _arguments(arguments: ast.arguments) -> Iterator[str]:
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = len(positional) - len(arguments.defaults)
    for index, argument in enumerate(positional):
        yield _argument(argument, arguments.defaults[index - missing] if index >= missing else None)
    if arguments.vararg:
        yield f"*{_argument(arguments.vararg, None)}"
    elif arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _argument(argument, default)
    if arguments.kwarg:
        yield f"**{_argument(arguments.kwarg, None)}"


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    text = argument.arg + (f": {_type(argument.annotation)}" if argument.annotation else "")
    if default is None:
        return text
    value = ast.unparse(default).replace("'", '"')
    return f"{text} = {value}" if argument.annotation else f"{text}={value}"


def _result_types(names: Iterable[str]) -> list[type]:
    """Classes of this library that public calls return and that are not public names themselves."""
    public = [getattr(alexnet, name) for name in names]
    members = [_function_of(member)[0] for cls in public if inspect.isclass(cls) for member in vars(cls).values()]
    classes: dict[str, type] = {}
    for function in (*public, *members):
        if not inspect.isfunction(function) or function.__name__.startswith("_"):
            continue
        returns = _parsed(function, ast.FunctionDef).returns
        for name in re.findall(r"\w+", _type(returns)) if returns else ():
            value = inspect.unwrap(function).__globals__.get(name)
            if inspect.isclass(value) and value.__module__.startswith("alexnet.") and value not in public:
                classes[name] = value
    return [classes[name] for name in sorted(classes, key=str.lower)]


def docstring_to_markdown(docstring: str) -> list[str]:
    """A docstring's lines as Markdown: sections as lists, examples as code."""
    lines: list[str] = []
    for block in re.split(r"\n\s*\n", inspect.cleandoc(docstring)):
        heading, _, body = block.partition(":\n")
        if block.startswith(">>>"):
            if lines[-2:] == ["```", ""]:  # examples that follow each other are one
                lines[-2:] = [""]
            else:
                lines.append("```python")
            lines += [*block.splitlines(), "```", ""]
        elif heading in LISTS:
            lines += [f"**{heading}**", "", *_entries(body), ""]
        elif heading == "Returns":
            lines += [f"**{heading}**", "", *textwrap.dedent(body).splitlines(), ""]
        else:
            lines += [*block.splitlines(), ""]
    return lines[:-1]


def _entries(body: str) -> Iterator[str]:
    """`name: text` entries of a section as a list; a deeper line continues the entry above it."""
    for line in textwrap.dedent(body).splitlines():
        name, colon, text = line.partition(":")
        if line.startswith(" "):
            yield f"  {line.strip()}"
        else:
            yield f"- `{name}`:{text}" if colon else f"- {line}"
