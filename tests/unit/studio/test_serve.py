"""The command's life: it prints the address, answers without loading torch, and Ctrl-C ends it with one line."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.request import urlopen

import pytest

from alexnet.studio.access import LOOPBACK, Access
from alexnet.studio.serve import listen, make_server
from alexnet.studio.workspace import Workspace
from tests.conftest import draw_stripes

FIRST_PAGE = """
import sys, threading
from pathlib import Path
from urllib.request import urlopen
from alexnet.cli.main import run
from alexnet.studio.access import Access
from alexnet.studio.serve import listen, make_server
from alexnet.studio.workspace import Workspace
ready = threading.Event()
with listen("127.0.0.1", 0) as listener:
    port = listener.getsockname()[1]
    workspace = Workspace([Path()])
    server = make_server(workspace, Access(port=port), ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    ready.wait()
    version = workspace.version("images")
    for path in ("", "assets/studio/studio.js", "api/here", "api/folders/images", "api/recipes",
                 "api/folders/images/images", f"api/folders/images/thumbnails/0?v={version}"):
        assert urlopen(f"http://127.0.0.1:{port}/{path}").status == 200
    print("loaded", *sys.modules)
    server.should_exit = True
    thread.join()
"""


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for kind, name in enumerate(("x", "y")):
        (tmp_path / "images" / name).mkdir(parents=True)
        draw_stripes(kind, 1).save(tmp_path / "images" / name / "1.png")
    return tmp_path


@pytest.mark.slow
def test_first_page_list_and_thumbnails_load_no_torch_and_nothing_that_draws(images: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_PAGE], cwd=images, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.rpartition("loaded")[2].split())
    assert "starlette" in loaded
    assert loaded & {"torch", "matplotlib"} == set()


def test_small_packets_are_sent_at_once(images: Path) -> None:
    ready = threading.Event()
    with listen(LOOPBACK, 0) as listener:
        access = Access(port=listener.getsockname()[1])
        server = make_server(Workspace([images]), access, ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        assert ready.wait(30)
        with socket.create_connection((LOOPBACK, access.port)) as client:
            client.sendall(f"GET / HTTP/1.1\r\nHost: {LOOPBACK}:{access.port}\r\n\r\n".encode())
            assert client.recv(12) == b"HTTP/1.1 200"
            (connection,) = server.server_state.connections
            sender = connection.transport.get_extra_info("socket")  # type: ignore[union-attr]
            is_at_once = sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        server.should_exit = True
        thread.join(30)
    assert is_at_once


@pytest.mark.slow
def test_command_prints_its_address_and_ctrl_c_ends_it_with_one_line(images: Path) -> None:
    command = [sys.executable, "-m", "alexnet", "studio", "--no-open", "images"]
    with subprocess.Popen(
        command, cwd=images, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=dict(os.environ) | {"PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        line = process.stdout.readline()
        address = line.split()[1]
        assert line.startswith("studio: http://127.0.0.1:")
        assert b"<title>alexnet studio</title>" in urlopen(address).read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "alexnet: interrupted\n")
