"""Predictions of all images of a folder by a run, written as they come by a command in the background."""

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.errors import DataError
from alexnet.studio.answers import NotHereError, answer, posted
from alexnet.studio.image_lists import latest_list, list_path
from alexnet.studio.job_state import job_state, stop_job
from alexnet.studio.run_files import as_file
from alexnet.studio.workspace import Workspace, workspace_of

__all__ = ["ROUTES"]

COUNTS = ("num_images", "counts", "flagged", "unreadable")
"""What is told of the predictions."""


def predictions(request: Request) -> Response:
    """How far the predictions by the run that `run` names are; at the end, how many images of each class."""
    return answer(_state(*_asked(request, request.query_params)))


def predict(request: Request, values: dict[str, Any]) -> Any:
    """Start to predict the folder's images by a run; rows that an interrupted call has written stay."""
    workspace, name, run = _asked(request, values)
    path, target = workspace.folder_path(name), _target(workspace, name, run)
    workspace.jobs.start(["predict", str(workspace.run(run).path), str(path), "--out", str(target), "--json"], target)
    return _state(workspace, name, run)


def stop(request: Request, values: dict[str, Any]) -> Any:
    """Stop predicting; the next start goes on from there."""
    workspace, name, run = _asked(request, values)
    stop_job(workspace.jobs, _target(workspace, name, run))
    return _state(workspace, name, run)


def table(request: Request) -> Response:
    """The predictions as a CSV file."""
    workspace, name, run = _asked(request, request.query_params)
    target = _target(workspace, name, run)
    if _state(workspace, name, run)["result"] is None:
        raise NotHereError("these images have not been predicted yet; predict them first")
    return as_file(target.read_bytes(), f"{name}-predicted-by-{run}.csv")


def _asked(request: Request, values: Any) -> tuple[Workspace, str, str]:
    run = values.get("run")
    if not isinstance(run, str) or not run:
        raise DataError("run: is not named; choose one")
    return workspace_of(request), request.path_params["name"], run


def _target(workspace: Workspace, name: str, run: str) -> Path:
    scan, folder = workspace.scan(workspace.folder_path(name)), workspace.run(run)
    return list_path(scan.folder.path, "predicted", scan.version, by=f"{folder.path} {folder.about.created}")


def _state(workspace: Workspace, name: str, run: str) -> dict[str, Any]:
    target = _target(workspace, name, run)
    latest_list(target)  # those of earlier versions go
    job, state = workspace.jobs.of(target), job_state(workspace.jobs, target)
    result = workspace.jobs.result(job) if job is not None and not state["is_alive"] and target.is_file() else None
    return {"result": result and {key: result[key] for key in COUNTS}, "job": state}


ROUTES: list[BaseRoute] = [
    Route("/api/folders/{name}/predictions", predictions),
    Route("/api/folders/{name}/predictions", posted(predict), methods=["POST"]),
    Route("/api/folders/{name}/predictions/stop", posted(stop), methods=["POST"]),
    Route("/api/folders/{name}/predictions/table", table),
]
