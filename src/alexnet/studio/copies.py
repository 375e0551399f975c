"""Copies of a folder of images that commands write in the background: where they are, and how far."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alexnet.data.folder_layout import split_of
from alexnet.errors import DataError
from alexnet.files import shown_name
from alexnet.safe_name import safe_name
from alexnet.studio.job_state import job_state
from alexnet.studio.workspace import Workspace

__all__ = ["copy_path", "copy_state", "free_copy_path"]


def copy_path(workspace: Workspace, name: str) -> Path:
    """Where a copy of a name lies."""
    return workspace.home / safe_name(name.strip().lstrip("."))


def free_copy_path(workspace: Workspace, name: object) -> Path:
    """The same for a new copy.

    Raises:
        DataError: the name is empty, means a part of a folder, or is that of something that is there.
    """
    if not isinstance(name, str) or not name.strip():
        raise DataError("name: is empty; give the copy a name")
    out = copy_path(workspace, name)
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
