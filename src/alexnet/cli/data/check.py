"""`alexnet data check`: what is in a folder of images."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import alexnet
from alexnet.cli.options import (
    Corrections,
    Csv,
    Data,
    Json,
    check_figure,
    corrected,
    count_corrections,
    write_results,
)
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import screen
from alexnet.errors import DataError

if TYPE_CHECKING:
    from alexnet.data.check import FolderReport

__all__ = ["check"]

MOST_NAMED = 8
"""Files that are named for each problem; `--all` and `--json` name every one."""


def check(
    data: Data,
    every: Annotated[bool, typer.Option("--all", help="List every file.")] = False,
    near: Annotated[bool, typer.Option("--near/--no-near", help="Look for near duplicates; on by default.")] = True,
    corrections: Corrections = None,
    csv: Csv = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            callback=check_figure,
            help="Figure of near duplicates to write: .png, .svg, .pdf.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a folder of images and list its problems.

    Every file is opened. The table shows classes, counts and sizes; below it are the problems, by file.
    """
    if out is not None and not near:
        raise DataError("data check: --out draws near duplicates; leave out --no-near")
    folder = corrected(data, corrections, min_classes=1, show_notes=False)
    with ProgressDisplay() as display:
        report = alexnet.check_folder(
            folder, near_duplicates=near, on_progress=display.count("decoding"),
            on_comparing=display.count("comparing"),
        )  # fmt: skip
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
    _show_near(report, None if every else MOST_NAMED)
    for note in report.notes:
        screen.print(note)
    if not report.oddities and not report.near_duplicates:
        screen.print("no problems")
    if out is not None and not report.near_duplicates:
        screen.note(f"{out} is not written: no images are nearly identical, so there is nothing to draw")
        out = None
    write_results(report, csv, out)
    screen.print_json(report.to_dict() | count_corrections(folder))


def _show_near(report: "FolderReport", most: int | None) -> None:
    for kind in ("across classes", "across the split", "within class"):
        pairs = [pair for pair in report.near_duplicates if pair.kind == kind]
        if pairs:
            names = tuple(f"{pair.a} ~ {pair.b} (distance {pair.distance:.3f})" for pair in pairs[:most])
            _show_problem(f"nearly identical {kind}", names, len(pairs), {})


def _show_problem(kind: str, names: tuple[str, ...], count: int, details: Mapping[str, str]) -> None:
    screen.print(f"{kind}: {count}")
    for name in names:
        screen.print(f"    {name}{f' ({details[name]})' if name in details else ''}")
    if count > len(names):
        screen.print(f"    and {count - len(names)} more (--all)")
