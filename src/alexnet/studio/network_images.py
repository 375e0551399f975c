"""Images as a run's network gets them: those of its folder by name, and those that were sent, by their content."""

import io
from collections import OrderedDict
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.errors import DataError
from alexnet.files import shown_name
from alexnet.studio.answers import NotHereError, answer, read_body
from alexnet.studio.thumbnails import image_bytes
from alexnet.studio.workspace import workspace_of

if TYPE_CHECKING:
    from alexnet.data.decode import Pixels
    from alexnet.runs.run import Run

__all__ = ["MOST_BYTES", "ROUTES", "decode", "jpeg", "network_pixels"]

SENT = "sent:"
"""Begins the name of an image that was sent."""

MOST_SENT = 8
"""Images that were sent and are kept in memory."""

MOST_BYTES = 20_000_000
"""Bytes of an image that is sent."""

_sent: OrderedDict[str, bytes] = OrderedDict()


def network_pixels(request: Request, run: "Run", name: str) -> "Pixels":
    """An image as the network gets it: uint8 [size, size, 3].

    Args:
        name: of a file of the run's folder, or what `receive` answered.

    Raises:
        NotHereError: there is no such image.
        DataError: it cannot be used.
    """
    if name.startswith(SENT):
        if name not in _sent:
            raise NotHereError("this image was sent to another studio, or long ago; choose it again")
        data = _sent[name]
    else:
        scan = workspace_of(request).scan(Path(run.about.data.path))
        if name not in scan.places:
            raise NotHereError(f"{shown_name(name)[:80]}: is not among the images of the run; put it back")
        data = image_bytes(scan.folder, scan.places[name])
    return decode(run, data, "the image" if name.startswith(SENT) else name)


def decode(run: "Run", data: bytes, name: str) -> "Pixels":
    """The bytes of an image file as the network gets them: uint8 [size, size, 3].

    Raises:
        DataError: they cannot be used; the message has the name.
    """
    from alexnet.data.decode import center_crop, inspect_image

    pixels, facts = inspect_image(data, run.model.preprocessing)
    if pixels is None:
        raise DataError(f"{shown_name(name)[:80]}: cannot be used ({facts.error}); choose a JPEG or PNG")
    return center_crop(pixels, run.model.preprocessing)


async def receive(request: Request) -> Response:
    """Take an image and answer the name that it has from now on."""
    data = await read_body(request, MOST_BYTES)
    name = SENT + blake2b(data, digest_size=12).hexdigest()
    _sent[name] = data
    _sent.move_to_end(name)
    while len(_sent) > MOST_SENT:
        _sent.popitem(last=False)
    return answer({"image": name})


def jpeg(pixels: "Pixels") -> bytes:
    """An image as JPEG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=90)
    return buffer.getvalue()


ROUTES: list[BaseRoute] = [Route("/api/images", receive, methods=["POST"])]
