"""What is here: the runs and folders of images, each with what its card on the first page shows."""

import os
import shutil
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.data.corrections import corrections_path, effective, read_corrections
from alexnet.errors import AlexNetError
from alexnet.files import shown_name
from alexnet.run_folder import RunFolder
from alexnet.studio.answers import answer
from alexnet.studio.follow import training_status
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
            "cores": os.cpu_count() or 1,
            "free_bytes": shutil.disk_usage(workspace.home).free,
        }
    )


def _is_alive(workspace: Workspace, path: Path) -> bool:
    job = workspace.jobs.of(path)
    return job is not None and workspace.jobs.is_alive(job)


def describe_run(workspace: Workspace, name: str, path: Path) -> dict[str, Any]:
    """What a card shows of a run; for a damaged one, `fault` says what is wrong."""
    values: dict[str, Any] = {"name": name, "path": shown_name(path), "created": "", "status": "damaged"}
    try:
        run = RunFolder.open(path)
        about = run.about
        values |= {
            "created": about.created,
            "status": training_status(run, is_alive=_is_alive(workspace, path)),
            "classes": about.classes,
            "data": Path(about.data.path).name,
            "folder": workspace.folder_name(Path(about.data.path)),
            "images": about.data.images,
            "preset": run.recipe.name,
            "epochs_done": len(run.epochs),
            "epochs": run.recipe.epochs,
            "kernel_epochs": [epoch for epoch, _ in run.kernel_snapshots()],
            "seconds": about.seconds,
        }
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
