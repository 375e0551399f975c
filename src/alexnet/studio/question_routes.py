"""Is a folder good enough? Whether there are enough images, and whether classes are recognized without the object.

Both questions are commands that run in the background. The table that one writes lies in the user's cache, and its
result in its log. It belongs to a version of the folder and its corrections; until the present version has one, that
of an earlier version is shown.
"""

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import alexnet
from alexnet.data.corrections import corrections_path, effective, read_corrections
from alexnet.errors import DataError
from alexnet.files import shown_name
from alexnet.studio.answers import NotHereError, answer, posted, read_object
from alexnet.studio.doubts_routes import corrected_folder
from alexnet.studio.image_lists import latest_list, list_path
from alexnet.studio.job_state import job_state, stop_job
from alexnet.studio.jobs import Jobs
from alexnet.studio.turns import in_turn
from alexnet.studio.workspace import Workspace, workspace_of

__all__ = ["QUESTIONS", "ROUTES"]

QUESTIONS = ("enough", "shortcuts")
"""Commands that answer one."""

COUNTED = "num_corrections"
"""What the commands print beside the values of the result."""


def question(request: Request) -> Response:
    """The answer to a question, and how the job stands that finds it."""
    return answer(_state(workspace_of(request), request.path_params["name"], _kind(request)))


def ask(request: Request, _: dict[str, Any]) -> Any:
    """Start to find the answer, as a process of its own."""
    workspace, name, kind = workspace_of(request), request.path_params["name"], _kind(request)
    path = workspace.folder_path(name)
    target = list_path(path, kind, _version(workspace, path))
    words = [kind, str(path), "--csv", str(target), "--json"]
    if _decisions(path):
        words += ["--corrections", str(corrections_path(path))]
    workspace.jobs.start(words, target)
    return _state(workspace, name, kind)


def stop(request: Request, _: dict[str, Any]) -> Any:
    """Stop looking for the answer; trainings that are done are kept."""
    workspace, name, kind = workspace_of(request), request.path_params["name"], _kind(request)
    path = workspace.folder_path(name)
    stop_job(workspace.jobs, list_path(path, kind, _version(workspace, path)))
    return _state(workspace, name, kind)


async def plan(request: Request) -> Response:
    """How many seconds it takes to find out whether there are enough images."""
    await read_object(request)
    workspace, name = workspace_of(request), request.path_params["name"]
    return await in_turn(request, lambda: {"seconds": alexnet.plan_enough(corrected_folder(workspace, name))})


async def figure(request: Request) -> Response:
    """The learning curves of a version of the folder as PNG, with `theme=dark` for a dark page."""
    path = workspace_of(request).folder_path(request.path_params["name"])
    is_dark = request.query_params.get("theme") == "dark"
    target = list_path(path, "enough", request.path_params["version"])
    return await in_turn(request, lambda: _draw(workspace_of(request).jobs, target, is_dark=is_dark))


def _draw(jobs: Jobs, target: Path, *, is_dark: bool) -> Response:
    from alexnet.audit.enough import Enough
    from alexnet.figures.canvas import png_bytes
    from alexnet.figures.dark import darken

    result, _ = _result(jobs, target)
    if result is None:
        raise NotHereError("this has not been measured; ask the question again")
    try:
        drawn = Enough.from_dict(result).draw()
    except ValueError as error:
        raise DataError(f"{shown_name(target.name)}: its result is damaged ({error}); ask again") from error
    if is_dark:
        darken(drawn)
    return Response(png_bytes(drawn), media_type="image/png", headers={"cache-control": "no-cache"})


# --- what is known
def _state(workspace: Workspace, name: str, kind: str) -> dict[str, Any]:
    """The result as the library gives it, None if not known, the version that it is of, and the state of the job."""
    path = workspace.folder_path(name)
    target = list_path(path, kind, _version(workspace, path))
    known = latest_list(target)
    result, num_corrections = (None, 0) if known is None else _result(workspace.jobs, known)
    state = job_state(workspace.jobs, target)
    job = workspace.jobs.of(target)
    if job is not None and known != target and not state["is_alive"] and not state["is_stopped"]:
        state["fault"] = state["fault"] or workspace.jobs.reason(job)
    return {
        "result": result,
        "num_corrections": num_corrections,
        "version": None if result is None or known is None else known.stem.rpartition("-")[2],
        "is_old": result is not None and known != target,
        "job": state,
    }


def _result(jobs: Jobs, target: Path) -> tuple[dict[str, Any] | None, int]:
    """What the command that wrote a table has printed, and the number of corrections that were applied."""
    job = jobs.of(target) if target.is_file() else None
    values = None if job is None else jobs.result(job)
    if values is None or COUNTED not in values:
        return None, 0
    return {key: value for key, value in values.items() if key != COUNTED}, values[COUNTED]


def _version(workspace: Workspace, path: Path) -> str:
    """Digits that change when a file of the folder does, or a correction."""
    scan, decisions = workspace.scan(path), _decisions(path)
    if not decisions:
        return scan.version
    return scan.version + blake2b(json.dumps(decisions, sort_keys=True).encode(), digest_size=8).hexdigest()


def _decisions(path: Path) -> dict[str, Any]:
    lines = effective(read_corrections(corrections_path(path)))
    return {file: [line.action, line.to] for file, line in lines.items()}


def _kind(request: Request) -> str:
    return request.url.path.removesuffix("/stop").rpartition("/")[2]


ROUTES: list[BaseRoute] = [
    *(Route(f"/api/folders/{{name}}/{kind}", question) for kind in QUESTIONS),
    *(Route(f"/api/folders/{{name}}/{kind}", posted(ask), methods=["POST"]) for kind in QUESTIONS),
    *(Route(f"/api/folders/{{name}}/{kind}/stop", posted(stop), methods=["POST"]) for kind in QUESTIONS),
    Route("/api/folders/{name}/enough/plan", plan, methods=["POST"]),
    Route("/api/folders/{name}/enough/figure/{version}", figure),
]
