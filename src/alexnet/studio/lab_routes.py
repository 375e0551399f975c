"""What the convolution lab offers: small images, a photograph, kernels with a name and those of a run."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.studio.answers import answer
from alexnet.studio.opened_runs import finished_run

__all__ = ["ROUTES"]


def lab(request: Request) -> Response:
    """The data of `<convolution-lab>`; with `run` also its learned kernels."""
    from alexnet.report.lab_page import lab_data

    name = request.query_params.get("run")
    return answer(lab_data(run=finished_run(request, name) if name else None))


ROUTES: list[BaseRoute] = [Route("/api/lab", lab)]
