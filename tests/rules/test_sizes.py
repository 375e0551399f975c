"""Files and functions stay short, and nothing unfinished is left in them."""

import re
from statistics import median, quantiles

from tests.rules.source import Function, functions, module, modules

LIMIT = 60
"""Lines of the longest function, without its docstring."""


def too_long(every: list[Function]) -> list[str]:
    """Functions over their limit."""
    return [
        f"{function.path}:{function.line} {function.name} has {function.num_lines} lines"
        for function in every
        if function.num_lines > LIMIT
    ]


def test_functions_stay_short() -> None:
    every = [function for holder in modules() for function in functions(holder)]
    assert too_long(every) == []
    lengths = [function.num_lines for function in every]
    assert median(lengths) <= 10
    assert quantiles(lengths, n=10)[-1] <= 35


def test_files_stay_short() -> None:
    lengths = {holder.path: len(holder.text.splitlines()) for holder in modules()}
    assert {path: lines for path, lines in lengths.items() if lines > 400} == {}
    assert median(lengths.values()) <= 200


def test_namesakes_and_signatures_count() -> None:
    """Two functions of one name are both measured, with their signatures and without their docstrings."""
    signature = "def run(\n" + "    a,\n" * 59 + "): pass\n"
    text = f"{signature}class Other:\n    def run(self):\n        '''One.\n\n        Two.'''\n        return 1\n"
    measured = list(functions(module("file.py", text)))
    assert [(function.name, function.line, function.num_lines) for function in measured] == [
        ("run", 1, 61),
        ("Other.run", 63, 2),
    ]
    assert too_long(measured) == ["file.py:1 run has 61 lines"]


def test_nothing_unfinished_is_left() -> None:
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    assert [holder.path for holder in modules() if marks.search(holder.text)] == []
