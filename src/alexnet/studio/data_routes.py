"""The images of a folder: the whole listing at once, decisions about labels, doubts, and images that are added."""

from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import alexnet
from alexnet.data.corrections import Correction, corrections_path, effective, read_corrections
from alexnet.data.limits import get_limits
from alexnet.errors import DataError
from alexnet.studio.add_image import add_image
from alexnet.studio.answers import answer, posted, read_body
from alexnet.studio.doubts_list import doubts_path, estimate_of, read_doubts
from alexnet.studio.job_state import job_state
from alexnet.studio.workspace import Workspace, workspace_of

__all__ = ["ROUTES"]

MOST_UPLOAD_BYTES = 64_000_000
"""Bytes of an image that is added from the page."""

MOST_FILES = 50_000
"""Files of one decision."""


def listing(request: Request) -> Response:
    """Every image by name, with the numbers of its class and split; corrections; doubts, if there is a list."""
    workspace, name = workspace_of(request), request.path_params["name"]
    scan = workspace.scan(workspace.folder_path(name))
    folder = scan.folder
    numbers = {each: place for place, each in enumerate(folder.classes)}
    splits = sorted({file.split or "" for file in folder.files})
    return answer(
        {
            "version": scan.version,
            "classes": folder.classes,
            "splits": splits,
            "files": [[f.entry.name, numbers[f.class_name], splits.index(f.split or "")] for f in folder.files],
            "may_add": folder.path.is_dir(),
            "corrections": _decisions(folder.path),
            **_doubts(workspace, folder.path),
        }
    )


def _decisions(path: Path) -> dict[str, Any]:
    return {file: line.to_dict() for file, line in effective(read_corrections(corrections_path(path))).items()}


def _doubts(workspace: Workspace, path: Path) -> dict[str, Any]:
    """The list of doubts, what it says of all images, and how the job stands that makes one."""
    target = doubts_path(path)
    listed, job = read_doubts(target), workspace.jobs.of(target)
    estimate = None
    if listed is not None and job is not None and not workspace.jobs.is_alive(job):
        estimate = estimate_of(listed, workspace.jobs.result(job))
    return {"doubts": listed, "doubts_estimate": estimate, "doubts_job": job_state(workspace.jobs, target)}


def doubts(request: Request) -> Response:
    """The list of doubts alone."""
    workspace = workspace_of(request)
    return answer(_doubts(workspace, workspace.folder_path(request.path_params["name"])))


def find_doubts(request: Request, _: dict[str, Any]) -> Any:
    """Start to look for doubtful labels, as a process of its own."""
    workspace = workspace_of(request)
    path = workspace.folder_path(request.path_params["name"])
    target = doubts_path(path)
    words = ["doubts", str(path), "--csv", str(target), "--json"]
    if _decisions(path):
        words += ["--corrections", str(corrections_path(path))]
    workspace.jobs.start(words, target)
    return _doubts(workspace, path)


def correct(request: Request, values: dict[str, Any]) -> Any:
    """Write a decision about files down; answers every decision that holds."""
    workspace = workspace_of(request)
    folder = workspace.folder(request.path_params["name"])
    files, action, to = values.get("files"), values.get("action"), values.get("to") or ""
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files) or len(files) > MOST_FILES:
        raise DataError(f"files: is not a list of at most {MOST_FILES:,} names")
    if not isinstance(action, str) or not isinstance(to, str):
        raise DataError("action, to: are not texts")
    if to and to not in folder.classes:
        raise DataError(f"to: the folder has no class {to[:80]}; choose one that it has")
    decided: tuple[Correction, ...] = alexnet.correct(folder, files, action, to=to)
    return {"num": len(decided), "corrections": _decisions(folder.path)}


def undo(request: Request, values: dict[str, Any]) -> Any:
    """Take the last decisions back, as many as `times` says."""
    path = workspace_of(request).folder_path(request.path_params["name"])
    times = values.get("times", 1)
    if type(times) is not int or not 1 <= times <= MOST_FILES:
        raise DataError(f"times: is not a number from 1 to {MOST_FILES:,}")
    undone = [alexnet.undo_correction(corrections_path(path)).file for _ in range(times)]
    return {"undone": undone, "corrections": _decisions(path)}


async def add(request: Request) -> Response:
    """Add an image, the request's body, to the class that `class` names; answers its name in the folder."""
    workspace = workspace_of(request)
    folder = workspace.folder(request.path_params["name"])
    data = await read_body(request, min(MOST_UPLOAD_BYTES, get_limits().max_image_bytes))
    class_name, name = request.query_params.get("class", ""), request.query_params.get("file", "")
    added = await run_in_threadpool(add_image, folder, class_name, name, data)
    workspace.forget(folder.path)
    return answer({"file": added})


ROUTES: list[BaseRoute] = [
    Route("/api/folders/{name}/images", listing),
    Route("/api/folders/{name}/images", add, methods=["POST"]),
    Route("/api/folders/{name}/doubts", doubts),
    Route("/api/folders/{name}/doubts", posted(find_doubts), methods=["POST"]),
    Route("/api/folders/{name}/corrections", posted(correct), methods=["POST"]),
    Route("/api/folders/{name}/undo", posted(undo), methods=["POST"]),
]
