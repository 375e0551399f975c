"""`alexnet data check`: what is in a folder of images."""

from collections.abc import Mapping
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Corrections, Data, Json, corrected
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import screen

__all__ = ["check"]

MOST_NAMED = 8
"""Files that are named for each problem; `--all` and `--json` name every one."""


def check(
    data: Data,
    every: Annotated[bool, typer.Option("--all", help="List every file.")] = False,
    corrections: Corrections = None,
    as_json: Json = False,
) -> None:
    """Check a folder of images and list its problems.

    Every file is opened. The table shows classes, counts and sizes; below it are the problems, by file.
    """
    with ProgressDisplay() as display:
        report = alexnet.check_folder(corrected(data, corrections), on_progress=display.count("decoding"))
    splits = list(report.counts)
    rows = [(name, *(report.counts[split][name] for split in splits)) for name in report.classes]
    rows.append(("total", *(sum(report.counts[split].values()) for split in splits)))
    screen.table(["class", *splits], rows, right=range(1, len(splits) + 1))
    formats = ", ".join(f"{count} {name}" for name, count in report.formats.items())
    screen.print(f"{report.num_images} images ({formats}) in {report.num_files} files")
    for side, (low, middle, high) in (("width", report.widths), ("height", report.heights)):
        screen.print(f"{side}: {low} to {high} px, median {middle}")
    for kind, names in report.oddities.items():
        details = report.depths if kind == "more than 8 bits" else report.left_out
        _show_problem(kind, names if every else names[:MOST_NAMED], len(names), details)
    for note in report.notes:
        screen.print(note)
    if not report.oddities:
        screen.print("no problems")
    screen.print_json(report.to_dict())


def _show_problem(kind: str, names: tuple[str, ...], count: int, details: Mapping[str, str]) -> None:
    screen.print(f"{kind}: {count}")
    for name in names:
        screen.print(f"    {name}{f' ({details[name]})' if name in details else ''}")
    if count > len(names):
        screen.print(f"    and {count - len(names)} more (--all)")
