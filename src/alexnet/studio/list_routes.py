"""Orders of a folder's images that a command computes first: how odd each is, and which are twins."""

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.errors import DataError
from alexnet.studio.answers import answer, posted
from alexnet.studio.image_lists import TWIN_KINDS, latest_list, list_path, read_oddities, read_twins
from alexnet.studio.job_state import job_state, stop_job
from alexnet.studio.workspace import Scan, Workspace, workspace_of

__all__ = ["ROUTES"]


def odd(request: Request) -> Response:
    """How odd each image is by the features of the run that `run` names, or by colors and edges; None if unknown."""
    workspace, name = workspace_of(request), request.path_params["name"]
    return answer(_oddities(workspace, name, request.query_params.get("run", "")))


def _oddities(workspace: Workspace, name: str, run: str) -> dict[str, Any]:
    scan = workspace.scan(workspace.folder_path(name))
    target = _odd_path(workspace, scan, run)
    known = latest_list(target)
    return {
        "version": scan.version,
        "list": None if known is None else read_oddities(known, scan.places),
        "is_old": known not in (None, target),
        "job": job_state(workspace.jobs, target),
    }


def _odd_path(workspace: Workspace, scan: Scan, run: str) -> Path:
    return list_path(scan.folder.path, "odd", scan.version, by=_compared(workspace, run))


def _compared(workspace: Workspace, run: str) -> str:
    """What a run's features depend on; empty without a run."""
    if not run:
        return ""
    folder = workspace.run(run)
    return f"{folder.path} {folder.about.created}"


def find_odd(request: Request, values: dict[str, Any]) -> Any:
    """Start to measure how odd the images are, as a process of its own."""
    workspace, name, run = workspace_of(request), request.path_params["name"], _run_name(values)
    scan = workspace.scan(workspace.folder_path(name))
    target = _odd_path(workspace, scan, run)
    words = ["data", "odd", str(scan.folder.path), "--csv", str(target)]
    workspace.jobs.start([*words, "--run", str(workspace.run(run).path)] if run else words, target)
    return _oddities(workspace, name, run)


def stop_odd(request: Request, values: dict[str, Any]) -> Any:
    """Stop measuring how odd the images are."""
    workspace, name, run = workspace_of(request), request.path_params["name"], _run_name(values)
    stop_job(workspace.jobs, _odd_path(workspace, workspace.scan(workspace.folder_path(name)), run))
    return _oddities(workspace, name, run)


def _run_name(values: dict[str, Any]) -> str:
    run = values.get("run") or ""
    if not isinstance(run, str):
        raise DataError("run: is not a text")
    return run


def twins(request: Request) -> Response:
    """Pairs of nearly identical images, the nearest first; None if not known."""
    return answer(_twins(workspace_of(request), request.path_params["name"]))


def _twins(workspace: Workspace, name: str) -> dict[str, Any]:
    scan = workspace.scan(workspace.folder_path(name))
    target = list_path(scan.folder.path, "twins", scan.version)
    known = latest_list(target)
    return {
        "version": scan.version,
        "kinds": TWIN_KINDS,
        "list": None if known is None else read_twins(known, scan.places),
        "is_old": known not in (None, target),
        "job": job_state(workspace.jobs, target),
    }


def find_twins(request: Request, _: dict[str, Any]) -> Any:
    """Start to look for nearly identical images, as a process of its own."""
    workspace, name = workspace_of(request), request.path_params["name"]
    scan = workspace.scan(workspace.folder_path(name))
    target = list_path(scan.folder.path, "twins", scan.version)
    workspace.jobs.start(["data", "check", str(scan.folder.path), "--csv", str(target)], target)
    return _twins(workspace, name)


def stop_twins(request: Request, _: dict[str, Any]) -> Any:
    """Stop looking for nearly identical images."""
    workspace, name = workspace_of(request), request.path_params["name"]
    scan = workspace.scan(workspace.folder_path(name))
    stop_job(workspace.jobs, list_path(scan.folder.path, "twins", scan.version))
    return _twins(workspace, name)


ROUTES: list[BaseRoute] = [
    Route("/api/folders/{name}/odd", odd),
    Route("/api/folders/{name}/odd", posted(find_odd), methods=["POST"]),
    Route("/api/folders/{name}/odd/stop", posted(stop_odd), methods=["POST"]),
    Route("/api/folders/{name}/twins", twins),
    Route("/api/folders/{name}/twins", posted(find_twins), methods=["POST"]),
    Route("/api/folders/{name}/twins/stop", posted(stop_twins), methods=["POST"]),
]
