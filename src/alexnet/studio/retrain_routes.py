"""What corrections change: a run trained again on the corrected labels, as a process of its own."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.audit.retrained import KEPT, Retrained, read_retrained
from alexnet.data.corrections import corrections_path, effective, read_corrections
from alexnet.errors import AlexNetError, RunError
from alexnet.files import shown_name
from alexnet.run_folder import RunFolder
from alexnet.studio.answers import answer, posted
from alexnet.studio.job_state import job_state
from alexnet.studio.jobs import Job
from alexnet.studio.train_routes import free_run_path
from alexnet.studio.workspace import Workspace, workspace_of

__all__ = ["ROUTES"]

START_SECONDS = 8.0
"""For a process to start and to find the decoded images."""

TESTS = 4
"""Times that the test images go through a network: the run's, the control, and the new one twice."""


def retrain(request: Request, values: dict[str, Any]) -> Any:
    """Start to train a run again on the corrections of its images; answers the new run's name.

    `data` names the folder of the images, where it is not that of the run; `whole` asks for the whole network.
    """
    workspace, name = workspace_of(request), request.path_params["name"]
    run = workspace.run(name)
    data = values.get("data")
    own = Path(run.about.data.path)
    path = own if data is None else workspace.folder_path(data if isinstance(data, str) else "")
    out = free_run_path(workspace, f"{name}-corrected")
    words = ["retrain", str(run.path), "--corrections", str(corrections_path(path)), "--out", str(out), "--json"]
    workspace.jobs.start([*words, "--whole"] if values.get("whole") is True else words, out)
    return {"run": out.name}


# --- what may be trained again, and was
def run_choice(request: Request) -> Response:
    """How long a run takes to be trained again, and the run that was made of it last."""
    workspace, name = workspace_of(request), request.path_params["name"]
    run = workspace.run(name)
    corrected = _corrected(Path(run.about.data.path))
    return answer(
        {"last": _last(workspace, (str(run.path), "--corrections")), "runs": [_described(name, run, corrected)]}
    )


def folder_choice(request: Request) -> Response:
    """The finished runs of a folder with their times, and the run that was made on its corrections last.

    The newest run comes first, and those that come from a retraining after the others.
    """
    workspace, path = workspace_of(request), workspace_of(request).folder_path(request.path_params["name"])
    corrected = _corrected(path)
    finished: list[tuple[bool, str, dict[str, Any]]] = []
    for name in workspace.listing().runs:
        with contextlib.suppress(AlexNetError):  # a damaged one
            run = workspace.run(name)
            if run.about.is_finished and Path(run.about.data.path) == path:
                finished.append((not run.has(KEPT), run.about.created, _described(name, run, corrected)))
    finished.sort(key=lambda each: each[:2], reverse=True)
    last = _last(workspace, ("--corrections", str(corrections_path(path))))
    return answer({"last": last, "runs": [each[2] for each in finished]})


def _corrected(path: Path) -> frozenset[str]:
    """The files of a folder whose labels are corrected."""
    with contextlib.suppress(AlexNetError):  # a damaged file, which the view names
        lines = effective(read_corrections(corrections_path(path))).values()
        return frozenset(line.file for line in lines if line.action != "fine")
    return frozenset()


def _described(name: str, run: RunFolder, corrected: frozenset[str]) -> dict[str, Any]:
    """A run's name and times, and num_training: how many of the corrected files it does not test on."""
    tested: set[str] = set()
    with contextlib.suppress(AlexNetError):
        tested = {each.file for each in run.predictions} if corrected else tested
    return _times(name, run) | {"num_training": len(corrected - tested)}


def _times(name: str, run: RunFolder) -> dict[str, Any]:
    """seconds: about how long a new last layer takes; None where no speed is known. whole_seconds: of the training.

    The images go through the network once and the test images `TESTS` times, at the speed of the training or faster:
    what is left pays for fitting the two layers.
    """
    about, speeds = run.about, [epoch.images_per_second for epoch in run.epochs]
    images = about.data.images
    count = sum(images.values()) + TESTS * images.get("test", 0)
    seconds = START_SECONDS + count / median(speeds) if speeds and median(speeds) > 0 else None
    return {"name": name, "seconds": seconds, "whole_seconds": about.seconds}


