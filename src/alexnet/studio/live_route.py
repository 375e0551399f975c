"""The live socket: tells a tab about the trainings that it follows whenever one has changed."""

import asyncio
import contextlib
import json
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from alexnet.errors import AlexNetError
from alexnet.studio.answers import plain_json
from alexnet.studio.follow import Followed, follow_run
from alexnet.studio.workspace import Workspace, workspace_of

__all__ = ["MOST_TOPICS", "ROUTES"]

MOST_TOPICS = 8
"""Trainings that one tab follows."""

SECONDS = 0.5
"""Between two looks at what is followed; `Followed` says how often the run folder is read."""


async def live(socket: WebSocket) -> None:
    """Messages to it: {"follow": {"run": NAME}, "id": ID} and {"leave": ID}; from it: {"id": ID, ...the state}."""
    workspace = workspace_of(socket)
    await socket.accept()
    tasks: dict[int, asyncio.Task[None]] = {}
    try:
        while True:
            message = _read(await socket.receive_text())
            ended = tasks.pop(message.get("leave", message.get("id", -1)), None)
            if ended is not None:
                ended.cancel()
            if "follow" in message and len(tasks) < MOST_TOPICS:
                place = message["id"]
                tasks[place] = asyncio.create_task(_follow(socket, workspace, message["follow"]["run"], place))
    except (WebSocketDisconnect, ValueError):
        pass
    finally:
        for task in tasks.values():
            task.cancel()
        if socket.client_state is WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError):
                await socket.close(1008)


def _read(text: str) -> dict[str, Any]:
    """A message of the page.

    Raises:
        ValueError: it is none.
    """
    message = json.loads(text)
    if not isinstance(message, dict):
        raise ValueError("not an object")
    if "follow" in message:
        topic = message["follow"]
        if not isinstance(topic, dict) or not isinstance(topic.get("run"), str) or type(message.get("id")) is not int:
            raise ValueError("not a topic")
    elif type(message.get("leave")) is not int:
        raise ValueError("neither follow nor leave")
    return message


async def _follow(socket: WebSocket, workspace: Workspace, name: str, place: int) -> None:
    known: dict[str, Followed] = socket.app.state.followed
    sent = ""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            try:
                workspace.training_path(name)
                state = await run_in_threadpool(follow_run(known, workspace, name).state)
            except AlexNetError as error:
                state = {"name": name, "status": "gone", "fault": str(error)}
            text = plain_json({"id": place} | state)
            if text != sent:
                await socket.send_text(text)
                sent = text
            await asyncio.sleep(SECONDS)


ROUTES: list[BaseRoute] = [WebSocketRoute("/api/live", live)]
