"""Doubtful labels of a folder: the list that `alexnet doubts` makes in the background, and what making it takes."""

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import alexnet
from alexnet.data.corrections import corrections_path, effective, read_corrections
from alexnet.data.folder import ImageFolder
from alexnet.studio.answers import answer, posted, read_object
from alexnet.studio.doubts_list import doubts_path, estimate_of, read_doubts
from alexnet.studio.job_state import job_state, stop_job
from alexnet.studio.turns import in_turn
from alexnet.studio.workspace import Workspace, workspace_of

__all__ = ["ROUTES", "corrected_folder", "doubts_state"]


def doubts_state(workspace: Workspace, path: Path) -> dict[str, Any]:
    """The list of doubts, what it says of all images, and how the job stands that makes one."""
    target = doubts_path(path)
    listed, job = read_doubts(target), workspace.jobs.of(target)
    estimate = None
    if listed is not None and job is not None and not workspace.jobs.is_alive(job):
        estimate = estimate_of(listed, workspace.jobs.result(job))
    return {"doubts": listed, "doubts_estimate": estimate, "doubts_job": job_state(workspace.jobs, target)}


def doubts(request: Request) -> Response:
    """The list of doubts alone."""
    return answer(doubts_state(workspace_of(request), _path(request)))


async def plan(request: Request) -> Response:
    """How many networks are trained, and how many seconds that takes on this computer."""
    await read_object(request)
    workspace, name = workspace_of(request), request.path_params["name"]
    return await in_turn(request, lambda: _plan(workspace, name))


def _plan(workspace: Workspace, name: str) -> dict[str, Any]:
    from alexnet.audit.doubts import METHODS

    seconds = alexnet.plan_doubts(corrected_folder(workspace, name))
    return {"num_trainings": METHODS["features"], "seconds": seconds}


def corrected_folder(workspace: Workspace, name: str) -> ImageFolder:
    """A folder with its corrections, as the commands get it."""
    folder = workspace.folder(name)
    file = corrections_path(folder.path)
    return alexnet.apply_corrections(folder, file) if effective(read_corrections(file)) else folder


def start(request: Request, _: dict[str, Any]) -> Any:
    """Start to look for doubtful labels, as a process of its own."""
    workspace, path = workspace_of(request), _path(request)
    target, file = doubts_path(path), corrections_path(path)
    words = ["doubts", str(path), "--csv", str(target), "--json"]
    if effective(read_corrections(file)):
        words += ["--corrections", str(file)]
    workspace.jobs.start(words, target)
    return doubts_state(workspace, path)


def stop(request: Request, _: dict[str, Any]) -> Any:
    """Stop looking for them; trainings that are done are kept, and the next start goes on from there."""
    workspace, path = workspace_of(request), _path(request)
    stop_job(workspace.jobs, doubts_path(path))
    return doubts_state(workspace, path)


def _path(request: Request) -> Path:
    return workspace_of(request).folder_path(request.path_params["name"])


ROUTES: list[BaseRoute] = [
    Route("/api/folders/{name}/doubts", doubts),
    Route("/api/folders/{name}/doubts", posted(start), methods=["POST"]),
    Route("/api/folders/{name}/doubts/stop", posted(stop), methods=["POST"]),
    Route("/api/folders/{name}/doubts/plan", plan, methods=["POST"]),
]
