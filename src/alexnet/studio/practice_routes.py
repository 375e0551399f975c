"""Practice images in one click: drawn by a command in the background, which the page follows and stops."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.errors import DataError
from alexnet.files import shown_name
from alexnet.studio.answers import answer, posted
from alexnet.studio.job_state import job_state, stop_job
from alexnet.studio.workspace import Workspace, workspace_of

__all__ = ["ROUTES"]

NUM_TRAIN, NUM_TEST = 800, 200
"""Images that a click draws: enough to train on, few enough to wait for."""


def practice(request: Request) -> Response:
    """How far the drawing is, and the name of the folder once it is there."""
    return answer(_state(workspace_of(request)))


def draw(request: Request, _: dict[str, Any]) -> Any:
    """Start to draw practice images into the folder `practice`."""
    workspace = workspace_of(request)
    directory = workspace.practice_dir
    if directory.exists() and any(directory.iterdir()):
        raise DataError(f"{shown_name(directory)}: already exists; delete it to have it drawn again")
    words = ["data", "soccer", str(directory), "--train", str(NUM_TRAIN), "--test", str(NUM_TEST)]
    workspace.jobs.start(words, directory)
    return _state(workspace)


def stop(request: Request, _: dict[str, Any]) -> Any:
    """Stop drawing; nothing is left of it."""
    workspace = workspace_of(request)
    stop_job(workspace.jobs, workspace.practice_dir)
    return _state(workspace)


def _state(workspace: Workspace) -> dict[str, Any]:
    directory = workspace.practice_dir
    state, folder = job_state(workspace.jobs, directory), None
    if not state["is_alive"]:
        listing = workspace.listing(seconds=0.0)
        folder = next((name for name, path in listing.folders.items() if path == directory), None)
    return {"folder": folder, "job": state}


ROUTES: list[BaseRoute] = [
    Route("/api/practice", practice),
    Route("/api/practice", posted(draw), methods=["POST"]),
    Route("/api/practice/stop", posted(stop), methods=["POST"]),
]
