"""The kernels of a run's first layer as one small PNG, at the start of training or after an epoch."""

import numpy as np
import numpy.typing as npt
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.errors import RunError
from alexnet.figures.kernel_frame import kernel_frame
from alexnet.run_folder import RunFolder
from alexnet.studio.answers import NotHereError, answer
from alexnet.studio.opened_runs import finished_run
from alexnet.studio.workspace import workspace_of

__all__ = ["ROUTES", "read_snapshot"]


def read_snapshot(run: RunFolder, epoch: int) -> npt.NDArray[np.float32]:
    """The kernels [n, 3, k, k] after `epoch` epochs.

    Raises:
        NotHereError: there are none of that epoch.
        RunError: the file is damaged.
    """
    path = dict(run.kernel_snapshots()).get(epoch)
    if path is None:
        raise NotHereError(f"{run.path.name}: has no kernels of epoch {epoch}")
    try:
        with path.open("rb") as file:
            weights = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise RunError(f"{path}: is damaged; delete it") from error
    if weights.ndim != 4 or weights.dtype.kind != "f":
        raise RunError(f"{path}: holds no kernels; delete it")
    return np.nan_to_num(weights.astype(np.float32))


def kernels_of_epoch(request: Request) -> Response:
    """The sheet of a run's epoch; with `common` on the scale of the largest weight of all epochs."""
    run = workspace_of(request).run(request.path_params["name"])
    largest = None
    if request.query_params.get("common"):
        largest = max(float(np.abs(read_snapshot(run, epoch)).max()) for epoch, _ in run.kernel_snapshots())
    sheet = kernel_frame(read_snapshot(run, request.path_params["epoch"]), largest)
    return Response(sheet, media_type="image/png", headers={"cache-control": "no-cache"})


def kernel_numbers(request: Request) -> Response:
    """How the kernels changed: a line for each epoch, as the film of `alexnet kernels --film` has it."""
    import alexnet
    from alexnet.report.kernel_film import moment_lines

    history = alexnet.kernel_history(finished_run(request, request.path_params["name"]))
    return answer({"numbers": moment_lines(history)})


ROUTES: list[BaseRoute] = [
    Route("/api/runs/{name}/kernels/{epoch:int}", kernels_of_epoch),
    Route("/api/runs/{name}/kernel-numbers", kernel_numbers),
]
