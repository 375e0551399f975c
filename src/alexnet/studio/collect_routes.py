"""A new folder of images with empty classes, to be filled from the page: by the camera, or by dropping files."""

from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from alexnet.errors import DataError
from alexnet.files import disk_errors, shown_name
from alexnet.safe_name import safe_name
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
    names = list(dict.fromkeys(safe_name(each.strip().lstrip(".")) for each in classes if each.strip(" .")))
    if not 2 <= len(names) <= MOST_CLASSES:
        raise DataError(f"classes: are {len(names)}; give at least 2 and at most {MOST_CLASSES}")
    directory = workspace.home / safe_name(name.strip().lstrip("."))
    if directory.exists():
        raise DataError(f"{shown_name(directory.name)}: is there already; choose another name")
    with disk_errors(directory, DataError, "check its permissions"):
        for each in names:
            (directory / each).mkdir(parents=True)
        (directory / COLLECTED).touch()
    listed = workspace.listing(seconds=0.0).folders
    return {"folder": next(name for name, path in listed.items() if path == directory)}


ROUTES: list[BaseRoute] = [Route("/api/collect", posted(collect), methods=["POST"])]
