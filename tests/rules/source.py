"""The package's modules as the rules read them: found in the tree, parsed once, never listed by hand."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "alexnet"


@dataclass(frozen=True)
class Module:
    """A file of the package. path: below the package, with slashes."""

    path: str
    text: str
    tree: ast.Module

    @property
    def dotted(self) -> str:
        """The name to import it by."""
        parts = ["alexnet", *self.path.removesuffix(".py").split("/")]
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def is_in_cli(self) -> bool:
        """Whether it belongs to the command line."""
        return self.path.startswith("cli/")


@dataclass(frozen=True)
class Function:
    """A function or method wherever it stands, also inside another. num_lines: signature and body, no docstring."""

    path: str
    name: str
    line: int
    num_lines: int


@cache
def modules() -> tuple[Module, ...]:
    """Every file of the package."""
    files = sorted(PACKAGE.rglob("*.py"))
    return tuple(module(path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8")) for path in files)


def module(path: str, text: str) -> Module:
    """A file from its text."""
    return Module(path, text, ast.parse(text, path))


def functions(holder: Module) -> Iterator[Function]:
    """Every function of a file under its qualified name."""
    yield from _functions(holder.tree, holder.path, "")


def _functions(node: ast.AST, path: str, prefix: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        name = prefix
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{child.name}."
            if not isinstance(child, ast.ClassDef):
                yield Function(path, name[:-1], child.lineno, _num_lines(child))
        yield from _functions(child, path, name)


def _num_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = _length(function)
    return lines - _length(function.body[0]) if ast.get_docstring(function) is not None else lines


def _length(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1
