"""Everything that a command does is a call of the public API; the list is derived from the commands themselves."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import alexnet
from tests.rules.source import PACKAGE, ROOT, Module, module, modules

PLAIN = {
    "errors",
    "figures.file_kinds",
    "files",
    "geometry",
    "presets",
    "published",
    "recipe",
    "recipe_file",
    "records",
    "run_folder",
    "safe_name",
    "training.events",
}
"""Modules of plain values, which a command may use without a call of the library."""

COMMANDS = [holder for holder in modules() if holder.is_in_cli]
STUB = PACKAGE / "__init__.pyi"


def uses_of_library(holder: Module) -> Iterator[str]:
    """Names that a file takes from `alexnet` itself: `alexnet.NAME`, and `from alexnet import NAME`."""
    for node in ast.walk(holder.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "alexnet":
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and node.module == "alexnet":
            yield from (alias.name for alias in node.names)


def imported_rooms(holder: Module) -> Iterator[str]:
    """Modules of the library that a file imports when it runs, below `alexnet`; types alone do not count."""
    for node in _running(holder.tree):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name.removeprefix("alexnet.") for name in names if name.startswith("alexnet."))
        if isinstance(node, ast.ImportFrom) and node.module == "alexnet.training":
            yield from (f"training.{alias.name}" for alias in node.names)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _running(child)


@pytest.mark.parametrize("holder", COMMANDS, ids=[holder.path for holder in COMMANDS])
def test_command_uses_public_names_only(holder: Module) -> None:
    private = [name for name in uses_of_library(holder) if name not in alexnet.__all__]
    assert private == []
    rooms = {name for name in imported_rooms(holder) if not name.startswith("cli.")} - {"training"}
    assert rooms - PLAIN == set()


def test_commands_are_found_and_call_the_library() -> None:
    used = {name for holder in COMMANDS for name in uses_of_library(holder)}
    assert len(COMMANDS) > 25
    assert {"train", "resume", "evaluate", "predict", "open_run", "apply_kernel", "draw_soccer_images"} <= used


def test_a_private_call_is_seen() -> None:
    text = "import alexnet\nfrom alexnet.runs.run import Run\nalexnet.secret()\nfrom alexnet import hidden"
    holder = module("cli/a.py", text)
    assert list(uses_of_library(holder)) == ["hidden", "secret"] or set(uses_of_library(holder)) == {
        "secret",
        "hidden",
    }
    assert list(imported_rooms(holder)) == ["runs.run"]
    typed = module("cli/a.py", "if TYPE_CHECKING:\n    from alexnet.runs.run import Run")
    assert list(imported_rooms(typed)) == []


def test_the_stub_names_each_public_name_once_and_where_it_is() -> None:
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    names = [alias.name for node in imports for alias in node.names]
    assert all(len(node.names) == 1 and node.names[0].name == node.names[0].asname for node in imports)
    assert sorted(names) == sorted(set(names)) == alexnet.__all__ == dir(alexnet)
    assert all(getattr(alexnet, name) is not None for name in names)


@pytest.mark.slow
def test_star_import_and_unknown_names() -> None:
    code = "from alexnet import *; assert callable(train) and callable(convolve2d)"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(ImportError, match="cannot import name 'secret'"):
        exec("from alexnet import secret")
    assert not hasattr(alexnet, "__wrapped__")


@pytest.mark.slow
def test_users_code_is_typed(tmp_path: Path) -> None:
    """mypy reads the same list: a wrong argument of a public call is an error in the user's own code.

    It runs in this project's folder, where `make check` has left a cache of all modules.
    """
    script = tmp_path / "mine.py"
    script.write_text(
        "import alexnet\n"
        "run: alexnet.Run = alexnet.open_run('runs/first')\n"
        "alexnet.kernels(run, layer=1)\n"
        "alexnet.nothing\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "mypy", str(script)]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert 'mine.py:3: error: Argument "layer" to "kernels" has incompatible type "int"' in shown
    assert 'mine.py:4: error: Module has no attribute "nothing"' in shown
    assert "mine.py:2" not in shown
