"""The queue of trainings: what waits, what is added and removed, and the start of the next one."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.errors import AlexNetError
from alexnet.files import shown_name
from alexnet.run_folder import RunFolder
from alexnet.studio.answers import answer, posted
from alexnet.studio.follow import training_status
from alexnet.studio.train_routes import training_command
from alexnet.studio.training_queue import Waiting
from alexnet.studio.workspace import Workspace, workspace_of

__all__ = ["ROUTES", "failed_early", "is_training", "watch_queue"]

TRAININGS = ("train", "resume", "retrain")
"""Commands that train."""

PERIOD = 2.0
"""Seconds between two looks whether the next training can start."""

FAILED_FOR = timedelta(days=1)
"""How long it is told that a training failed before it wrote a run."""

LISTING_SECONDS = 60.0
"""How old the list of runs may be in which trainings of a terminal are looked for."""


def queue(request: Request) -> Response:
    """What waits, the next one first; whether a training runs, and which failed early."""
    workspace = workspace_of(request)
    waiting = [
        {"run": shown_name(each.name), "data": each.data, "preset": each.preset, "settings": each.settings}
        for each in workspace.queue.waiting()
    ]
    return answer(
        {
            "waiting": waiting,
            "is_busy": is_training(workspace),
            "fault": workspace.queue.fault,
            "failed": failed_early(workspace),
        }
    )


def add(request: Request, values: dict[str, Any]) -> Any:
    """Append a training, described as for its start; answers the name that its run will have."""
    workspace = workspace_of(request)

    def make() -> Waiting:
        words, out, recipe = training_command(workspace, values)
        return Waiting(str(out), tuple(words), str(values["data"]), recipe.name)

    return {"run": workspace.queue.add(make).name}


def remove(request: Request, _: dict[str, Any]) -> Any:
    """Take a training out of the queue."""
    workspace_of(request).queue.remove(request.path_params["name"])
    return {}


def failed_early(workspace: Workspace) -> list[dict[str, str]]:
    """Trainings of the last day that ended before they wrote a run, so that no list of runs shows them."""
    since = (datetime.now(UTC) - FAILED_FOR).isoformat(timespec="seconds")
    jobs = workspace.jobs
    early = [(name, jobs.of(path)) for name, path in workspace.pending().items()]
    return [
        {"run": name, "fault": jobs.reason(job)}
        for name, job in early
        if job is not None and job.started >= since and not jobs.is_alive(job) and not jobs.was_interrupted(job)
    ]


def is_training(workspace: Workspace) -> bool:
    """Whether a training runs: one that a studio of this user started, or one of a terminal in a listed run."""
    jobs = workspace.jobs
    if any(job.words[0] in TRAININGS and jobs.is_alive(job) for job in jobs.known()):
        return True
    for path in workspace.listing(seconds=LISTING_SECONDS).runs.values():
        with contextlib.suppress(AlexNetError):  # a damaged run is not being written
            if training_status(RunFolder.open(path), is_alive=False) == "training":
                return True
    return False


async def watch_queue(workspace: Workspace) -> None:
    """Start what waits, one after the other, as long as the server runs."""
    while True:
        await run_in_threadpool(workspace.queue.start_next, workspace.jobs, lambda: is_training(workspace))
        await asyncio.sleep(PERIOD)


ROUTES: list[BaseRoute] = [
    Route("/api/queue", queue),
    Route("/api/queue", posted(add), methods=["POST"]),
    Route("/api/queue/{name}/remove", posted(remove), methods=["POST"]),
]
