"""Practice in finding faults: a copy of a folder with planted ones, and how many its corrections put right."""

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import alexnet
from alexnet.audit.answer_sheet import ANSWERS
from alexnet.data.corrections import corrections_path, effective, read_corrections
from alexnet.errors import DataError
from alexnet.files import is_file, shown_name
from alexnet.studio.answers import answer, posted
from alexnet.studio.copies import copy_routes, copy_state, free_copy_path
from alexnet.studio.workspace import Workspace, workspace_of

__all__ = ["ROUTES"]

MOST_SWAPPED = 0.99
"""Fraction of the labels that may be swapped."""

COUNTS = ("num_images", "swapped", "near_duplicates")
"""What is told of a copy. In which class the corner is, is to be found out."""


def start(request: Request, values: dict[str, Any]) -> Any:
    """Start to write a copy with planted faults, as a process of its own; the corrections of the folder are applied.

    `name` is that of the copy; `swap`: fraction of the labels, `duplicates`: number, `corner` and `dark`: classes or
    nothing, `seed`; `between`: classes among which labels are swapped, none for all; `keeps_names`: of the files.
    """
    workspace, name = workspace_of(request), request.path_params["name"]
    folder = workspace.folder(name)
    words = _fault_words(values, folder.classes)
    out = free_copy_path(workspace, values.get("name"))
    if effective(read_corrections(file := corrections_path(folder.path))):
        words += ["--corrections", str(file)]
    workspace.jobs.start(["data", "spoil", str(folder.path), "--out", str(out), *words, "--json"], out)
    return _state(workspace, out)


def _fault_words(values: dict[str, Any], classes: tuple[str, ...]) -> list[str]:
    """The options of the command; its own rules are those of the library."""
    swap, duplicates, seed = (values.get(key, 0) for key in ("swap", "duplicates", "seed"))
    if isinstance(swap, bool) or not isinstance(swap, int | float) or not 0 <= swap <= MOST_SWAPPED:
        raise DataError(f"swapped labels: give 0 to {100 * MOST_SWAPPED:g} %")
    for title, number in (("near duplicates", duplicates), ("seed", seed)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise DataError(f"{title}: give a whole number, 0 or more")
    marks = {key: values.get(key) or "" for key in ("corner", "dark")}
    for key, mark in marks.items():
        if mark and mark not in classes:
            raise DataError(f"{key}: the folder has no class {shown_name(str(mark))[:80]}; choose one that it has")
    if not (swap or duplicates or any(marks.values())):
        raise DataError("no fault is chosen; choose at least one to plant")
    between = values.get("between") or []
    if not isinstance(between, list) or not set(map(str, between)) <= set(classes) or len(between) == 1:
        raise DataError("classes among which labels are swapped: choose two or more, or none for all")
    named = [f"--{key}={mark}" for key, mark in marks.items() if mark]
    if swap and between:  # quoted, as a name may hold a comma
        quoted = ['"' + name.replace('"', '""') + '"' for name in between]
        named.append(f"--between={','.join(quoted)}")
    if values.get("keeps_names") is True:
        named.append("--keep-names")
    return ["--swap", str(swap), "--duplicates", str(duplicates), "--seed", str(seed), *named]


def _state(workspace: Workspace, out: Path) -> dict[str, Any]:
    state = copy_state(workspace, out, ("data", "spoil"))
    if (result := state["result"]) is not None:
        state["result"] = {key: result[key] for key in COUNTS}
    return state


# --- grading
def answers(request: Request) -> Response:
    """Whether the folder has an answer sheet."""
    return answer({"has_answers": is_file(_path(request) / ANSWERS)})


def grade(request: Request, _: dict[str, Any]) -> Any:
    """What the corrections of the folder do to the planted faults."""
    path = _path(request)
    file = corrections_path(path)
    if not is_file(file):
        raise DataError(f"{shown_name(path.name)}: has no corrections yet; correct the labels that are wrong first")
    graded = alexnet.grade(path, file)
    return {"score": graded.corrections and graded.corrections.to_dict()}


def _path(request: Request) -> Path:
    return workspace_of(request).folder_path(request.path_params["name"])


ROUTES: list[BaseRoute] = [
    Route("/api/folders/{name}/spoiled", posted(start), methods=["POST"]),
    *copy_routes("/api/folders/{name}/spoiled", _state),
    Route("/api/folders/{name}/grade", answers),
    Route("/api/folders/{name}/grade", posted(grade), methods=["POST"]),
]
