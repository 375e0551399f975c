"""Thumbnails of the images of a folder. A request names an image by its place in the listing, never by a path."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.data.folder import ImageFolder
from alexnet.data.image_file import reserve_bytes, too_many_bytes
from alexnet.data.thumbnail import thumbnail
from alexnet.errors import DataError
from alexnet.studio.answers import NotHereError, refuse
from alexnet.studio.workspace import Workspace, workspace_of

__all__ = ["ROUTES", "image_bytes"]

SIDE = 160
LARGE_SIDE = 960
"""Longer side in px of a thumbnail, and of an image that is looked at alone."""

FOR_EVER = {"cache-control": "private, max-age=31536000, immutable"}
"""The address holds the version of the folder: what it names never changes."""


def image_bytes(folder: ImageFolder, place: int) -> bytes:
    """The file at a place of a folder's listing.

    Raises:
        NotHereError: the listing is not that long.
        DataError: the file cannot be read.
    """
    if not 0 <= place < len(folder.files):
        raise NotHereError("there is no such image in the folder")
    entry = folder.files[place].entry
    fault = entry.problem or too_many_bytes(entry.num_bytes)
    if fault:
        raise DataError(f"{entry.name}: {fault}")
    try:
        with reserve_bytes(entry.num_bytes):
            return folder.source.read(entry)
    except OSError as error:
        raise DataError(f"{entry.name}: cannot be read ({error.strerror or error}); put it back") from error


def of_folder(request: Request) -> Response:
    """The thumbnail of an image of a folder."""
    workspace = workspace_of(request)
    return _answer(request, workspace, workspace.folder_path(request.path_params["name"]))


def of_run(request: Request) -> Response:
    """The thumbnail of an image that a run was trained or tested on, by its place in the run's folder of images."""
    workspace = workspace_of(request)
    return _answer(request, workspace, Path(workspace.run(request.path_params["name"]).about.data.path))


def _answer(request: Request, workspace: Workspace, path: Path) -> Response:
    """The thumbnail, or with `large` the larger copy, of an image in the version of its folder that `v` names."""
    scan = workspace.scan_in_version(path, request.query_params.get("v", ""))
    if scan is None:
        return refuse(409, "the folder has changed; load the page again")
    place = request.path_params["place"]
    side = LARGE_SIDE if "large" in request.query_params else SIDE
    data = image_bytes(scan.folder, place)
    try:
        small = thumbnail(data, side)
    except DataError as error:
        raise DataError(f"{scan.folder.files[place].entry.name}: {error}") from error
    return Response(small, media_type="image/jpeg", headers=FOR_EVER)


ROUTES: list[BaseRoute] = [
    Route("/api/folders/{name}/thumbnails/{place:int}", of_folder),
    Route("/api/runs/{name}/thumbnails/{place:int}", of_run),
]
