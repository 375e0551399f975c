"""The studio's life: a port, the server, and its end."""

import asyncio
import errno
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from alexnet.errors import DataError
from alexnet.studio.access import LOOPBACK, Access
from alexnet.studio.application import create_application
from alexnet.studio.queue_routes import watch_queue
from alexnet.studio.workspace import Workspace, require_readable

__all__ = ["USUAL_PORT", "listen", "make_server", "serve_studio"]

USUAL_PORT = 8775
"""The port that is taken where it is free, so that an open page reaches a server that was started again."""

MOST_CONNECTIONS = 200
LONGEST_MESSAGE = 1 << 16
"""Bytes of a WebSocket's message."""

GRACE_SECONDS = 2

SWITCH_SECONDS = 0.0005
"""Python's switch interval while the studio runs, usually 0.005: a thread that answers waits so long for one that
computes."""


def serve_studio(
    paths: Sequence[Path | str] = (),
    *,
    host: str | None = None,
    port: int | None = None,
    on_ready: Callable[[str], object] = str,
) -> None:
    """Serve the studio, a local web page, until it is interrupted.

    Args:
        paths: runs, folders of images, or folders that hold some; the current folder by default.
        host: the address to listen on; by default loopback, which only this computer can reach. If one is given, the
            link holds a token, and whoever has the link is let in.
        port: of the server; by default 8775, or any free one if that is in use.
        on_ready: called with the link once the server answers.

    Raises:
        DataError: a path is not there, or the port is in use.
        KeyboardInterrupt: it was interrupted.

    >>> serve_studio(["no-such-folder"])
    Traceback (most recent call last):
    ...
    alexnet.errors.DataError: no-such-folder: no such file or folder; give runs, or folders that hold some
    """
    opened = [Path(path).expanduser() for path in paths] or [Path()]
    require_readable(opened)
    with listen(host or LOOPBACK, port) as listener:
        token = None if host is None else secrets.token_urlsafe(18)
        access = Access(host or LOOPBACK, listener.getsockname()[1], token)
        server = make_server(Workspace(opened), access, lambda: on_ready(access.address))
        usual = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            server.run(sockets=[listener])
        finally:
            sys.setswitchinterval(usual)


def make_server(workspace: Workspace, access: Access, on_ready: Callable[[], object]) -> uvicorn.Server:
    """The server of a workspace, with its bounds; `run` it on a socket that listens."""
    config = uvicorn.Config(
        create_application(workspace, access),
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        ws="websockets-sansio",
        ws_max_size=LONGEST_MESSAGE,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return _Server(config, workspace, on_ready)


class _Server(uvicorn.Server):
    """A server that says when it answers, and meanwhile starts the trainings that wait."""

    def __init__(self, config: uvicorn.Config, workspace: Workspace, on_ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._workspace, self._on_ready = workspace, on_ready
        self._watch: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer."""
        await super().startup(sockets)
        self._watch = asyncio.create_task(watch_queue(self._workspace))
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer no more; what waits, waits for the next server."""
        if self._watch is not None:
            self._watch.cancel()
        await super().shutdown(sockets)


def listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens; without a port at the usual one, or at any that is free.

    Raises:
        DataError: the port is in use, or the host is no address of this computer.
    """
    for wanted in (USUAL_PORT, 0) if port is None else (port,):
        try:
            made = socket.create_server((host, wanted), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
            # asyncio sends small packets at once only from sockets that are marked as TCP; others wait 40 ms
            return socket.socket(made.family, made.type, socket.IPPROTO_TCP, made.detach())
        except OSError as error:
            if port is None and wanted and error.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            if error.errno == errno.EADDRINUSE:
                raise DataError(f"port {wanted}: is in use; choose another --port, or leave it out") from error
            reason = error.strerror or str(error)
            raise DataError(f"{host}:{wanted}: cannot be served ({reason}); check --host and --port") from error
    raise AssertionError("the last port is any that is free")
