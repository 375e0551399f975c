"""Files to keep of a comparison: its figures as PNG or SVG, its numbers as CSV."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.csv_files import to_csv
from alexnet.errors import RunError
from alexnet.studio.answers import NotHereError
from alexnet.studio.opened_runs import finished_run
from alexnet.studio.run_files import as_file, figure_file, require_format

if TYPE_CHECKING:
    from alexnet.runs.compare import Comparison
    from alexnet.runs.run import Run

__all__ = ["ROUTES", "compared_runs"]

MOST_RUNS = 3

SCORES = ("top1_error", "num_mistakes", "num_images", "seconds", "images_per_second")


def compared_runs(request: Request) -> "tuple[list[str], list[Run]]":
    """The runs that `run` names, given twice or three times, and their names.

    Raises:
        NotHereError, RunError: there are none of these names, or too few or too many.
    """
    names = request.query_params.getlist("run")
    if not 2 <= len(names) <= MOST_RUNS:
        raise RunError("compare: choose two or three runs")
    return names, [finished_run(request, name) for name in names]


def figure(request: Request) -> Response:
    """The curves of the runs, or the matched kernels of the first two, see `figure_file`."""
    import alexnet

    name = request.path_params["figure"]
    if name not in ("curves", "kernels"):
        raise NotHereError("there is no such figure; choose one of curves, kernels")
    require_format(request)
    names, runs = compared_runs(request)
    sheet = alexnet.draw_comparison(runs) if name == "curves" else alexnet.draw_kernel_pairs(runs[0], runs[1])
    return figure_file(request, sheet, f"{'-'.join(names)}-{name}")


def table(request: Request) -> Response:
    """A table of the comparison as a CSV file."""
    import alexnet

    kind = request.path_params["table"]
    if kind not in TABLES:
        raise NotHereError(f"there is no such table; choose one of {', '.join(TABLES)}")
    names, runs = compared_runs(request)
    rows = TABLES[kind](names, alexnet.compare_runs(runs), runs)
    return as_file(to_csv(rows), f"{'-'.join(names)}-{kind}.csv")


Rows = Iterable[Sequence[Any]]


def _scores(names: Sequence[str], compared: "Comparison", _: "Sequence[Run]") -> Rows:
    yield "run", SCORES[0], "top1_error_low", "top1_error_high", *SCORES[1:]
    for name, score in zip(names, compared.scores, strict=True):
        yield name, score[SCORES[0]], *score["top1_interval"], *(score[column] for column in SCORES[1:])


def _settings(names: Sequence[str], compared: "Comparison", _: "Sequence[Run]") -> Rows:
    yield "setting", *names
    for setting, values in compared.settings.items():
        yield setting, *(value if value is None else str(value) for value in values)


def _images(names: Sequence[str], compared: "Comparison", runs: "Sequence[Run]") -> Rows:
    known = {str(run.path): name for name, run in zip(names, runs, strict=True)}
    yield "before", "after", "change", "file"
    for each in compared.differences:
        for change, files in (("fixed", each.fixed), ("broken", each.broken)):
            yield from ((known[each.before], known[each.after], change, file) for file in files)


def _epochs(names: Sequence[str], _: "Comparison", runs: "Sequence[Run]") -> Rows:
    columns = ("epoch", "train_top1_error", "validation_top1_error", "test_top1_error")
    yield "run", *columns
    for name, run in zip(names, runs, strict=True):
        for epoch in run.folder.epochs:
            yield name, *(getattr(epoch, column) for column in columns)


def _kernels(names: Sequence[str], _: "Comparison", runs: "Sequence[Run]") -> Rows:
    from alexnet.runs.matched_kernels import match_first_layers

    yield "before", "after", "kernel_before", "kernel_after", "correlation"
    for name, run in zip(names[1:], runs[1:], strict=True):
        for pair in match_first_layers(runs[0], run).pairs:
            yield names[0], name, pair.first, pair.second, pair.correlation


TABLES: Mapping[str, Callable[[Sequence[str], "Comparison", "Sequence[Run]"], Rows]] = {
    "scores": _scores,
    "settings": _settings,
    "images": _images,
    "epochs": _epochs,
    "kernels": _kernels,
}

ROUTES: list[BaseRoute] = [
    Route("/api/compare/figures/{figure}", figure),
    Route("/api/compare/tables/{table}", table),
]
