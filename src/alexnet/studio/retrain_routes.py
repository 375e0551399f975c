"""What corrections change: a run's last layer trained again on the corrected labels, as a process of its own."""

import json
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.data.corrections import corrections_path
from alexnet.errors import AlexNetError, RunError
from alexnet.files import shown_name
from alexnet.run_folder import RunFolder
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
    """How far the training of a new last layer is; at the end, what it changed.

    predictions: the true class of each test image, and what it was predicted as before and after.
    """
    workspace = workspace_of(request)
    path = workspace.training_path(request.path_params["name"])
    job = workspace.jobs.of(path)
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
            "predictions": _both(Path(job.words[1]), path) if results and not is_alive else {},
        }
    )


def _both(before: Path, after: Path) -> dict[str, Any]:
    """By file: its true class with the corrections, predicted before and after; empty where a run is gone."""
    try:
        first = {each.file: each.predicted for each in RunFolder.open(before).predictions}
        second = RunFolder.open(after).predictions
    except AlexNetError:
        return {}
    return {
        shown_name(each.file): {
            "true": shown_name(str(each.true)),
            "before": shown_name(first[each.file]),
            "after": shown_name(each.predicted),
        }
        for each in second
        if each.file in first
    }


ROUTES: list[BaseRoute] = [
    Route("/api/runs/{name}/retrain", posted(retrain), methods=["POST"]),
    Route("/api/runs/{name}/retrained", retrained),
]
