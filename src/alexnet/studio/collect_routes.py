"""A new folder of images with empty classes, to be filled from the page: by the camera, or by dropping files."""

from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from alexnet.errors import DataError
from alexnet.files import disk_errors, shown_name
from alexnet.safe_name import safe_name
from alexnet.studio.add_class import class_name
from alexnet.studio.answers import posted
from alexnet.studio.workspace import COLLECTED, workspace_of

__all__ = ["ROUTES"]

MOST_CLASSES = 100


def collect(request: Request, values: dict[str, Any]) -> Any:
    """Make a folder of the name and the classes that are posted; answers the name under which it is listed."""
    workspace = workspace_of(request)
    name, classes = values.get("name"), values.get("classes")
    if not isinstance(name, str) or not name.strip():
        raise DataError("name: is empty; give the new folder a name")
    if not isinstance(classes, list) or not all(isinstance(each, str) for each in classes):
        raise DataError("classes: is not a list of names")
    names = list(dict.fromkeys(class_name(each) for each in classes if class_name(each)))
    if not 2 <= len(names) <= MOST_CLASSES:
        raise DataError(f"classes: got {len(names)}; give 2 to {MOST_CLASSES}")
    directory = workspace.home / safe_name(name.strip().lstrip("."))
    if directory.exists():
        raise DataError(f"{shown_name(directory.name)}: already exists; choose another name")
    with disk_errors(directory, DataError, "check its permissions"):
        for each in names:
            (directory / each).mkdir(parents=True)
        (directory / COLLECTED).touch()
    workspace.listing(seconds=0.0)
    return {"folder": workspace.folder_name(directory.resolve())}


ROUTES: list[BaseRoute] = [Route("/api/collect", posted(collect), methods=["POST"])]
