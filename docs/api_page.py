"""docs/api.md: every public name of the library with its signature, its docstring and its example."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

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
    "Results of a run": ("runs", "evaluation", "export"),
    "Looking inside a network": ("inspection",),
    "Pages and figures": ("report", "figures"),
    "Convolution": ("convolution",),
    "Images and labels": ("data", "practice"),
    "Questions about the images": ("audit",),
    "Networks and recipes": ("model", "recipe", "presets"),
}
"""Heading of the table → rooms whose names stand there; all other names stand under "More"."""


CONSTANTS = {
    "PRESETS": "The recipes with a name, by name",
    "SOCCER_CLASSES": "The classes that `draw_soccer_images` draws",
    "VARIANTS": "The tables of the networks that are called AlexNet, by name; see [variants.md](variants.md)",
}
"""What a public constant holds."""

ARGUMENTS = {
    "RunLike": "a `Run`, or the path of a run folder",
    "Model": "a run as above, or a network: a `Classifier`, such as `Run.model` or what `wrap_network` returns",
    "ImageLike": "the path of an image file, or a decoded image, uint8 [size, size, 3], RGB",
    "Pixels": "a decoded image, uint8 [H, W, 3], RGB",
    "Paths": "one path, or several",
    "Units": "units to switch off: their numbers by layer, None for all of a layer; or text such as `conv1/5,conv3`",
    "Array": "a NumPy array",
    "Count, Number, Fraction, NotNegative": "an integer >= 0; a float; a float from 0 to 1; a float >= 0",
    "SplitName, TarName, Checksum": "`train`, `validation` or `test`; a file's name; 64 hexadecimal digits",
    "Name, Classes": "a text; the names of classes, in the order of the network's outputs",
    "Errors": "top-1 and top-5 error",
    "NetworkSpec": "a network's table, as in `VARIANTS`",
    "ImageSource": "where the files of a folder or archive come from",
    "Stage": "what a figure shows of a layer",
    "DecodedImages": "the decoded images of a folder, memory-mapped",
    "Course": "what curves are drawn from",
    "TestedRun": "a `Run`",
    "Color": "three numbers: red, green, blue",
    "Progress": "a function that is called with two counts, as the call says",
    "Listener": "a function that is called with each event of a training: a step, an epoch, or a line of text",
    "Size, Border, Operation, Method": "words, see [`convolve2d`](#convolve2d)",
    "KernelScale": "`common` (one color scale for all kernels) or `own` (each kernel's)",
    "MistakeOrder": "`confidence` or `pair`, see [`Run.mistakes`](#runmistakes)",
}
"""Names of types in signatures, in words."""


def api_page() -> str:
    """The page as Markdown."""
    names = sorted(alexnet.__all__, key=str.lower)
    lines = [
        "# Python API",
        "",
        "Every public name of `alexnet`; whatever a command does is one of these calls. The examples run as printed",
        "after `import alexnet`, in a folder with `images/` (class folders), `photo.jpg` and a finished run",
        "`runs/first`. A `Figure` is matplotlib's; an error that you can correct is an `AlexNetError`. (Written by",
        "`make docs`.)",
        "",
    ]
    for topic in (*TOPICS, "More"):
        chosen = [name for name in names if _topic(name) == topic]
        lines += [f"| {topic} | |", "|---|---|"]
        lines += [f"| [`{name}`](#{name.lower()}) | {_summary(name, getattr(alexnet, name))} |" for name in chosen]
        lines.append("")
    lines += ["Names of types in the signatures:", "", "| type | meaning |", "|---|---|"]
    lines += [f"| `{'`, `'.join(name.split(', '))}` | {meaning} |" for name, meaning in ARGUMENTS.items()]
    lines.append("")
    for name in names:
        lines += [f"## {name}", "", *_entry(name, getattr(alexnet, name))]
    lines += [
        "# Result types",
        "",
        "What the calls above return, and the parts of it. Values cannot be changed; `to_dict()` gives plain data.",
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


def _summary(name: str, value: Any) -> str:
    """One line for the table: a docstring's first paragraph, or what a constant holds."""
    if isinstance(value, dict | tuple):
        return f"{CONSTANTS[name]}: {', '.join(f'`{each}`' for each in value)}."
    return " ".join((inspect.getdoc(value) or "").split("\n\n", 1)[0].split()).replace("|", "\\|")


def _entry(name: str, value: Any) -> Iterator[str]:
    """The lines below a name's heading."""
    if inspect.isclass(value):
        if fields := list(_fields(value)):
            yield from ("```python", *fields, "```", "")
        lines = docstring_to_markdown(inspect.getdoc(value) or "")
        yield from (*("**Fields**" if line == "**Args**" else line for line in lines), "")
        yield from _members(value)
    elif inspect.isroutine(value):
        yield from ("```python", signature_of(value, name), "```", "")
        yield from (*docstring_to_markdown(inspect.getdoc(value) or ""), "")
    else:
        yield from (_summary(name, value), "")


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
    """Types without quotes and without the limits of `Annotated`; words of `Literal` and shapes keep their quotes."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        name = ast.unparse(node.value)
        if name == "Annotated" and isinstance(node.slice, ast.Tuple):
            return cast(ast.AST, self.visit(node.slice.elts[0]))
        return node if name == "Literal" or hasattr(jaxtyping, name) else self.generic_visit(node)

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
    """Classes of this library that public calls return or these hold, and that are not public names themselves."""
    public = [getattr(alexnet, name) for name in names]
    classes: dict[str, type] = {}
    waiting = list(public)
    while waiting:
        for cls in _classes_in(waiting.pop()):
            if cls not in public and cls.__name__ not in classes:
                classes[cls.__name__] = cls
                waiting.append(cls)
    return [classes[name] for name in sorted(classes, key=str.lower)]


def _classes_in(value: Any) -> Iterator[type]:
    """Classes of this library that a function returns, or that a class's methods return and its fields hold."""
    members = (
        [_function_of(member)[0] for member in dict(vars(value)).values()] if inspect.isclass(value) else [value]
    )
    functions = [member for member in members if inspect.isfunction(member)]
    texts: list[tuple[Any, str]] = [
        (function, _type(returns)) for function in functions if (returns := _returns(function))
    ]
    if inspect.isclass(value):
        texts += [(value, field.partition(": ")[2]) for field in _fields(value)]
    for owner, text in texts:
        names = vars(inspect.getmodule(inspect.unwrap(owner)))
        for cls in (names.get(name) for name in re.findall(r"\w+", text)):
            if inspect.isclass(cls) and cls.__module__.startswith("alexnet.") and cls.__name__ not in ARGUMENTS:
                yield cls


def _returns(function: Any) -> ast.expr | None:
    """What a public function or an index gives."""
    is_public = not function.__name__.startswith("_") or function.__name__ == "__getitem__"
    return _parsed(function, ast.FunctionDef).returns if is_public else None


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
