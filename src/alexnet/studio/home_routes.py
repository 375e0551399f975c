"""What is here: the runs and folders of images, each with what its card on the first page shows."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.audit.retrained import KEPT
from alexnet.data.corrections import corrections_path, effective, read_corrections
from alexnet.errors import AlexNetError
from alexnet.files import shown_name
from alexnet.records import EpochRecord
from alexnet.run_folder import RunFolder
from alexnet.studio.answers import answer
from alexnet.studio.follow import stop_reason, training_status
from alexnet.studio.queue_routes import failed_early
from alexnet.studio.shell_path import shell_path
from alexnet.studio.workspace import Workspace, workspace_of

__all__ = ["ROUTES"]


def here(request: Request) -> Response:
    """Everything that the first page lists, newest run first."""
    workspace = workspace_of(request)
    listing = workspace.listing()
    runs = [describe_run(workspace, name, path) for name, path in listing.runs.items()]
    return answer(
        {
            "home": shown_name(workspace.home),
            "runs": sorted(runs, key=lambda run: run["created"], reverse=True),
            "folders": [{"name": name, "path": shown_name(path)} for name, path in listing.folders.items()],
            "pending": [name for name, path in workspace.pending().items() if _is_alive(workspace, path)],
            "is_drawing": _is_alive(workspace, workspace.practice_dir),
            "waiting": _waiting(workspace),
            "failed": failed_early(workspace),
            "cores": os.cpu_count() or 1,
            "free_bytes": shutil.disk_usage(workspace.home).free,
        }
    )


def _waiting(workspace: Workspace) -> list[dict[str, Any]]:
    """The trainings that wait, the next one first; none where the queue cannot be read: the Train view says why."""
    try:
        return [
            {"run": shown_name(each.name), "data": each.data, "preset": each.preset}
            for each in workspace.queue.waiting()
        ]
    except AlexNetError:
        return []


def _is_alive(workspace: Workspace, path: Path) -> bool:
    job = workspace.jobs.of(path)
    return job is not None and workspace.jobs.is_alive(job)


def describe_run(workspace: Workspace, name: str, path: Path) -> dict[str, Any]:
    """What a card shows of a run; for a damaged one, `fault` says what is wrong."""
    values: dict[str, Any] = {"name": name, "path": shown_name(path), "created": "", "status": "damaged"}
    try:
        run = RunFolder.open(path)
        about, epochs = run.about, run.epochs
        status = training_status(run, is_alive=_is_alive(workspace, path))
        values |= {
            "created": about.created,
            "status": status,
            "classes": about.classes,
            "data": Path(about.data.path).name,
            "folder": workspace.folder_name(Path(about.data.path)),
            "images": about.data.images,
            "preset": run.recipe.name,
            "is_retrained": run.has(KEPT),
            "epochs_done": len(epochs),
            "epochs": run.recipe.epochs,
            "kernel_epochs": [epoch for epoch, _ in run.kernel_snapshots()],
            "seconds": about.seconds,
        }
        if status == "training":
            values["error"] = _newest_error(epochs)
        elif status == "stopped":
            values["reason"] = stop_reason(workspace, path)
            values |= {"may_resume": run.holds_state, "shell_path": shell_path(path)}
        if about.is_finished:
            evaluation = run.evaluation
            values |= {
                "top1_error": evaluation.top1_error,
                "top1_interval": evaluation.top1_interval,
                "num_images": evaluation.num_images,
                "num_mistakes": evaluation.num_mistakes,
            }
    except AlexNetError as error:
        values["fault"] = str(error)
    return values


def _newest_error(epochs: Sequence[EpochRecord]) -> dict[str, Any] | None:
    """The top-1 error after the last epoch, and on which images: those that are held out, if any are tested."""
    if not epochs:
        return None
    last = epochs[-1]
    errors = (("validation", last.validation_top1_error), ("test", last.test_top1_error))
    known = next(((of, value) for of, value in errors if value is not None), ("training", last.train_top1_error))
    return {"of": known[0], "top1_error": known[1]}


def folder(request: Request) -> Response:
    """The classes of a folder of images, with their numbers by split, and a few images for its card."""
    workspace, name = workspace_of(request), request.path_params["name"]
    scanned = workspace.folder(name)
    first: dict[str, int] = {}
    for place, file in enumerate(scanned.files):
        first.setdefault(file.class_name, place)
    return answer(
        {
            "name": name,
            "version": workspace.version(name),
            "path": shown_name(scanned.path),
            "classes": scanned.classes,
            "num_images": len(scanned.files),
            "counts": scanned.counts(),
            "notes": scanned.notes,
            "num_corrections": len(effective(read_corrections(corrections_path(scanned.path)))),
            "samples": [first[name] for name in scanned.classes if name in first],
        }
    )


ROUTES: list[BaseRoute] = [Route("/api/here", here), Route("/api/folders/{name}", folder)]
