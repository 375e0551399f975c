"""Two or three runs beside each other: scores, settings that differ, images that one fixes or breaks, curves."""

from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.errors import RunError
from alexnet.studio.answers import answer
from alexnet.studio.kernel_sheet import kernel_sheet
from alexnet.studio.opened_runs import finished_run

__all__ = ["ROUTES"]

MOST_RUNS = 3


def compare(request: Request) -> Response:
    """The comparison of the runs that `run` names, given twice or three times."""
    import alexnet

    names = request.query_params.getlist("run")
    if not 2 <= len(names) <= MOST_RUNS:
        raise RunError("compare: choose two or three runs")
    runs = [finished_run(request, name) for name in names]
    compared = alexnet.compare_runs(runs).to_dict()
    epochs = [[_epoch(epoch) for epoch in run.folder.epochs] for run in runs]
    return answer(compared | {"names": names, "epochs": epochs})


def kernels(request: Request) -> Response:
    """The kernels of conv1 of the network that a run kept, which is there without any of its epochs."""
    import alexnet

    weights = alexnet.kernels(finished_run(request, request.path_params["name"])).weights
    sheet = kernel_sheet(np.nan_to_num(weights.astype(np.float32)))
    return Response(sheet, media_type="image/png", headers={"cache-control": "no-cache"})


def _epoch(epoch: Any) -> dict[str, Any]:
    return {
        "epoch": epoch.epoch,
        "train_top1_error": epoch.train_top1_error,
        "test_top1_error": epoch.test_top1_error,
        "validation_top1_error": epoch.validation_top1_error,
    }


ROUTES: list[BaseRoute] = [
    Route("/api/compare", compare),
    Route("/api/compare/{name}/kernels", kernels),
]
