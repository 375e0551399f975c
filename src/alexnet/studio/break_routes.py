"""Break it: images that a network gets confidently wrong, kept as a folder of hard images for the next training."""

from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import alexnet
from alexnet.data.limits import get_limits
from alexnet.errors import DataError
from alexnet.files import disk_errors, shown_name, unescape_name
from alexnet.safe_name import safe_name
from alexnet.studio.add_image import add_image
from alexnet.studio.answers import NotHereError, answer, posted, read_body
from alexnet.studio.data_routes import MOST_UPLOAD_BYTES
from alexnet.studio.opened_runs import using_run
from alexnet.studio.workspace import COLLECTED, Workspace, workspace_of

__all__ = ["ROUTES"]

MOST_ON_BOARD = 30


def _hard_dir(workspace: Workspace, name: str) -> Path:
    return workspace.home / f"hard-{safe_name(name)}"


async def attempt(request: Request) -> Response:
    """Let the network predict the image that is the body; one that it gets wrong is kept, in its true class."""
    data = await read_body(request, min(MOST_UPLOAD_BYTES, get_limits().max_image_bytes))
    return answer(await run_in_threadpool(_attempt, request, data))


def _attempt(request: Request, data: bytes) -> dict[str, Any]:
    workspace, class_name = workspace_of(request), request.query_params.get("class", "")
    directory = _hard_dir(workspace, request.path_params["name"])
    with using_run(request) as run:
        classes = run.about.classes
        if class_name not in classes:
            raise DataError(f"{shown_name(class_name)[:80]}: is no class of the run; choose one of its classes")
        _prepare(directory, [safe_name(each) for each in classes])
        workspace.forget(directory)
        added = add_image(
            workspace.scan(directory).folder, safe_name(class_name), request.query_params.get("file", ""), data
        )
        path = directory / unescape_name(added)
        prediction = alexnet.predict(run, path)[0]
        is_broken = prediction.predicted != class_name
        if not is_broken:
            path.unlink()
        workspace.forget(directory)
    return {"is_broken": is_broken, "predicted": prediction.predicted, "probability": prediction.probability}


def remove(request: Request, values: dict[str, Any]) -> Any:
    """Delete an image of the board, which is a copy that was made when it broke the network."""
    workspace, name = workspace_of(request), str(values.get("file", ""))
    workspace.run(request.path_params["name"])  # raises where there is none
    directory = _hard_dir(workspace, request.path_params["name"])
    if not directory.is_dir() or name not in workspace.scan(directory).places:
        raise NotHereError(f"{shown_name(name)[:80]}: is not on the board; load the page again")
    with disk_errors(directory, DataError, "check its permissions"):
        (directory / unescape_name(name)).unlink(missing_ok=True)
    workspace.forget(directory)
    return {}


def _prepare(directory: Path, classes: list[str]) -> None:
    with disk_errors(directory, DataError, "check its permissions"):
        for each in classes:
            (directory / each).mkdir(parents=True, exist_ok=True)
        (directory / COLLECTED).touch()


def board(request: Request) -> Response:
    """The classes of a run, and the hard images that it gets wrong, the most certain mistake first."""
    workspace = workspace_of(request)
    directory = _hard_dir(workspace, request.path_params["name"])
    with using_run(request) as run:
        values: dict[str, Any] = {"classes": run.about.classes, "folder": None, "entries": []}
        if not directory.is_dir():
            return answer(values)
        scan = workspace.scan(directory)
        paths = [directory / unescape_name(file.entry.name) for file in scan.folder.files]
        predictions = [alexnet.predict(run, path)[0] for path in paths]
    entries: list[dict[str, Any]] = [
        {
            "file": file.entry.name,
            "place": place,
            "true": file.class_name,
            "predicted": each.predicted,
            "probability": each.probability,
        }
        for place, (file, each) in enumerate(zip(scan.folder.files, predictions, strict=True))
        if safe_name(each.predicted) != file.class_name
    ]
    listed = workspace.listing(seconds=0.0).folders
    values |= {
        "folder": next((name for name, path in listed.items() if path == directory), None),
        "version": scan.version,
        "num_images": len(paths),
        "entries": sorted(entries, key=lambda entry: -entry["probability"])[:MOST_ON_BOARD],
    }
    return answer(values)


ROUTES: list[BaseRoute] = [
    Route("/api/runs/{name}/break", attempt, methods=["POST"]),
    Route("/api/runs/{name}/break", board),
    Route("/api/runs/{name}/break/remove", posted(remove), methods=["POST"]),
]
