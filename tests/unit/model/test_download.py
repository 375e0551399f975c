"""Downloads against a local server: whole, resumed, refused."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from alexnet.errors import DownloadError
from alexnet.model.download import IMAGENET, RemoteWeights, fetch_weights

CONTENT = bytes(range(256)) * 9000
DIGEST = sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT with ranges; `/short` breaks off, `/gone` is missing."""

    requests: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        Handler.requests.append(self.headers.get("Range"))
        if self.path.startswith("/gone"):
            self.send_error(404)
            return
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end = 1_000_000 if self.path.startswith("/short") and not asked else len(CONTENT)
        self.wfile.write(CONTENT[start:end])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    Handler.requests = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path))
    return tmp_path / "weights"


def test_file_comes_once_with_progress(server: str) -> None:
    remote, seen = RemoteWeights(f"{server}/w.pth", DIGEST[:8]), []
    path = fetch_weights(remote, on_progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert fetch_weights(remote) == path
    assert len(Handler.requests) == 1


def test_damaged_copy_is_downloaded_again(server: str, empty_cache: Path) -> None:
    remote = RemoteWeights(f"{server}/w.pth", DIGEST[:8])
    path = fetch_weights(remote)
    damaged = bytearray(CONTENT)
    damaged[1000] ^= 1
    path.write_bytes(damaged)
    assert fetch_weights(remote).read_bytes() == CONTENT
    assert len(Handler.requests) == 2


def test_two_threads_download_the_file_once(server: str) -> None:
    remote = RemoteWeights(f"{server}/w.pth", DIGEST[:8])
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: fetch_weights(remote), range(2)))
    assert paths[0].read_bytes() == CONTENT
    assert len(Handler.requests) == 1


def test_broken_download_continues_where_it_stopped(server: str, empty_cache: Path) -> None:
    remote = RemoteWeights(f"{server}/short.pth", DIGEST[:8])
    with pytest.raises(DownloadError, match="continues where it stopped"):
        fetch_weights(remote)
    there = (empty_cache / "short.pth.part").stat().st_size
    assert 0 < there < len(CONTENT)
    assert fetch_weights(remote).read_bytes() == CONTENT
    assert Handler.requests == [None, f"bytes={there}-"]


def test_part_that_is_whole_already_is_taken(server: str, empty_cache: Path) -> None:
    empty_cache.mkdir()
    (empty_cache / "w.pth.part").write_bytes(CONTENT)
    assert fetch_weights(RemoteWeights(f"{server}/w.pth", DIGEST[:8])).read_bytes() == CONTENT


def test_wrong_digest_is_refused_and_forgotten(server: str, empty_cache: Path) -> None:
    with pytest.raises(DownloadError, match=f"begins with {DIGEST[:8]}, not 00000000"):
        fetch_weights(RemoteWeights(f"{server}/w.pth", "00000000"))
    assert [path.name for path in empty_cache.iterdir() if not path.name.startswith(".")] == []


def test_missing_file_names_the_answer(server: str) -> None:
    with pytest.raises(DownloadError, match="the server answers 404"):
        fetch_weights(RemoteWeights(f"{server}/gone.pth", DIGEST[:8]))


def test_no_server_is_said_in_one_line() -> None:
    with pytest.raises(DownloadError, match="cannot be downloaded .* check the address and the connection"):
        fetch_weights(RemoteWeights("http://127.0.0.1:9/w.pth", DIGEST[:8]))


def test_imagenet_weights_are_torchvisions_file() -> None:
    assert IMAGENET.file_name == "alexnet-owt-7be5be79.pth"
    assert IMAGENET.sha256_prefix == "7be5be79"
