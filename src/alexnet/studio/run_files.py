"""Files to keep of a finished run: its tables as CSV, its figures as PNG or SVG."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.csv_files import to_csv
from alexnet.files import shown_name
from alexnet.studio.answers import NotHereError
from alexnet.studio.opened_runs import using_run
from alexnet.studio.run_tables import TABLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alexnet.runs.run import Run

__all__ = ["ROUTES", "as_file", "figure_file", "require_format"]

TYPES: Mapping[str, str] = {"png": "image/png", "svg": "image/svg+xml", "csv": "text/csv; charset=utf-8"}


def as_file(data: bytes | str, name: str) -> Response:
    """An answer that a browser saves under a name; its ending says what it is.

    Characters that mean something in a header or a path are replaced.
    """
    safe = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]', "_", shown_name(name)).lstrip(".")
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", safe)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"
    kind = TYPES[safe.rpartition(".")[2]]
    return Response(data, media_type=kind, headers={"content-disposition": disposition})


# --- tables
def table(request: Request) -> Response:
    """A table of the run as a CSV file."""
    name, kind = request.path_params["name"], request.path_params["table"]
    if kind not in TABLES:
        raise NotHereError(f"there is no such table; choose one of {', '.join(TABLES)}")
    make, is_slow = TABLES[kind]
    with using_run(request, is_slow=is_slow) as run:
        return as_file(to_csv(make(run)), f"{name}-{kind}.csv")


# --- figures
def figure(request: Request) -> Response:
    """A figure of the run, see `figure_file`."""
    import alexnet

    drawings: dict[str, Callable[[Run], Figure]] = {
        "curves": lambda run: run.curves(),
        "confusion": lambda run: run.confusion_matrix(),
        "calibration": lambda run: alexnet.calibrate(run).draw(),
        "kernels": lambda run: run.draw_kernels(),
        "kernel-change": alexnet.draw_kernel_change,
        "kernel-kinds": alexnet.draw_first_layer,
        "orientations": alexnet.draw_orientations,
        "map": lambda run: alexnet.map_images(run, method="pca").draw(),
    }
    name = request.path_params["figure"]
    if name not in drawings:
        raise NotHereError(f"there is no such figure; choose one of {', '.join(drawings)}")
    require_format(request)
    with using_run(request, is_slow=True) as run:
        return figure_file(request, drawings[name](run), f"{request.path_params['name']}-{name}")


def require_format(request: Request) -> None:
    """Refuse another format than PNG and SVG before anything is drawn."""
    if request.query_params.get("format", "png") not in ("png", "svg"):
        raise NotHereError("there is no such format; choose png or svg")


def figure_file(request: Request, sheet: "Figure", name: str) -> Response:
    """A figure as PNG, or with `format=svg` as SVG; with `download` as a file to keep, `name` and the ending.

    With `theme=dark` it is drawn for a dark page.
    """
    from alexnet.figures.canvas import png_bytes, svg_text
    from alexnet.figures.dark import darken

    kind = request.query_params.get("format", "png")
    if request.query_params.get("theme") == "dark":
        darken(sheet)
    data = svg_text(sheet) if kind == "svg" else png_bytes(sheet)
    if "download" in request.query_params:
        return as_file(data, f"{name}.{kind}")
    return Response(data, media_type=TYPES[kind])


ROUTES: list[BaseRoute] = [
    Route("/api/runs/{name}/tables/{table}", table),
    Route("/api/runs/{name}/figures/{figure}", figure),
]
