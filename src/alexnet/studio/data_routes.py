"""The images of a folder: the whole listing at once, decisions about labels, and images that are added."""

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
from alexnet.files import shown_name
from alexnet.studio.add_class import add_class, class_name
from alexnet.studio.add_image import add_image
from alexnet.studio.answers import answer, posted, read_body
from alexnet.studio.doubts_routes import doubts_state
from alexnet.studio.workspace import workspace_of

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
            **doubts_state(workspace, folder.path),
        }
    )


def _decisions(path: Path) -> dict[str, Any]:
    return {file: line.to_dict() for file, line in effective(read_corrections(corrections_path(path))).items()}


def decided(request: Request) -> Response:
    """Every decision that holds."""
    return answer({"corrections": _decisions(workspace_of(request).folder_path(request.path_params["name"]))})


def correct(request: Request, values: dict[str, Any]) -> Any:
    """Write a decision about files down; answers every decision that holds.

    `to` is one of the folder's classes, or one that an earlier decision named; with `is_new`, any other.
    """
    workspace = workspace_of(request)
    folder = workspace.folder(request.path_params["name"])
    files, action, to = _names(values.get("files")), values.get("action"), values.get("to") or ""
    if not isinstance(action, str) or not isinstance(to, str):
        raise DataError("action, to: are not texts")
    if to and to not in folder.classes:
        _require_new_class(to, _decisions(folder.path), is_new=values.get("is_new") is True)
    decided: tuple[Correction, ...] = alexnet.correct(folder, files, action, to=to)
    return {"num": len(decided), "corrections": _decisions(folder.path)}


def _require_new_class(to: str, decisions: dict[str, Any], *, is_new: bool) -> None:
    """Refuse a class that is neither one of earlier decisions nor asked for as a new one, with a folder's name."""
    if any(line["to"] == to for line in decisions.values()):
        return
    if not is_new:
        raise DataError(f"to: the folder has no class {shown_name(to)[:80]}; choose one that it has")
    if class_name(to) != to:
        raise DataError(f"to: {shown_name(to)[:80]}: cannot be the name of a folder; choose another name")


def undo(request: Request, values: dict[str, Any]) -> Any:
    """Take a decision back, `action` and `to` about `files`; the last of all where no files are named."""
    path = workspace_of(request).folder_path(request.path_params["name"])
    files = _names(values.get("files", []))
    action, to = values.get("action", ""), values.get("to") or ""
    if not isinstance(action, str) or not isinstance(to, str):
        raise DataError("action, to: are not texts")
    if files:
        undone = alexnet.undo_decision(corrections_path(path), files, action, to)
    else:
        undone = (alexnet.undo_correction(corrections_path(path)).file,)
    return {"undone": undone, "corrections": _decisions(path)}


def _names(files: object) -> list[str]:
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files) or len(files) > MOST_FILES:
        raise DataError(f"files: is not a list of at most {MOST_FILES:,} names")
    return files


def make_class(request: Request, values: dict[str, Any]) -> Any:
    """Make an empty class of the name that is posted; answers the name that it has."""
    workspace, name = workspace_of(request), values.get("name")
    if not isinstance(name, str):
        raise DataError("name: is not a text")
    folder = workspace.folder(request.path_params["name"])
    made = add_class(folder, name)
    workspace.forget(folder.path)
    return {"class": made}


async def add(request: Request) -> Response:
    """Add an image, the request's body, to the class that `class` names; answers its name in the folder."""
    workspace = workspace_of(request)
    folder = workspace.folder(request.path_params["name"])
    data = await read_body(request, min(MOST_UPLOAD_BYTES, get_limits().max_image_bytes))
    into, name = request.query_params.get("class", ""), request.query_params.get("file", "")
    added = await run_in_threadpool(add_image, folder, into, name, data)
    workspace.forget(folder.path)
    return answer({"file": added})


ROUTES: list[BaseRoute] = [
    Route("/api/folders/{name}/images", listing),
    Route("/api/folders/{name}/images", add, methods=["POST"]),
    Route("/api/folders/{name}/classes", posted(make_class), methods=["POST"]),
    Route("/api/folders/{name}/corrections", decided),
    Route("/api/folders/{name}/corrections", posted(correct), methods=["POST"]),
    Route("/api/folders/{name}/undo", posted(undo), methods=["POST"]),
]
