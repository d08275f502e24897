"""What every request passes: who may ask, by which name, with which method; and the headers of every answer.

A page of another site cannot read answers of this one, but it can make a browser ask. So a name that is not ours is
refused (a foreign name may lead to this address), and a change needs our own origin and a token that only our pages
hold.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import field
from hashlib import sha256
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lakeflow.core.values import dataclass

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
COOKIE: Final = "lakeflow"
_LOOKS: Final = frozenset({"GET", "HEAD"})
_OPEN: Final = frozenset({"/enter", "/healthz", "/metrics"})
"""What tells nothing of the data is shown without a token."""
_LARGEST: Final = 64 << 10
"""Bytes of a form: a reason, a name and a token."""
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Access:
    """Who may ask. `hosts` are the names under which this server may be asked, `password` what somebody elsewhere has
    to give, `secure` whether it is reached by TLS, `proxied` whether a proxy before it may have TLS, `acts` whether
    anything may be changed. `token` and `session` are made anew at each start.
    """

    hosts: frozenset[str] = LOOPBACK
    password: str = field(default="", repr=False)
    secure: bool = False
    proxied: bool = False
    acts: bool = False
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    session: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    def knows(self, host: str) -> bool:
        return name_of(host) in self.hosts

    def origins(self, host: str) -> frozenset[str]:
        """How a browser names a page of this server that was asked for as `host`."""
        schemes = {"https"} if self.secure else {"http", "https"} if self.proxied else {"http"}
        return frozenset(f"{scheme}://{host}" for scheme in schemes)

    def admits(self, headers: Headers) -> bool:
        """Nobody is asked where there is no password: the address is this machine's own."""
        if not self.password:
            return True
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and same(given.strip(), self.password):
            return True
        return same(_cookie(headers), self.session)


def name_of(host: str) -> str:
    """The name of a Host header, without its port, in lower case; empty for what is no name."""
    name, colon, port = host.rpartition(":")
    if host.endswith("]") or not colon:
        name, port = host, ""
    if port and not (port.isascii() and port.isdigit()):
        return ""
    return name.lower()


def same(one: str, other: str) -> bool:
    """Are two secrets equal? How long that takes tells nothing."""
    return bool(one) and compare_digest(sha256(one.encode()).digest(), sha256(other.encode()).digest())


class Guard:
    """Every request goes through here, whatever its method and its path."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets here
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refused(scope) or await self._entering(scope, receive)
        if isinstance(refused, Response):
            await refused(scope, receive, guarded)
        else:
            await self._app(scope, refused or receive, guarded)

    def _refused(self, scope: Scope) -> Response | None:
        headers, method = Headers(scope=scope), scope["method"]
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._access.knows(hosts[0]):
            return PlainTextResponse("this server is not asked by that name\n", 421)
        enters = scope["path"] == "/enter" and bool(self._access.password)
        if method not in _LOOKS and not (method == "POST" and (enters or self._access.acts)):
            return PlainTextResponse("there is nothing to do that with\n", 405, {"allow": "GET, HEAD"})
        origins = headers.getlist("origin")
        if _is_part_of_another_page(headers) or (
            method != "POST" and not self._access.origins(hosts[0]).issuperset(origins)
        ):
            return PlainTextResponse("this is shown as a page, not within one of another site\n", 403)
        if method == "POST" and not self._from_here(headers, hosts[0]):
            return PlainTextResponse("a change is asked for from a page of this server\n", 403)
        is_open = scope["path"] in _OPEN or scope["path"].startswith("/static/")
        return None if is_open or self._access.admits(headers) else _to_enter(headers, method)

    def _from_here(self, headers: Headers, host: str) -> bool:
        """Does a page of ours ask? A browser says where a form comes from; who says nothing is not ours."""
        origins, site = headers.getlist("origin"), headers.get("sec-fetch-site")
        if origins:
            known = len(origins) == 1 and origins[0] in self._access.origins(host)
            return known and site in {None, "same-origin"}
        return site == "same-origin"

    async def _entering(self, scope: Scope, receive: Receive) -> Response | Receive | None:
        """A form must hold the token of this start; what was read of it is given to the page again."""
        if scope["method"] != "POST":
            return None
        body = await _body(receive)
        if body is None:
            return PlainTextResponse("that is more than a form holds\n", 413)
        given = parse_qs(body.decode("utf-8", "replace")).get("token", [""])
        if scope["path"] != "/enter" and not (len(given) == 1 and same(given[0], self._access.token)):
            return PlainTextResponse("the page is from before this server was started: load it again\n", 403)
        return _again(body)


def _is_part_of_another_page(headers: Headers) -> bool:
    """Does another site ask in the background? Whoever follows a link comes as `navigate`."""
    return is_foreign(headers) and headers.get("sec-fetch-mode") != "navigate"


def is_foreign(headers: Headers) -> bool:
    """Has a page of another site led here, as far as the browser says?"""
    return headers.get("sec-fetch-site") not in {None, "same-origin", "none"}


def _to_enter(headers: Headers, method: str) -> Response:
    if "text/html" in headers.get("accept", "") and method in _LOOKS:
        return RedirectResponse("/enter", 303)
    return PlainTextResponse("Authorization: Bearer with the token of this server is needed\n", 401)


async def fields(request: Request) -> dict[str, str]:
    """What a form holds; of a name that comes twice the last."""
    body = (await request.body()).decode("utf-8", "replace")
    return {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}


def _cookie(headers: Headers) -> str:
    found: SimpleCookie = SimpleCookie()
    try:
        for each in headers.getlist("cookie"):
            found.load(each)
    except CookieError:
        return ""
    return found[COOKIE].value if COOKIE in found else ""


async def _body(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if sum(map(len, parts)) > _LARGEST:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes) -> Receive:
    waiting: Iterable[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        return next(iter(waiting), {"type": "http.disconnect"})

    return receive
