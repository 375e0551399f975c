"""Files to keep of a finished run: its tables as CSV, its figures as PNG or SVG."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.csv_files import prediction_rows, to_csv
from alexnet.errors import AlexNetError
from alexnet.files import shown_name
from alexnet.studio.answers import NotHereError
from alexnet.studio.opened_runs import finished_run, using_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alexnet.runs.run import Run

__all__ = ["ROUTES", "as_file", "decisions"]

TYPES: Mapping[str, str] = {"png": "image/png", "svg": "image/svg+xml", "csv": "text/csv; charset=utf-8"}

Rows = Iterable[Sequence[Any]]


def as_file(data: bytes | str, name: str) -> Response:
    """An answer that a browser saves under a name; its ending says what it is.

    Characters that mean something in a header or a path are replaced.
    """
    safe = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]', "_", shown_name(name)).lstrip(".")
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", safe)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"
    kind = TYPES[safe.rpartition(".")[2]]
    return Response(data, media_type=kind, headers={"content-disposition": disposition})


def decisions(run: "Run") -> dict[str, Any]:
    """The last decision about each file that the corrections of the run's folder name."""
    import alexnet

    try:
        lines = alexnet.read_corrections(alexnet.corrections_path(run.about.data.path))
    except AlexNetError:
        return {}
    return {shown_name(line.file): {"action": line.action, "to": shown_name(line.to)} for line in lines}


# --- tables
def table(request: Request) -> Response:
    """A table of the run as a CSV file."""
    name, kind = request.path_params["name"], request.path_params["table"]
    if kind not in TABLES:
        raise NotHereError(f"there is no such table; choose one of {', '.join(TABLES)}")
    return as_file(to_csv(TABLES[kind](finished_run(request, name))), f"{name}-{kind}.csv")


def _mistakes(run: "Run") -> Rows:
    columns = ("file", "true", "predicted", "probability", "margin", "loss")
    decided = decisions(run)
    yield *columns, "decision", "to"
    for each in run.mistakes():
        line = decided.get(shown_name(each.file), {})
        yield *(getattr(each, column) for column in columns), line.get("action"), line.get("to")


def _confusion(run: "Run") -> Rows:
    evaluation = run.evaluation
    yield "true", *(f"predicted {name}" for name in evaluation.classes)
    for name, row in zip(evaluation.classes, evaluation.confusion, strict=True):
        yield name, *row


def _classes(run: "Run") -> Rows:
    columns = ("name", "num_images", "num_predicted", "num_correct", "recall", "precision")
    yield columns
    for each in run.evaluation.per_class:
        yield [getattr(each, column) for column in columns]


TABLES: Mapping[str, Callable[["Run"], Rows]] = {
    "mistakes": _mistakes,
    "predictions": lambda run: prediction_rows(run.predictions),
    "confusion": _confusion,
    "classes": _classes,
}


# --- figures
def figure(request: Request) -> Response:
    """A figure of the run as PNG, or with `format=svg` as SVG; with `download` as a file to keep.

    With `theme=dark` it is drawn for a dark page.
    """
    import alexnet
    from alexnet.figures.canvas import png_bytes, svg_text
    from alexnet.figures.dark import darken

    drawings: dict[str, Callable[[Run], Figure]] = {
        "curves": lambda run: run.curves(),
        "calibration": lambda run: alexnet.calibrate(run).draw(),
        "kernels": lambda run: run.draw_kernels(),
        "kernel-change": alexnet.draw_kernel_change,
        "kernel-kinds": alexnet.draw_first_layer,
        "orientations": alexnet.draw_orientations,
    }
    name, kind = request.path_params["figure"], request.query_params.get("format", "png")
    if name not in drawings:
        raise NotHereError(f"there is no such figure; choose one of {', '.join(drawings)}")
    if kind not in ("png", "svg"):
        raise NotHereError("there is no such format; choose png or svg")
    with using_run(request, is_slow=True) as run:
        sheet = drawings[name](run)
        if request.query_params.get("theme") == "dark":
            darken(sheet)
        data = svg_text(sheet) if kind == "svg" else png_bytes(sheet)
    if "download" in request.query_params:
        return as_file(data, f"{request.path_params['name']}-{name}.{kind}")
    return Response(data, media_type=TYPES[kind])


ROUTES: list[BaseRoute] = [
    Route("/api/runs/{name}/tables/{table}", table),
    Route("/api/runs/{name}/figures/{figure}", figure),
]
