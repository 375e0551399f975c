"""`alexnet compare`: runs side by side."""

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import alexnet
from alexnet.cli.options import Json
from alexnet.cli.page_or_figure import print_written
from alexnet.cli.scores import interval_text
from alexnet.cli.screen import percent, screen

if TYPE_CHECKING:
    from alexnet.runs.compare import Comparison
    from alexnet.runs.matched_kernels import MatchedKernels

__all__ = ["compare"]


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders, two or more.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Page (.html) or figure to write.")] = Path(
        "comparison.html"
    ),
    published: Annotated[bool, typer.Option("--published", help="Add the published results.")] = False,
    as_json: Json = False,
) -> None:
    """Compare runs: scores, settings, fixed and new mistakes.

    The page also shows their curves and the kernels of the first layer.
    """
    comparison = alexnet.compare_runs(runs, published=published)
    page = alexnet.write_comparison(runs, out, published=published)
    _show_scores(comparison)
    for difference in comparison.differences:
        screen.print(str(difference))
    _show_published(comparison)
    matched = _matched(runs)
    for pairs in matched:
        screen.print(str(pairs))
    print_written([page], comparison.to_dict() | {"kernel_pairs": [pairs.to_dict() for pairs in matched]})


def _matched(runs: list[Path]) -> list["MatchedKernels"]:
    """The kernels of each run matched with those of the next, as the page shows them."""
    return [alexnet.match_first_layers(*pair) for pair in pairwise(map(alexnet.open_run, runs))]


def _show_scores(comparison: "Comparison") -> None:
    rows = [
        (s["run"], percent(s["top1_error"]), interval_text(s["top1_interval"]),
         f"{s['num_mistakes']} of {s['num_images']}", _rounded(s["seconds"]), _rounded(s["images_per_second"]))
        for s in comparison.scores
    ]  # fmt: skip
    screen.table(["run", "test error", "95 % interval", "mistakes", "seconds", "images/s"], rows, right=(1, 4, 5))
    settings = ((field, *map(str, values)) for field, values in comparison.settings.items())
    screen.table(["setting", *comparison.runs], settings)


def _rounded(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _show_published(comparison: "Comparison") -> None:
    """The published results beside those of the runs, and whether they can be compared."""
    published = comparison.published
    if published is None:
        return
    rows = [
        (row.run, row.test_set, row.views, row.num_networks, percent(row.top1_error), percent(row.top5_error))
        for row in published.ours + published.results
    ]
    screen.table(["result", "test set", "views", "networks", "top-1 error", "top-5 error"], rows, right=(3, 4, 5))
    for row, reason in zip(published.ours, published.reasons, strict=True):
        screen.print(f"{row.run}: {reason}")
