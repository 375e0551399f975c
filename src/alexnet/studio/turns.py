"""What computes at length, one after the other: each has the cores for itself."""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from alexnet.studio.answers import answer, refuse
from alexnet.studio.workspace import workspace_of

__all__ = ["in_turn"]

PATIENCE = 0.1
"""Seconds between two looks whether the computation before has ended."""


async def in_turn(request: Request, compute: Callable[[], Any]) -> Response:
    """What `compute` gives, as an answer: one at a time, and not for a page that no longer waits."""
    computing = workspace_of(request).computing
    while not computing.acquire(blocking=False):
        if await request.is_disconnected():
            return refuse(408, "the page has asked for something else since")
        await asyncio.sleep(PATIENCE)
    try:
        result = await run_in_threadpool(compute)
    finally:
        computing.release()
    return result if isinstance(result, Response) else answer(result)
