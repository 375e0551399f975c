"""Values as JSON, errors as one line: what every route of the studio answers with."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alexnet.errors import AlexNetError
from alexnet.records import plain_value

__all__ = [
    "HANDLERS",
    "MOST_BODY_BYTES",
    "Endpoint",
    "NotHereError",
    "answer",
    "plain_json",
    "posted",
    "read_body",
    "read_object",
    "refuse",
]

MOST_BODY_BYTES = 8_000_000
"""Bytes of a request's JSON: the names of 50,000 files."""

Endpoint = Callable[[Request], Awaitable[Response]]


class NotHereError(AlexNetError):
    """A name that the listing does not hold."""


def answer(value: Any, *, status: int = 200) -> Response:
    """A value as JSON. What is not a number (NaN, infinity) is null; bytes of names that are no text are escaped."""
    return Response(plain_json(value), status, media_type="application/json")


def plain_json(value: Any) -> str:
    """A value as JSON text, see `answer`."""
    return json.dumps(plain_value(value), allow_nan=False)


def refuse(status: int, message: str) -> Response:
    """One line that says what is wrong and what to do."""
    return JSONResponse({"error": message}, status)


def posted(function: Callable[[Request, dict[str, Any]], Any]) -> Endpoint:
    """A route of a function that gets the request and the object that was posted; it runs in a thread."""

    async def endpoint(request: Request) -> Response:
        values = await read_object(request)
        result = await run_in_threadpool(function, request, values)
        return result if isinstance(result, Response) else answer(result)

    return endpoint


async def read_object(request: Request) -> dict[str, Any]:
    """The object that a request posts.

    Raises:
        HTTPException: 415, 413 or 400: it is no JSON, too long, or no object.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "the request is not JSON; send it with the type application/json")
    try:
        values = json.loads(await read_body(request, MOST_BODY_BYTES))
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the request is not valid JSON") from error
    if not isinstance(values, dict):
        raise HTTPException(400, "the request is not a JSON object")
    return values


async def read_body(request: Request, most: int) -> bytes:
    """The body of a request; no more than `most` bytes are ever held.

    Raises:
        HTTPException: 413, it is longer.
    """
    parts, length = [], 0
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > most:
        raise _too_long(most)
    async for part in request.stream():
        length += len(part)
        if length > most:
            raise _too_long(most)
        parts.append(part)
    return b"".join(parts)


def _too_long(most: int) -> HTTPException:
    return HTTPException(413, f"too large: {most / 1e6:g} MB is the limit; send less at a time")


# --- errors
async def _answer_known(_: Request, error: Exception) -> Response:
    return refuse(404 if isinstance(error, NotHereError) else 400, " ".join(str(error).split()))


async def _answer_http(_: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 400)
    return refuse(status, getattr(error, "detail", "") or "this cannot be answered")


async def _answer_fault(_: Request, error: Exception) -> Response:
    fault = f"a fault of this program ({type(error).__name__}); the terminal shows more, please report it"
    return refuse(500, fault)


HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    AlexNetError: _answer_known,
    HTTPException: _answer_http,
    Exception: _answer_fault,
}
"""What answers an error, by its kind."""
