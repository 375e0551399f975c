"""Copies of a folder of images that commands write in the background: where they are, and how far."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.data.folder_layout import split_of
from alexnet.errors import DataError
from alexnet.files import shown_name
from alexnet.safe_name import safe_name
from alexnet.studio.answers import answer, posted
from alexnet.studio.job_state import job_state, stop_job
from alexnet.studio.workspace import Workspace, workspace_of

__all__ = ["copy_routes", "copy_state", "free_copy_path"]


def _copy_path(workspace: Workspace, name: str) -> Path:
    """Where a copy of a name lies."""
    return workspace.home / safe_name(name.strip().lstrip("."))


def free_copy_path(workspace: Workspace, name: object) -> Path:
    """The same for a new copy.

    Raises:
        DataError: the name is empty, means a part of a folder, or is that of something that is there.
    """
    if not isinstance(name, str) or not name.strip():
        raise DataError("name: is empty; give the copy a name")
    out = _copy_path(workspace, name)
    if split_of(out.name):
        raise DataError(f"{shown_name(out.name)}: means a part of a folder; choose another name")
    if out.exists():
        raise DataError(f"{shown_name(out.name)}: already exists; choose another name")
    return out


def copy_state(workspace: Workspace, out: Path, command: Sequence[str]) -> dict[str, Any]:
    """How far a copy is; at the end, what its command has printed, and its name here.

    Args:
        command: the first words of the command that writes it.

    Returns:
        copy: its name. path: its path. folder: the name under which it is listed, None where it is not. result: what
        the command says of it, None before its end, or where another command wrote it. job: see `job_state`.
    """
    job, state = workspace.jobs.of(out), job_state(workspace.jobs, out)
    folder = result = None
    if job is not None and job.words[: len(command)] == tuple(command) and not state["is_alive"] and out.is_dir():
        result = workspace.jobs.result(job)
    if result is not None:
        workspace.listing(seconds=0.0)
        folder = workspace.folder_name(out.resolve())
    return {"copy": out.name, "path": shown_name(out), "folder": folder, "result": result, "job": state}


def copy_routes(prefix: str, state: Callable[[Workspace, Path], dict[str, Any]]) -> list[BaseRoute]:
    """Routes that tell how far a copy is, and that stop it; nothing is left of one that is stopped.

    Args:
        prefix: of the addresses, to which the name of the copy is added.
        state: makes the answer, of the path of the copy.
    """

    def look(request: Request) -> Response:
        workspace = workspace_of(request)
        return answer(state(workspace, _copy_path(workspace, request.path_params["copy"])))

    def stop(request: Request, _: dict[str, Any]) -> Any:
        workspace = workspace_of(request)
        out = _copy_path(workspace, request.path_params["copy"])
        stop_job(workspace.jobs, out)
        return state(workspace, out)

    return [Route(f"{prefix}/{{copy}}", look), Route(f"{prefix}/{{copy}}/stop", posted(stop), methods=["POST"])]
