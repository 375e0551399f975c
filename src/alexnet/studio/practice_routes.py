"""Practice images in one click."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.errors import DataError
from alexnet.files import shown_name
from alexnet.studio.answers import answer
from alexnet.studio.workspace import workspace_of

__all__ = ["ROUTES"]

NUM_TRAIN, NUM_TEST = 800, 200
"""Images that a click draws: enough to train on, few enough to wait for."""


async def practice(request: Request) -> Response:
    """Draw practice images into the folder `practice`, and answer when they are there."""
    workspace = workspace_of(request)
    directory = workspace.practice_dir
    if directory.exists() and any(directory.iterdir()):
        raise DataError(f"{shown_name(directory)}: already exists; delete it to have it drawn again")
    words = ["data", "soccer", str(directory), "--train", str(NUM_TRAIN), "--test", str(NUM_TEST)]
    job = workspace.jobs.start(words, directory)
    while workspace.jobs.is_alive(job):
        await asyncio.sleep(0.2)
    listing = workspace.listing(seconds=0.0)
    result: dict[str, Any] = {name: path for name, path in listing.folders.items() if path == directory}
    if not result:
        raise DataError(workspace.jobs.fault(job) or "the images were not drawn; try again")
    return answer({"folder": next(iter(result))})


ROUTES: list[BaseRoute] = [Route("/api/practice", practice, methods=["POST"])]
