"""An HTTP server on this machine that serves a folder, and does what servers do: drops, stalls, answers 500."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STALL_SECONDS = 0.6


@dataclass
class ShardServer:
    """What is served, how, and what was asked for.

    faults: file name → what its next answers are: `drop` breaks off in the middle, `stall` stops for longer than the
    time-out, a number is that answer.
    """

    folder: Path
    address: str = ""
    faults: dict[str, list[str | int]] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    ranges: list[tuple[str, str]] = field(default_factory=list)
    num_bytes: Counter[str] = field(default_factory=Counter)


def _handler(server: ShardServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            server.requests[name] += 1
            fault = server.faults.get(name, [])[:1]
            server.faults[name] = server.faults.get(name, [])[1:]
            path = server.folder / name
            if fault and isinstance(fault[0], int):
                self.send_error(fault[0])
                return
            if not path.is_file():
                self.send_error(404)
                return
            data, asked = path.read_bytes(), self.headers.get("Range")
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            if asked:
                server.ranges.append((name, asked))
            if start >= len(data) > 0:
                self.send_error(416)
                return
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            middle = start + (len(data) - start) // 2 if fault else len(data)
            self.wfile.write(data[start:middle])
            self.wfile.flush()
            server.num_bytes[name] += middle - start
            if fault == ["stall"]:
                time.sleep(STALL_SECONDS)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the other side has hung up
                self.close_connection = True

    return Handler


@contextmanager
def serve(folder: Path) -> Iterator[ShardServer]:
    """Serve a folder meanwhile."""
    server = ShardServer(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(server)) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        server.address = f"http://127.0.0.1:{http.server_address[1]}/some/shards.json"
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
