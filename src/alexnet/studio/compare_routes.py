"""Two or three runs beside each other: scores, settings that differ, images that one fixes or breaks, curves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.figures.kernel_frame import kernel_frame
from alexnet.studio.answers import answer
from alexnet.studio.compare_files import compared_runs
from alexnet.studio.opened_runs import finished_run

if TYPE_CHECKING:
    from alexnet.inspection.kernel_pairs import KernelPair

__all__ = ["ROUTES"]


def compare(request: Request) -> Response:
    """The comparison of the runs that `run` names, given twice or three times."""
    import alexnet
    from alexnet.runs.matched_kernels import match_first_layers

    names, runs = compared_runs(request)
    compared = alexnet.compare_runs(runs).to_dict()
    epochs = [[_epoch(epoch) for epoch in run.folder.epochs] for run in runs]
    matched = [match_first_layers(runs[0], run).to_dict() for run in runs[1:]]
    return answer(compared | {"names": names, "epochs": epochs, "kernel_pairs": matched})


def kernels(request: Request) -> Response:
    """The kernels of conv1 of the network that a run kept, which is there without any of its epochs.

    With `like`, each lies where the kernel that it is matched with lies on the sheet of that run.
    """
    import alexnet
    from alexnet.runs.matched_kernels import match_first_layers

    run = finished_run(request, request.path_params["name"])
    weights = alexnet.kernels(run).weights
    other = request.query_params.get("like")
    if other is not None:
        baseline = finished_run(request, other)
        weights = _placed(weights, match_first_layers(baseline, run).pairs, len(alexnet.kernels(baseline).weights))
    sheet = kernel_frame(np.nan_to_num(weights.astype(np.float32)))
    return Response(sheet, media_type="image/png", headers={"cache-control": "no-cache"})


def _placed(weights: np.ndarray, pairs: "Sequence[KernelPair]", count: int) -> np.ndarray:
    """Kernels at the places of those that they are matched with, then the rest; zeros where a place stays empty."""
    if not pairs:
        return weights
    placed = np.zeros((count, *weights.shape[1:]), weights.dtype)
    for pair in pairs:
        placed[pair.first] = weights[pair.second]
    matched = {pair.second for pair in pairs}
    return np.concatenate([placed, weights[[place for place in range(len(weights)) if place not in matched]]])


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
