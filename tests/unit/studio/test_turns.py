"""Questions that take a while are answered one after another."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import alexnet
from alexnet.errors import GeometryError
from alexnet.runs.run import Run
from alexnet.studio.access import LOOPBACK
from tests.studio_server import Studio


def test_slow_question_whose_asker_has_gone_is_not_answered(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, goes_on = threading.Event(), threading.Event()
    asked: list[str] = []

    def slow_unit(_run: Run, address: str, **_: object) -> None:
        asked.append(address)
        begun.set()
        assert goes_on.wait(30)
        raise GeometryError("that is enough")

    monkeypatch.setattr(alexnet, "unit", slow_unit)
    path = "/api/runs/first/units/conv1"
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(studio.ask, f"{path}/1")
        assert begun.wait(30)
        with socket.create_connection((LOOPBACK, studio.access.port)) as leaver:
            leaver.sendall(f"GET {path}/2 HTTP/1.1\r\nHost: {studio.host}\r\n\r\n".encode())
            time.sleep(0.3)  # its turn has not come
        time.sleep(0.3)
        last = pool.submit(studio.ask, f"{path}/3")
        goes_on.set()
        assert first.result().error == last.result().error == "that is enough"
    assert asked == ["conv1/1", "conv1/3"]
