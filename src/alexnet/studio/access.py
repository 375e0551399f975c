"""Who may ask the studio, and what each of its answers tells the browser.

A page of another site can send requests to this computer, and a site can point its own name at it (DNS rebinding). So
every request must name this server as its host, and whatever changes something must come from its own page.
"""

import contextlib
import ipaddress
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alexnet.studio.answers import refuse

__all__ = ["LOOPBACK", "SECURITY_HEADERS", "Access", "Guard"]

LOOPBACK = "127.0.0.1"
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
SAFE_METHODS = ("GET", "HEAD")

SECURITY_HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
"""Headers of every answer that does not set them itself. Components style themselves by constructed style sheets."""


@dataclass(frozen=True)
class Access:
    """Where the studio is reached. token: what a link must carry; None lets in every program of this computer."""

    host: str = LOOPBACK
    port: int = 0
    token: str | None = None

    @property
    def address(self) -> str:
        """The link to open, with the token.

        >>> Access(port=8000).address, Access("0.0.0.0", 8000, "abc").address.endswith(":8000/?token=abc")
        ('http://127.0.0.1:8000/', True)
        """
        host = _own_address() if self.host in ("0.0.0.0", "::") else self.host
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self.port}/" + (f"?token={self.token}" if self.token else "")

    @property
    def cookie(self) -> str:
        """Name of the cookie that holds the token; cookies are shared by all ports of a host."""
        return f"alexnet-studio-{self.port}"

    def allows_host(self, header: str) -> bool:
        """Whether a request's `Host` names this server.

        >>> Access(port=80).allows_host("127.0.0.1:80"), Access(port=80).allows_host("evil.example:80")
        (True, False)
        """
        name, colon, port = header.lower().rpartition(":")
        if not port.isdigit() or not colon:
            name, port = header.lower(), "80"  # browsers leave it out
        if port != str(self.port):
            return False
        if self.token is None:
            return name in LOOPBACK_NAMES
        own = {self.host.lower(), socket.gethostname().lower(), f"{socket.gethostname().lower()}.local"}
        return name in own or name in LOOPBACK_NAMES or _is_address(name)

    def allows_token(self, token: str) -> bool:
        """Whether a token is the right one."""
        return self.token is None or secrets.compare_digest(token.encode(), self.token.encode())


def _own_address() -> str:
    """The address of this computer in its network, else its name; nothing is sent."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # an address of documentation: connecting only chooses the interface
        return str(probe.getsockname()[0])
    return socket.gethostname()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


class Guard:
    """Lets through what comes from the studio's own page, and puts `SECURITY_HEADERS` on every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request or a WebSocket, or refuse it in one line."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        fault = self._fault(scope, headers) or self._token_fault(scope, headers)
        if scope["type"] == "websocket":
            if fault:
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self._app(scope, receive, send)
        elif fault:
            await refuse(403, fault)(scope, receive, send_protected)
        elif self._link_token(scope):
            await self._welcome(scope, receive, send_protected)
        else:
            await self._app(scope, receive, send_protected)

    def _fault(self, scope: Scope, headers: Headers) -> str:
        """Why a request is refused by where it comes from; empty where it is not."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._access.allows_host(hosts[0]):
            return "this server does not have that name; open the address that `alexnet studio` printed"
        site = headers.get("sec-fetch-site", "same-origin")
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            is_opened = headers.get("sec-fetch-mode") == "navigate" and scope["path"] == "/"
            return "" if is_opened or site in ("same-origin", "none") else "other sites may not read from the studio"
        origins = headers.getlist("origin")
        if any(origin.lower() != f"http://{hosts[0].lower()}" for origin in origins) or site != "same-origin":
            return "other sites may not send anything to the studio"
        return ""

    def _token_fault(self, scope: Scope, headers: Headers) -> str:
        cookies = dict(part.strip().partition("=")[::2] for part in headers.get("cookie", "").split(";"))
        # the cookie may be of an earlier start
        tokens = (self._link_token(scope), cookies.get(self._access.cookie, ""))
        is_allowed = any(self._access.allows_token(token) for token in tokens)
        return "" if is_allowed else "open the link that `alexnet studio` printed"

    def _link_token(self, scope: Scope) -> str:
        if self._access.token is None or scope["path"] != "/":
            return ""
        query: bytes = scope.get("query_string", b"")
        return parse_qs(query.decode("latin-1")).get("token", [""])[0]

    async def _welcome(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Keep the token in a cookie and take it out of the address, where it would be seen and copied."""
        response = RedirectResponse("/", 303)
        response.set_cookie(self._access.cookie, self._access.token or "", httponly=True, samesite="strict")
        await response(scope, receive, send)
