"""Thumbnails of the images of a folder. A request names an image by its place in the listing, never by a path."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alexnet.data.folder import ImageFolder
from alexnet.data.image_file import reserve_bytes, too_many_bytes
from alexnet.data.thumbnail import thumbnail
from alexnet.errors import DataError
from alexnet.studio.answers import NotHereError, refuse
from alexnet.studio.workspace import workspace_of

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


def small_image(request: Request) -> Response:
    """The thumbnail, or with `large=1` the larger copy, of an image of a folder in the version that `v` names."""
    workspace, name = workspace_of(request), request.path_params["name"]
    folder, version = workspace.folder(name), workspace.version(name)
    if request.query_params.get("v") != version:
        return refuse(409, "the folder has changed; load the page again")
    place = request.path_params["place"]
    side = LARGE_SIDE if "large" in request.query_params else SIDE
    try:
        data = thumbnail(image_bytes(folder, place), side)
    except DataError as error:
        if isinstance(error, NotHereError):
            raise
        raise DataError(f"{folder.files[place].entry.name}: {error}") from error
    return Response(data, media_type="image/jpeg", headers=FOR_EVER)


ROUTES = [Route("/api/folders/{name}/thumbnails/{place:int}", small_image)]
