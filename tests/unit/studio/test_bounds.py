"""More than the bounds is refused in words, and what was refused leaves room again."""

import asyncio
from typing import Any

from alexnet.studio.bounds import Bounds


async def _ask(app: Bounds, kind: str) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app({"type": kind, "method": "GET", "path": "/", "headers": []}, receive, send)
    return sent


def test_only_so_many_at_a_time() -> None:
    async def check(kind: str) -> list[dict[str, Any]]:
        gate = asyncio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await gate.wait()
            await send({"type": "done"})

        app = Bounds(slow, most_requests=2, most_sockets=2)
        waiting = [asyncio.create_task(_ask(app, kind)) for _ in range(2)]
        await asyncio.sleep(0)
        refused = await asyncio.wait_for(_ask(app, kind), 5)
        gate.set()
        assert [answer[0]["type"] for answer in await asyncio.gather(*waiting)] == ["done", "done"]
        assert (await _ask(app, kind))[0]["type"] == "done", "the room is free again"
        return refused

    refused = asyncio.run(check("http"))
    assert refused[0]["status"] == 503
    assert b"too many requests at a time" in refused[1]["body"]
    assert asyncio.run(check("websocket"))[0] == {"type": "websocket.close", "code": 1013}
