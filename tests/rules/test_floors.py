"""Who may do what: only the command line prints and exits, and a file's name tells what is in it.

That imports point downward only is checked by import-linter in `make check`; its contracts are in pyproject.toml.
"""

import ast
import re
from collections import Counter

import pytest

from tests.rules.source import Module, module, modules

ENDS_THE_PROCESS = {"print", "exit", "quit", "breakpoint", "input", "sys.exit", "os._exit", "os.abort"}
TERMINAL = {"rich", "typer", "click"}


def speaks(holder: Module) -> list[str]:
    """Where a module writes to the terminal or ends the process."""
    lines = []
    for node in ast.walk(holder.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ENDS_THE_PROCESS:
            lines.append((node.lineno, ast.unparse(node.func)))
        elif isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in {
            "SystemExit", "sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__",
        }:  # fmt: skip
            lines.append((node.lineno, ast.unparse(node)))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            lines += [(node.lineno, name) for name in names if name.split(".")[0] in TERMINAL]
    return [f"{holder.path}:{line} {what}" for line, what in lines]


def test_only_the_command_line_prints_and_exits() -> None:
    assert [line for holder in modules() if not holder.is_in_cli for line in speaks(holder)] == []
    assert any(speaks(holder) for holder in modules() if holder.is_in_cli), "the rule sees nothing"


@pytest.mark.parametrize(
    "line",
    ["print('done')", "import sys; sys.exit(2)", "raise SystemExit", "from rich.table import Table", "import typer",
     "import sys; sys.stderr.write('done')", "exit()"],
)  # fmt: skip
def test_printing_and_exiting_are_seen(line: str) -> None:
    assert len(speaks(module("export.py", f"def save():\n    {line}\n"))) == 1


RUN = re.compile(r"^(self\.)?run(\.path|\.folder\.path)?$")


def joins_within_a_run(holder: Module) -> list[str]:
    """Where a module appends a name to the path of a run's folder."""
    return [
        f"{holder.path}:{node.lineno} {ast.unparse(node)}"
        for node in ast.walk(holder.tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and RUN.match(ast.unparse(node.left))
    ]


def test_only_the_run_folder_knows_where_a_file_of_a_run_is() -> None:
    assert [
        line for holder in modules() if holder.path != "run_folder.py" for line in joins_within_a_run(holder)
    ] == []
    assert joins_within_a_run(module("cli/a.py", "path = out or run / 'figures' / name")) != []


def test_no_two_modules_share_a_name() -> None:
    """A command's file is named after the command, and may be called like the module that it calls."""
    library = Counter(
        name for holder in modules() if not holder.is_in_cli and (name := holder.path.split("/")[-1]) != "__init__.py"
    )
    assert {name: count for name, count in library.items() if count > 1} == {}
    assert library["run.py"] == 1, "the rule sees nothing"