def _last(workspace: Workspace, words: Sequence[str]) -> str | None:
    """The last retraining whose command has these words in a row: one that goes on, may be resumed or is compared."""
    jobs = [job for job in workspace.jobs.known() if _has(job, words)]
    jobs.sort(key=lambda job: job.started, reverse=True)
    return next((shown_name(Path(job.out).name) for job in jobs if _is_of_use(workspace, job)), None)


def _has(job: Job, words: Sequence[str]) -> bool:
    row = job.words[1:4]
    return job.words[:1] == ("retrain",) and any(row[n : n + len(words)] == tuple(words) for n in range(len(row)))


def _is_of_use(workspace: Workspace, job: Job) -> bool:
    out = Path(job.out)
    return workspace.jobs.is_alive(job) or _kept(out) is not None or _left(out) == "state"


# --- one that goes on or has ended
def retrained(request: Request) -> Response:
    """How far a retraining is; at the end, what it changed, from the new run itself where it has kept that.

    job: how it stands. left: what one has left that was stopped or failed.
    images: those that the corrections fixed and broke, with the number of each among the test images of the new run.
    before: the run that was trained again, by its name; is_listed: whether it is here.
    """
    workspace = workspace_of(request)
    path = workspace.training_path(request.path_params["name"])
    job = workspace.jobs.of(path)
    if job is not None and job.words[:1] != ("retrain",):
        job = None
    state = _state(workspace, path)
    kept = None if state["is_alive"] else _kept(path)
    if kept is not None:
        values = {"job": state | {"fault": ""}, "left": ""} | _told(kept, RunFolder(path))
        return answer(values | _origin(workspace, Path(kept.before)))
    if job is None:
        raise RunError("this run was not trained again from here; `alexnet retrain` compares it with another")
    result = None if state["is_alive"] else workspace.jobs.result(job)  # of a retraining on hard images
    if not state["is_alive"] and not state["is_stopped"] and result is None:
        state["fault"] = state["fault"] or "it ended without a result"
    left = "" if state["is_alive"] or result is not None else _left(path)
    values = {"job": state, "left": left, "result": result, "images": [], "is_whole": "--whole" in job.words}
    return answer(values | _origin(workspace, Path(job.words[1])))


def _state(workspace: Workspace, path: Path) -> dict[str, Any]:
    """How the job stands that writes a run, as `job_state` says it; of a whole training, the epochs that are done."""
    state = job_state(workspace.jobs, path)
    if state["is_alive"] and state["done"] is None:
        with contextlib.suppress(AlexNetError):  # there is no run yet
            run = RunFolder.open(path)
            state["done"] = len(run.epochs) / run.recipe.epochs
    return state


def _left(path: Path) -> str:
    """What a retraining has left that ended early: `run`, whole and not compared, `state`, to be resumed, or ""."""
    with contextlib.suppress(AlexNetError):
        run = RunFolder.open(path)
        return "run" if run.about.is_finished else "state" if run.holds_state else ""
    return ""


def _kept(path: Path) -> Retrained | None:
    """The comparison that a new run has kept; None where there is none, or it is damaged."""
    with contextlib.suppress(AlexNetError):
        return read_retrained(RunFolder.open(path))
    return None


def _told(kept: Retrained, run: RunFolder) -> dict[str, Any]:
    """A comparison with the images that the corrections changed."""
    number: dict[str, int] = {}
    with contextlib.suppress(AlexNetError):
        number = {each.file: place for place, each in enumerate(run.predictions)}
    values = kept.to_dict()
    images = [
        {key: shown_name(text) for key, text in image.items()} | {"number": number.get(image["file"])}
        for image in values.pop("images")
        if image["change"]
    ]
    return {"result": values, "images": images, "is_whole": kept.whole}


def _origin(workspace: Workspace, path: Path) -> dict[str, Any]:
    listed = next((name for name, each in workspace.listing().runs.items() if each == path.absolute()), None)
    return {"before": listed or shown_name(path.name), "is_listed": listed is not None}


ROUTES: list[BaseRoute] = [
    Route("/api/runs/{name}/retrain", posted(retrain), methods=["POST"]),
    Route("/api/runs/{name}/retrained", retrained),
    Route("/api/runs/{name}/retraining", run_choice),
    Route("/api/folders/{name}/retraining", folder_choice),
]
