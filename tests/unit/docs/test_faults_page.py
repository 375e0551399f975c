"""The page of faults: every row names tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
HEADINGS = ["What happens", "What the program does", "Exit code", "What to do next", "Test"]


def rows() -> list[list[str]]:
    """The cells of every row of the page's tables, headings left out."""
    lines = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines if line.startswith("|")]
    return [row for row in cells if row != HEADINGS and not set("".join(row)) <= set("-:")]


@cache
def names_in(path: str) -> frozenset[str]:
    """Names of the tests in a file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_at_least_thirty_faults_are_told_whole() -> None:
    assert len(rows()) >= 30
    assert [row for row in rows() if len(row) != len(HEADINGS) or not all(row)] == []


def test_every_fault_is_told_once() -> None:
    faults = [row[0] for row in rows()]
    assert sorted(set(faults)) == sorted(faults)


def test_every_row_names_tests_that_exist() -> None:
    for row in rows():
        named = TEST.findall(row[-1])
        assert named and TEST.sub("", row[-1]).strip(" ,") == "", row
        for path, name in named:
            assert (ROOT / path).is_file(), f"{row[0]}: {path} is not there"
            assert name in names_in(path), f"{row[0]}: {path} has no {name}"


def test_exit_codes_are_those_of_the_program() -> None:
    assert {row[2] for row in rows()} <= {"0", "2", "0 or 2", "130", "137", "130 or 137", "2 or 137"}
