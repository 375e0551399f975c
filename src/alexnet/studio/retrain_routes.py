"""What corrections change: a run's last layer trained again on the corrected labels, as a process of its own."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.data.corrections import corrections_path
from alexnet.errors import RunError
from alexnet.studio.answers import answer, posted
from alexnet.studio.train_routes import free_run_path
from alexnet.studio.workspace import workspace_of

__all__ = ["ROUTES"]


def retrain(request: Request, values: dict[str, Any]) -> Any:
    """Start to train a run again on the corrections of the folder that `data` names; answers the new run's name."""
    workspace = workspace_of(request)
    run = workspace.run(request.path_params["name"])
    data = values.get("data")
    path = workspace.folder_path(data if isinstance(data, str) else "")
    out = free_run_path(workspace, f"{request.path_params['name']}-corrected")
    words = ["retrain", str(run.path), "--corrections", str(corrections_path(path)), "--out", str(out), "--json"]
    workspace.jobs.start(words, out)
    return {"run": out.name}


def retrained(request: Request) -> Response:
    """How far the training of a new last layer is; at the end, what it changed."""
    workspace = workspace_of(request)
    job = workspace.jobs.of(workspace.training_path(request.path_params["name"]))
    if job is None or job.words[:1] != ("retrain",):
        raise RunError("this run was not trained again from here; `alexnet retrain` compares it with another")
    is_alive, lines = workspace.jobs.is_alive(job), workspace.jobs.lines(job)
    results = [line for line in lines if line.startswith("{")]
    return answer(
        {
            "is_alive": is_alive,
            "line": lines[-1] if lines and is_alive else "",
            "fault": "" if is_alive or results else workspace.jobs.fault(job) or "it ended without a result",
            "result": json.loads(results[-1]) if results and not is_alive else None,
        }
    )


ROUTES: list[BaseRoute] = [
    Route("/api/runs/{name}/retrain", posted(retrain), methods=["POST"]),
    Route("/api/runs/{name}/retrained", retrained),
]
