"""The studio's server in a thread of a test, and requests to it as a browser or a stranger would send them."""

import contextlib
import http.client
import json
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alexnet.studio.access import LOOPBACK, Access
from alexnet.studio.image_lists import list_path
from alexnet.studio.serve import listen, make_server
from alexnet.studio.workspace import Workspace

__all__ = ["Answer", "Studio", "new_folder", "served"]


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def values(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.values["error"])


@dataclass(frozen=True)
class Studio:
    """A server that runs."""

    access: Access
    workspace: Workspace

    @property
    def host(self) -> str:
        return f"{LOOPBACK}:{self.access.port}"

    @property
    def address(self) -> str:
        return f"http://{self.host}/"

    def ask(
        self, path: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A request with the headers that are given, and the right `Host` unless another is."""
        connection = http.client.HTTPConnection(LOOPBACK, self.access.port, timeout=60)
        sent = {"Host": self.host} | dict(headers or {})
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                connection.putheader(name, value)
            if body is not None and "Content-Length" not in sent:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def post(self, path: str, values: object = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """An object, as the page sends it."""
        own = {"Content-Type": "application/json", "Origin": f"http://{self.host}", "Sec-Fetch-Site": "same-origin"}
        body = json.dumps({} if values is None else values).encode()
        return self.ask(path, method="POST", body=body, headers=own | dict(headers or {}))


@contextlib.contextmanager
def served(paths: Sequence[Path], *, token: str | None = None, port: int = 0) -> Iterator[Studio]:
    """A server of a workspace, until the block ends."""
    ready = threading.Event()
    with listen(LOOPBACK, port) as listener:
        access = Access("0.0.0.0" if token else LOOPBACK, listener.getsockname()[1], token)
        workspace = Workspace(paths)
        server = make_server(workspace, access, ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert ready.wait(30)
            yield Studio(access, workspace)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


@contextlib.contextmanager
def new_folder(studio: Studio, folder: Path) -> Iterator[Path]:
    """A folder that was just written, of which nothing is known, and nothing is left at the end."""
    studio.workspace.listing(seconds=0)
    studio.workspace.forget(folder)
    yield folder
    for job in studio.workspace.jobs.known():
        studio.workspace.jobs.stop(job)
    shutil.rmtree(folder)
    shutil.rmtree(list_path(folder, "", "").parent, ignore_errors=True)
