"""How much may be asked of the studio at a time; more is refused in one line."""

from starlette.types import ASGIApp, Receive, Scope, Send

from alexnet.studio.answers import refuse

__all__ = ["MOST_REQUESTS", "MOST_SOCKETS", "Bounds"]

MOST_REQUESTS = 64
"""Requests in progress. A browser has six for each server."""

MOST_SOCKETS = 24
"""WebSockets that are open: one for each tab."""


class Bounds:
    """Counts what is in progress and refuses what comes on top."""

    def __init__(self, app: ASGIApp, *, most_requests: int = MOST_REQUESTS, most_sockets: int = MOST_SOCKETS) -> None:
        self._app = app
        self._free = {"http": most_requests, "websocket": most_sockets}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request or a WebSocket as long as there is room."""
        kind = scope["type"]
        if kind not in self._free:
            await self._app(scope, receive, send)
        elif self._free[kind] > 0:
            self._free[kind] -= 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._free[kind] += 1
        elif kind == "http":
            await refuse(503, "too many requests at a time; try again in a moment")(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1013})
