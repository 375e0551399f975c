"""Corrections as a whole: those of another person added to a folder's, and a copy of the folder with them applied."""

import tempfile
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from alexnet.data.corrections import corrections_path, effective, read_corrections
from alexnet.data.merge_corrections import merge_into
from alexnet.errors import DataError
from alexnet.files import is_file, shown_name
from alexnet.safe_name import safe_name
from alexnet.studio.answers import posted
from alexnet.studio.copies import copy_routes, copy_state, free_copy_path
from alexnet.studio.workspace import Workspace, workspace_of

__all__ = ["ROUTES"]


# --- another person's
def merge(request: Request, values: dict[str, Any]) -> Any:
    """Add the corrections of a file, its `text` and `name`, to those of the folder; with `later` despite conflicts.

    Returns:
        conflicts: files about which the two differ, in words; without `later` nothing is written where there are any.
        num_new: lines that were added. num_absent: files that they name and the folder does not have. corrections:
        every decision that holds.
    """
    workspace, name, text = workspace_of(request), values.get("name"), values.get("text")
    if not isinstance(name, str) or not isinstance(text, str):
        raise DataError("name, text: are not texts")
    folder = workspace.folder(request.path_params["name"])
    path = corrections_path(folder.path)
    before = set(read_corrections(path))
    with tempfile.TemporaryDirectory(prefix="alexnet-") as directory:
        other = Path(directory) / safe_name(name or "corrections.csv")
        other.write_text(text, encoding="utf-8", newline="")
        try:
            merged = merge_into(path, other, prefer="later" if values.get("later") is True else None)
        except DataError as error:
            raise DataError(_by_name(str(error), other, path)) from error
        conflicts = [_by_name(words, other, path) for words in merged.conflicts]
    new = [line for line in read_corrections(path) if line not in before]
    known = {file.entry.name for file in folder.files}
    absent = {line.file for line in new} - known
    decided = {file: line.to_dict() for file, line in effective(read_corrections(path)).items()}
    return {"conflicts": conflicts, "num_new": len(new), "num_absent": len(absent), "corrections": decided}


def _by_name(words: str, other: Path, own: Path) -> str:
    """A message with the names of the two files in place of their paths."""
    return words.replace(shown_name(other), shown_name(other.name)).replace(
        shown_name(own), f"this folder's {own.name}"
    )


# --- a corrected copy
def start_copy(request: Request, values: dict[str, Any]) -> Any:
    """Start to write a corrected copy, a folder of the `name` that is posted, as a process of its own."""
    workspace, folder = workspace_of(request), request.path_params["name"]
    path = workspace.folder_path(folder)
    file = corrections_path(path)
    if not is_file(file):
        raise DataError(f"{shown_name(folder)}: has no corrections to apply")
    out = free_copy_path(workspace, values.get("name"))
    workspace.jobs.start(["data", "apply", str(path), "--out", str(out), "--corrections", str(file), "--json"], out)
    return _copy(workspace, out)


def _copy(workspace: Workspace, out: Path) -> dict[str, Any]:
    state = copy_state(workspace, out, ("data", "apply"))
    if (result := state["result"]) is not None:
        state["result"] = {key: result[key] for key in ("num_images", "num_linked")} | {
            "num_moved": len(result["moved"]), "num_excluded": len(result["excluded"])
        }  # fmt: skip
    return state


ROUTES: list[BaseRoute] = [
    Route("/api/folders/{name}/merge", posted(merge), methods=["POST"]),
    Route("/api/folders/{name}/copies", posted(start_copy), methods=["POST"]),
    *copy_routes("/api/folders/{name}/copies", _copy),
]
