"""The figure of a unit's page, and the patches on it as a table."""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.csv_files import to_csv
from alexnet.studio.opened_runs import using_run
from alexnet.studio.run_files import as_file, figure_file, require_format
from alexnet.studio.run_routes import NUM_PATCHES

if TYPE_CHECKING:
    from alexnet.runs.unit import UnitView

__all__ = ["ROUTES"]

PATCH = ("file", "label", "activation", "row", "column", "top", "left", "height", "width")


def figure(request: Request) -> Response:
    """Kernel, patches and classes of a unit as PNG or SVG, see `figure_file`."""
    require_format(request)
    view = _view(request)
    return figure_file(request, view.draw(), _name(request))


def table(request: Request) -> Response:
    """The patches of a unit as a CSV file, a row for each, with the fraction of the largest activation."""
    view = _view(request)
    rows = [
        (strip.level, *(getattr(patch, name) for name in PATCH)) for strip in view.strips for patch in strip.patches
    ]
    return as_file(to_csv([("level", *PATCH), *rows]), f"{_name(request)}.csv")


def _view(request: Request) -> "UnitView":
    import alexnet

    address = f"{request.path_params['layer']}/{request.path_params['number']}"
    with using_run(request, is_slow=True) as run:
        return alexnet.unit(run, address, most=NUM_PATCHES)


def _name(request: Request) -> str:
    return "-".join(str(request.path_params[part]) for part in ("name", "layer", "number"))


ROUTES: list[BaseRoute] = [
    Route("/api/runs/{name}/units/{layer}/{number:int}/figure", figure),
    Route("/api/runs/{name}/units/{layer}/{number:int}/table", table),
]
