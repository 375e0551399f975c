"""Nobody but the studio's own page gets anything, and no request reaches a file that is not listed."""

import json
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from alexnet.errors import DataError
from alexnet.studio.access import Access
from alexnet.studio.answers import MOST_BODY_BYTES
from alexnet.studio.serve import listen, serve_studio
from tests.studio_server import Studio, served

HOSTILE_HOSTS = [
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.0.0.1.evil.example:{port}",
    "",
]


@pytest.mark.parametrize("host", HOSTILE_HOSTS)
def test_another_name_for_this_server_is_refused(studio: Studio, host: str) -> None:
    """DNS rebinding: evil.example is made to point at 127.0.0.1, and its page asks for /api/here."""
    answer = studio.ask("/api/here", headers={"Host": host.format(port=studio.access.port)})
    assert answer.status in (400, 403)
    assert b"runs" not in answer.body


def test_names_of_loopback_are_answered(studio: Studio) -> None:
    for name in ("localhost", "127.0.0.1", "[::1]"):
        assert studio.ask("/api/here", headers={"Host": f"{name}:{studio.access.port}"}).status == 200


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_post_of_another_site_is_refused(studio: Studio, headers: dict[str, str]) -> None:
    answer = studio.post("/api/practice", headers=headers)
    assert (answer.status, answer.error) == (403, "other sites may not send anything to the studio")
    assert "practice" not in {path.name for path in studio.workspace.home.iterdir()}


def test_a_form_of_another_site_is_no_json(studio: Studio) -> None:
    """A form can be sent without asking first; JSON cannot."""
    answer = studio.ask("/api/train", method="POST", body=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status == 415


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_reads_nothing_and_may_only_link(studio: Studio, site: str) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    assert studio.ask("/api/here", headers=headers).status == 403
    assert studio.ask("/api/runs/first/kernels/0", headers=headers).status == 403
    link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
    assert studio.ask("/", headers=link).status == 200
    assert studio.ask("/api/here", headers=link).status == 403


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}], ids=str)
def test_a_socket_of_another_site_is_refused(studio: Studio, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://{studio.host}/api/live", additional_headers=headers):
        pass
    assert refused.value.response.status_code == 403


TRAVERSALS = [
    "/assets/../studio/serve.py",
    "/assets/..%2f..%2fpyproject.toml",
    "/assets/studio/index.html",
    "/assets/%2fetc%2fpasswd",
    "/assets/studio%5cstudio.js",
    "/api/folders/..",
    "/api/folders/%2e%2e%2fnotes",
    "/api/folders/notes",
    "/api/folders/..%2f..%2f/thumbnails/0",
    "/api/folders/images%00/thumbnails/0",
    "/api/runs/..%2fimages/kernels/0",
    "/api/runs/images/kernels/0",
    "/api/runs/first/kernels/..%2f..%2frun.json",
    "/api/folders/images/thumbnails/99999?v={version}",
    "/api/folders/images/thumbnails/-1?v={version}",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_to_what_is_not_listed(studio: Studio, path: str) -> None:
    answer = studio.ask(path.format(version=studio.workspace.version("images")))
    assert answer.status == 404
    assert b"root:" not in answer.body and b"not to be served" not in answer.body and b"[project]" not in answer.body


def test_every_answer_forbids_what_the_page_does_not_need(studio: Studio) -> None:
    paths = ["/", "/assets/studio/studio.js", "/api/here", "/api/none", "/api/runs/first/kernels/0"]
    for answer in [*map(studio.ask, paths), studio.ask("/", headers={"Host": "evil.example"})]:
        policy = answer.headers["content-security-policy"]
        assert (
            "default-src 'none'" in policy and "script-src 'self';" in policy and "frame-ancestors 'none'" in policy
        )
        assert "unsafe" not in policy and "http:" not in policy and "*" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in answer.headers
    assert "<script>" not in studio.ask("/").body.decode()


def test_a_body_that_is_too_long_is_not_read(studio: Studio) -> None:
    headers = {"Content-Type": "application/json"}
    announced = studio.ask(
        "/api/plan", method="POST", body=b"{}", headers=headers | {"Content-Length": str(MOST_BODY_BYTES + 1)}
    )
    assert announced.status == 413
    assert studio.post("/api/plan", {"x": "y" * MOST_BODY_BYTES}).status == 413


def test_names_are_text(studio: Studio, place: Path) -> None:
    """What the page gets of a name is JSON, in which marks that turn text are escaped."""
    body = studio.ask("/api/here").body
    assert json.loads(body)["folders"][0]["name"] == "images"
    assert "\u202e".encode() not in body


# --- a link for others
def test_with_a_token_only_its_link_opens(place: Path) -> None:
    with served([place], token="secret-token") as shared:
        assert shared.ask("/api/here").status == 403
        assert shared.ask("/?token=wrong").status == 403
        assert shared.ask("/api/here?token=secret-token").status == 403, "the token works in the first link only"
        welcome = shared.ask("/?token=secret-token")
        assert (welcome.status, welcome.headers["location"]) == (303, "/")
        cookie = welcome.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie
        own = {"Cookie": cookie.partition(";")[0]}
        assert shared.ask("/api/here", headers=own).status == 200
        assert shared.ask("/api/here", headers={"Cookie": cookie.partition("=")[0] + "=wrong"}).status == 403
        name = cookie.partition("=")[0]
        restarted = shared.ask("/?token=secret-token", headers={"Cookie": f"{name}=of-an-earlier-start"})
        assert restarted.status == 303
        rebound = own | {"Host": f"evil.example:{shared.access.port}"}
        assert shared.ask("/api/here", headers=rebound).status == 403
        with pytest.raises(InvalidStatus), connect(f"ws://{shared.host}/api/live"):
            pass


def test_only_a_host_of_its_own_needs_a_token() -> None:
    assert Access("127.0.0.1", 1).address == "http://127.0.0.1:1/"
    assert Access("192.168.1.5", 1, "t").address == "http://192.168.1.5:1/?token=t"
    assert Access("192.168.1.5", 1, "t").allows_host("192.168.1.5:1")
    assert all(Access(port=80).allows_host(name) for name in ("127.0.0.1", "localhost:80", "[::1]"))
    assert not Access(port=81).allows_host("localhost") and not Access(port=80).allows_host("evil.example")
    assert not Access("192.168.1.5", 1).allows_host("192.168.1.5:1")


def test_the_server_listens_on_this_computer_only() -> None:
    with listen("127.0.0.1", None) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        with pytest.raises(DataError, match="is in use; choose another --port"):
            listen("127.0.0.1", listener.getsockname()[1])


def test_a_path_that_is_not_there_is_refused() -> None:
    with pytest.raises(DataError, match=r"^nowhere: no such file or folder"):
        serve_studio(["nowhere"])


def test_a_host_that_is_named_gets_a_token_even_on_loopback(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a computer with several users."""
    made: list[Access] = []

    class Server:
        def run(self, sockets: object) -> None: ...

    def make(workspace: object, access: Access, on_ready: object) -> Server:
        made.append(access)
        return Server()

    monkeypatch.setattr("alexnet.studio.serve.make_server", make)
    serve_studio([place])
    serve_studio([place], host="127.0.0.1")
    assert made[0].token is None
    assert len(made[1].token or "") >= 20 and made[1].allows_host(f"127.0.0.1:{made[1].port}")
