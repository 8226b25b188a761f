"""Who may speak to the server: this machine's own pages, or whoever knows the token if it listens to a network.

Every request is checked: the Host it was made to (a foreign name that resolves to this machine is refused), the
Origin of the page that made it, and the token. The token comes once in the address and then stays in a cookie.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "mien_token"
MOST_BODY_BYTES = 1024 * 1024
"""Of a request; only a character's file may be longer, and `rest_avatars` bounds it."""
_SAFE = {"GET", "HEAD", "OPTIONS"}
_FILES = re.compile(r"/api/avatars/[^/]+")
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self' blob: data: ws: wss:; style-src 'self' 'unsafe-inline'; script-src 'self'; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Whether an address to bind or a name in a request means this machine alone."""
    bare = host.strip("[]")
    if bare == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a request.

    Attributes:
        host: address that is bound.
        token: what has to be known; empty = nothing.
    """

    host: str = "127.0.0.1"
    token: str = field(default="", repr=False)

    @classmethod
    def for_host(cls, host: str) -> Rules:
        """A new token unless only this machine can reach the address."""
        return cls(host, "" if is_loopback(host) else secrets.token_urlsafe(24))

    def refusal(self, scope: Scope) -> str | None:
        """Why a request is refused; None = it is not."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if is_loopback(self.host) and not is_loopback(_parts(f"//{host}")[1]):
            return f"the studio is for this machine: it does not answer as {host[:80]!r}"
        origin = headers.get("origin")
        asks = scope["type"] == "websocket" or scope.get("method") not in _SAFE
        if origin is not None and asks and _parts(origin)[0] != host:
            return "pages of other sites may not speak to the studio"
        if self.token and not any(hmac.compare_digest(self.token.encode(), t.encode()) for t in _tokens(scope)):
            return "the token is missing: open the address that the studio printed"
        return None


def _parts(address: str) -> tuple[str, str]:
    """Host with port, and host alone, of an address; nothing of one that cannot be read."""
    try:
        parts = urlsplit(address)
        return ("", "") if "@" in parts.netloc else (parts.netloc, parts.hostname or "")
    except ValueError:
        return "", ""


def _tokens(scope: Scope) -> list[str]:
    found = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])
    headers = Headers(scope=scope)
    found += [v for k, _, v in (c.strip().partition("=") for c in headers.get("cookie", "").split(";")) if k == COOKIE]
    authorization = headers.get("authorization", "")
    return found + ([authorization[7:]] if authorization.startswith("Bearer ") else [])


def _too_long(scope: Scope) -> bool:
    """Whether a body is longer than it may be, or does not say how long it is."""
    headers = Headers(scope=scope)
    if scope["method"] == "PUT" and _FILES.fullmatch(scope["path"]):
        return False
    length = headers.get("content-length", "0")
    return "transfer-encoding" in headers or not 0 < len(length) < 10 or int(length) > MOST_BODY_BYTES


class Guard:
    """ASGI middleware that asks `Rules`, and adds headers that keep pages to themselves."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        why = self._rules.refusal(scope) if kind in ("http", "websocket") else None
        if why is not None and kind == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": why})
        elif why is not None:
            await JSONResponse({"detail": why}, 403, headers=dict(HEADERS))(scope, receive, send)
        elif kind == "http" and _too_long(scope):
            what = f"a request says its length, {MOST_BODY_BYTES // 1024**2} MB at most"
            await JSONResponse({"detail": what}, 413, headers=dict(HEADERS))(scope, receive, send)
        elif kind == "http" and self._rules.token and scope["path"] == "/" and b"token=" in scope["query_string"]:
            there = RedirectResponse("/", 303, headers=dict(HEADERS))
            there.set_cookie(COOKIE, self._rules.token, httponly=True, samesite="strict")
            await there(scope, receive, send)
        else:
            await self._app(scope, receive, _with_headers(send) if kind == "http" else send)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return sending
