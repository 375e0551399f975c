"""The kernels of a run's first layer as one small PNG, at the start of training or after an epoch."""

import io
import math

import numpy as np
import numpy.typing as npt
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.errors import RunError
from alexnet.run_folder import RunFolder
from alexnet.studio.answers import NotHereError, answer
from alexnet.studio.opened_runs import finished_run
from alexnet.studio.workspace import workspace_of

__all__ = ["ROUTES", "kernel_sheet", "read_snapshot"]

COLUMNS = 16
GAP = 1
"""px between two kernels; a pixel of the sheet is a weight."""

GROUND = 128


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


def kernel_sheet(weights: npt.NDArray[np.float32], largest: float | None = None) -> bytes:
    """A PNG of kernels [n, channels, k, k] in rows of 16, around 0, which is gray.

    Args:
        largest: the weight that is drawn as full color; None gives each kernel a scale of its own.
    """
    count, channels, height, width = weights.shape
    scale = np.abs(weights).max(axis=(1, 2, 3), keepdims=True) if largest is None else np.array(largest)
    tiles = 0.5 + 0.5 * weights / np.where(scale > 0, scale, 1.0)
    tiles = tiles.transpose(0, 2, 3, 1) if channels == 3 else tiles.mean(axis=1)[..., None].repeat(3, axis=3)
    columns = min(COLUMNS, count)
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), GROUND, np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // columns * (height + GAP), place % columns * (width + GAP)
        sheet[top : top + height, left : left + width] = np.rint(255 * tile).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, format="PNG")
    return buffer.getvalue()


def kernels_of_epoch(request: Request) -> Response:
    """The sheet of a run's epoch; with `common` on the scale of the largest weight of all epochs."""
    run = workspace_of(request).run(request.path_params["name"])
    largest = None
    if request.query_params.get("common"):
        largest = max(float(np.abs(read_snapshot(run, epoch)).max()) for epoch, _ in run.kernel_snapshots())
    sheet = kernel_sheet(read_snapshot(run, request.path_params["epoch"]), largest)
    return Response(sheet, media_type="image/png", headers={"cache-control": "no-cache"})


def kernel_numbers(request: Request) -> Response:
    """How the kernels changed: a line for each epoch, as the film of `alexnet kernels --film` has it."""
    import alexnet

    history = alexnet.kernel_history(finished_run(request, request.path_params["name"])).to_dict()
    rows = zip(*(history[name] for name in ("epochs", "cosine_to_start", "structure", "norm")), strict=True)
    return answer(
        {
            "numbers": {
                epoch: f"median cosine to the start {cosine:.2f}, structure {structure:.2f}, norm {norm:.3g}"
                for epoch, cosine, structure, norm in rows
            }
        }
    )


ROUTES: list[BaseRoute] = [
    Route("/api/runs/{name}/kernels/{epoch:int}", kernels_of_epoch),
    Route("/api/runs/{name}/kernel-numbers", kernel_numbers),
]
