"""Break it: images that a network gets confidently wrong, kept as a folder of hard images for the next training."""

from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import alexnet
from alexnet.audit.hard_folder import NEEDED, add_origin, lay_out
from alexnet.data.limits import get_limits
from alexnet.errors import DataError
from alexnet.files import disk_errors, shown_name, unescape_name
from alexnet.safe_name import safe_name
from alexnet.studio.add_image import add_image
from alexnet.studio.answers import NotHereError, answer, posted, read_body
from alexnet.studio.data_routes import MOST_UPLOAD_BYTES
from alexnet.studio.opened_runs import using_run
from alexnet.studio.shell_path import shell_path
from alexnet.studio.train_routes import free_run_path
from alexnet.studio.workspace import COLLECTED, Workspace, workspace_of

__all__ = ["ROUTES"]

MOST_ON_BOARD = 30


def _hard_dir(workspace: Workspace, name: str) -> Path:
    return workspace.home / f"hard-{safe_name(name)}"


async def look(request: Request) -> Response:
    """What the network makes of the image that is the body: probabilities of all classes."""
    data = await read_body(request, min(MOST_UPLOAD_BYTES, get_limits().max_image_bytes))
    return answer(await run_in_threadpool(_look, request, data))


def _look(request: Request, data: bytes) -> dict[str, Any]:
    from alexnet.evaluation.predict import file_probabilities

    with using_run(request) as run:
        return {"probabilities": file_probabilities(run.model, data, "the image").tolist()}


async def attempt(request: Request) -> Response:
    """Let the network predict the image that is the body; one that it gets wrong is kept, in its true class.

    `folder` and `source` say what it was painted on: a folder that is listed, and an image in it.
    """
    data = await read_body(request, min(MOST_UPLOAD_BYTES, get_limits().max_image_bytes))
    return answer(await run_in_threadpool(_attempt, request, data))


def _attempt(request: Request, data: bytes) -> dict[str, Any]:
    from alexnet.evaluation.predict import file_probabilities

    query, class_name = request.query_params, request.query_params.get("class", "")
    with using_run(request) as run:
        classes = run.about.classes
        if class_name not in classes:
            raise DataError(f"{shown_name(class_name)[:80]}: is not a class of the run; choose one of its classes")
        probabilities = file_probabilities(run.model, data, query.get("file", ""))
    best = int(probabilities.argmax())
    if is_broken := classes[best] != class_name:
        _keep(request, data, class_name, [safe_name(each) for each in classes])
    return {"is_broken": is_broken, "predicted": classes[best], "probability": float(probabilities[best])}


def _keep(request: Request, data: bytes, class_name: str, folders: list[str]) -> None:
    """Add an image to those that measure; what it was painted on is written down before."""
    workspace, query = workspace_of(request), request.query_params
    directory = _hard_dir(workspace, request.path_params["name"])
    origin = _origin(workspace, query.get("folder", ""), query.get("source", ""))
    _prepare(directory, folders)
    workspace.forget(directory)
    if origin is not None:
        add_origin(directory, data, *origin)
    add_image(workspace.scan(directory).folder, safe_name(class_name), query.get("file", ""), data, split="test")
    workspace.forget(directory)


def _origin(workspace: Workspace, folder: str, source: str) -> tuple[str, str] | None:
    """Where an image was painted on, as `add_origin` takes it; None where it was not one of a folder."""
    if not folder:
        return None
    scan = workspace.scan(workspace.folder_path(folder))
    if source not in scan.places:
        raise NotHereError(f"{shown_name(source)[:80]}: is not in {shown_name(folder)} any more; choose another")
    return scan.folder.location, source


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
    lay_out(directory, classes)
    with disk_errors(directory, DataError, "check its permissions"):
        (directory / COLLECTED).touch()


def board(request: Request) -> Response:
    """The classes of a run, and the hard images that it gets wrong, the most certain mistake first.

    measured: how many images measure, and how many of them the run gets wrong; num_trained: how many may be trained
    on; needed: how many there have to be for that. retrained: the last run that was trained on them from here. data:
    the folder that the run was trained on, where it is listed.
    """
    workspace, name = workspace_of(request), request.path_params["name"]
    directory = _hard_dir(workspace, name)
    with using_run(request) as run:
        values: dict[str, Any] = {
            "classes": run.about.classes, "folder": None, "entries": [], "num_images": 0, "needed": 2 * NEEDED,
            "shell_path": shell_path(run.path), "hard_path": shell_path(directory),
            "retrained": _last_retrained(workspace, run.path),
            "data": workspace.folder_name(Path(run.about.data.path)),
        }  # fmt: skip
        if not directory.is_dir():
            return answer(values)
        workspace.forget(directory)  # a training may have moved images a moment ago
        scan = workspace.scan(directory)
        known = {safe_name(each) for each in run.about.classes}  # the folder may be of an earlier run of this name
        paths = {
            str(directory / unescape_name(file.entry.name)): (place, file)
            for place, file in enumerate(scan.folder.files)
            if file.class_name in known
        }
        predictions = alexnet.predict(run, list(paths), skip_unreadable=True) if paths else ()
    entries: list[dict[str, Any]] = [
        {
            "file": file.entry.name,
            "place": place,
            "true": file.class_name,
            "predicted": each.predicted,
            "probability": each.probability,
            "is_trained": file.split == "train",
        }
        for each in predictions
        for place, file in [paths[each.file]]
    ]
    wrong = [entry for entry in entries if safe_name(entry["predicted"]) != entry["true"]]
    measured = [entry for entry in entries if not entry["is_trained"]]
    listed = workspace.listing(seconds=0.0).folders
    values |= {
        "folder": next((name for name, path in listed.items() if path == directory), None),
        "version": scan.version,
        "num_images": len(entries),
        "num_trained": len(entries) - len(measured),
        "measured": {"num": len(measured), "num_wrong": sum(entry in wrong for entry in measured)},
        "entries": sorted(wrong, key=lambda entry: -entry["probability"])[:MOST_ON_BOARD],
    }
    return answer(values)


def _last_retrained(workspace: Workspace, path: Path) -> str | None:
    """The name of the run that was last trained on hard images of a run, where its command is still known."""
    words = ("retrain", str(path), "--hard")
    jobs = [job for job in workspace.jobs.known() if job.words[:3] == words]
    return shown_name(Path(max(jobs, key=lambda job: job.started).out).name) if jobs else None


def harden(request: Request, _: dict[str, Any]) -> Any:
    """Start to train a run again on half of its hard images; answers the new run's name."""
    workspace, name = workspace_of(request), request.path_params["name"]
    run = workspace.run(name)
    out = free_run_path(workspace, f"{name}-hard")
    words = ["retrain", str(run.path), "--hard", str(_hard_dir(workspace, name)), "--out", str(out), "--json"]
    workspace.jobs.start(words, out)
    return {"run": out.name}


ROUTES: list[BaseRoute] = [
    Route("/api/runs/{name}/break", attempt, methods=["POST"]),
    Route("/api/runs/{name}/break", board),
    Route("/api/runs/{name}/break/look", look, methods=["POST"]),
    Route("/api/runs/{name}/break/retrain", posted(harden), methods=["POST"]),
    Route("/api/runs/{name}/break/remove", posted(remove), methods=["POST"]),
]
