"""The trainings that run now, as the foot of every view shows them: how fast they are, and the time left."""

import contextlib
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.errors import AlexNetError
from alexnet.run_folder import RunFolder
from alexnet.studio.answers import answer
from alexnet.studio.follow import Followed, follow_run, training_status
from alexnet.studio.workspace import Workspace

__all__ = ["ROUTES", "training_progress"]

LISTING_SECONDS = 60.0
"""How old the list of runs may be in which trainings of a terminal are looked for."""


def trainings(request: Request) -> Response:
    """What trains now, whether it was started here or in a terminal."""
    return answer(request.app.state.progress.state())


def training_progress(workspace: Workspace, known: dict[str, Followed]) -> dict[str, Any]:
    """Every training that runs, those first that were started here and have not written a run yet.

    Args:
        known: states of trainings that are read already, by name; others are added.

    Returns:
        trainings: of each, run: its name. status: `preparing` or `training`. done: fraction of its steps.
        device, precision: what it is trained on, a kind of device and a number format; None in a run that has not
        recorded them. images_per_second, seconds_left: None before they are known.
    """
    states = []
    for name in _running(workspace):
        with contextlib.suppress(AlexNetError):  # it has been deleted meanwhile
            states.append(follow_run(known, workspace, name).state())
    return {"trainings": [_progress(state) for state in states if state["status"] in ("preparing", "training")]}


def _running(workspace: Workspace) -> list[str]:
    jobs = workspace.jobs
    started = {job.out for job in jobs.known() if jobs.is_alive(job)}
    names = [name for name, path in workspace.pending().items() if str(path) in started]
    for name, path in workspace.listing(seconds=LISTING_SECONDS).runs.items():
        with contextlib.suppress(AlexNetError):  # a damaged run is not being written
            if training_status(RunFolder.open(path), is_alive=str(path) in started) == "training":
                names.append(name)
    return names


def _progress(state: dict[str, Any]) -> dict[str, Any]:
    steps, pace = state.get("steps"), state.get("pace") or {}
    done = steps[-1][0] / max(1, state["num_steps"]) if steps else 0.0
    known = {name: pace.get(name) for name in ("images_per_second", "seconds_left")}
    known |= {name: state.get(name) for name in ("device", "precision")}
    return {"run": state["name"], "status": state["status"], "done": min(1.0, done)} | known


ROUTES: list[BaseRoute] = [Route("/api/trainings", trainings)]
